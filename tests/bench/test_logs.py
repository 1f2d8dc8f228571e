"""What loads write is right: a client's log that `ledger verify --acknowledged` reads, and rows like the product's."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from django.db import connection

from bench import inside
from bench.load import sockets
from bench.raw import __main__ as raw
from bench.raw.__main__ import Plan
from bench.raw.programs import PROCEDURE, PROGRAMS
from bench.raw.rows import Maker, Texts
from paysettle.ledger import accounts, verify
from tests.people import deposit, pay, person
from tests.plugin import KIND
from tests.server import Server


@pytest.mark.once
def test_the_log_of_our_own_generator_bears_the_books_out_and_a_lie_in_it_is_found(
    server: Server, tmp_path: Path
) -> None:
    people = [person(name) for name in ("ana", "ben")]
    for who in people:
        deposit(who, 10**9)
    (tokens := tmp_path / "tokens").write_text("\n".join(server.client(who).token for who in people))
    (payees := tmp_path / "payees").write_text("\n".join(who.handle for who in people))
    log = io.StringIO()
    generator = sockets.Generator(server.address, tokens, payees, log, people[0].handle, rate=0)
    asyncio.run(sockets._generate(generator, connections=2, seconds=0.5))
    lines = log.getvalue().splitlines()
    assert generator.errors == 0
    assert lines
    assert _findings(lines) == []
    told = json.loads(lines[0])
    told["amount"] += 1
    assert _findings([*lines[1:], json.dumps(told)]) == [
        f"acknowledged: key {told['key']} of {told['party']} was acknowledged with another amount"
    ]


@pytest.mark.once("mariadb")
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_raw_program_writes_is_no_finding(name: str) -> None:
    if KIND != "mariadb":
        pytest.skip("the raw programs speak the SQL of MariaDB")
    people = [person(name) for name in ("ana", "ben")]
    for who in people:
        deposit(who, 10**9)
    pay(people[0], people[1], 1)
    settings = connection.settings_dict
    plan = Plan(
        program=name,
        batch=2,
        connections=1,
        seconds=1,
        hot=False,
        host=settings["HOST"],
        port=int(settings["PORT"]),
        database=settings["NAME"],
        people=[(who.party_id.hex, accounts.wallet(who.party_id, "EUR").hex) for who in people],
        texts=inside.sample(),
    )
    inside.execute([PROCEDURE])
    maker = Maker(plan.people, hot=False)
    before = inside.count_payments()
    PROGRAMS[name](raw._connect(plan), [maker.new(), maker.new()], Texts(**plan.texts))
    assert inside.count_payments() == before + 2
    assert verify.verify().findings == []


def _findings(lines: list[str]) -> list[str]:
    found = verify.verify(client_log=lines).findings
    return [finding for finding in found if finding.startswith("acknowledged: ")]
