"""What a load writes down is a client's log that `ledger verify --acknowledged` reads."""

import asyncio
import io
import json
from pathlib import Path

import pytest

from bench.load import sockets
from paysettle.ledger import verify
from tests.people import deposit, person
from tests.server import Server

pytestmark = pytest.mark.once


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


def _findings(lines: list[str]) -> list[str]:
    found = verify.verify(client_log=lines).findings
    return [finding for finding in found if finding.startswith("acknowledged: ")]
