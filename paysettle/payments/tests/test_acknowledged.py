"""A client's log is held against the books: each lie is named by its key."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from paysettle.ledger import verify
from paysettle.ledger.verify import NotAClientLog
from tests.moves import authorise, capture, refund
from tests.people import Person, deposit, pay, person

pytestmark = pytest.mark.money


def told(by: Person, key: str, outcome: str, **more: Any) -> str:
    return json.dumps({"party": by.party, "key": key, "outcome": outcome, **more})


def findings(*lines: str) -> list[str]:
    report = verify.verify(client_log=lines)
    return [finding for finding in report.findings if finding.startswith("acknowledged: ")]


def test_the_truth_has_no_finding_and_each_lie_is_named() -> None:
    ana, ben = person("ana"), person("ben")
    refused = pay(ana, ben, 10, key="refused")
    deposit(ana, 100)
    paid = pay(ana, ben, 10, key="paid").document()
    assert refused.status == 422
    said = {"payment": paid["id"], "payee": ben.party, "amount": 10, "currency": "EUR"}
    assert (
        findings(
            told(ana, "paid", "ok", **said),
            told(ana, "refused", "refused"),
            told(ana, "paid", "unknown"),
            told(ana, "never sent", "unknown"),
        )
        == []
    )
    name = "acknowledged: key {} of " + ana.party
    assert findings(told(ana, "refused", "ok", **said)) == [
        name.format("refused") + " was acknowledged and has no payment"
    ]
    assert findings(told(ana, "paid", "refused")) == [
        name.format("paid") + f" was refused and has the payment {paid['id']}"
    ]
    assert findings(told(ana, "paid", "ok", **said | {"amount": 11, "payee": ana.party})) == [
        name.format("paid") + " was acknowledged with another payee and amount"
    ]


def test_each_lie_about_a_refund_or_a_move_is_named() -> None:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 100)
    held = authorise(ana, ben, 50).document()["id"]
    other = authorise(ana, ben, 50).document()["id"]
    capture(ben, held, 30, key="captured")
    refused = capture(ben, held, 30, key="too much")
    returned = refund(ben, held, 20, key="returned").document()["id"]
    assert refused.status == 422
    said = {"refund": returned, "payment": held, "amount": 20, "currency": "EUR"}
    assert (
        findings(
            told(ben, "captured", "ok", operation="move", payment=held),
            told(ben, "returned", "ok", operation="refund", **said),
            told(ben, "too much", "refused", operation="move"),
            told(ben, "never sent", "unknown", operation="refund"),
        )
        == []
    )
    name = "acknowledged: key {} of " + ben.party
    assert findings(
        told(ben, "too much", "ok", operation="move", payment=held),
        told(ben, "captured", "refused", operation="move"),
        told(ben, "captured", "ok", operation="move", payment=other),
        told(ben, "returned", "ok", operation="refund", **said | {"amount": 21}),
        told(ben, "returned", "refused", operation="refund"),
    ) == [
        name.format("too much") + " was acknowledged and has no move",
        name.format("captured") + f" was refused and has the move {held}",
        name.format("captured") + " was acknowledged with another payment",
        name.format("returned") + " was acknowledged with another amount",
        name.format("returned") + f" was refused and has the refund {returned}",
    ]


@pytest.mark.parametrize("line", ["x", "{}", "[]", "1", '{"party": "ana", "key": "k", "outcome": "ok"}'])
def test_what_is_no_log_is_refused(line: str, tmp_path: Path) -> None:
    with pytest.raises(NotAClientLog, match="Line 1"):
        verify.verify(client_log=[line])
    file = tmp_path / "log"
    file.write_text(line)
    with pytest.raises(CommandError, match="Line 1"):
        call_command("ledger", "verify", "--acknowledged", str(file))


def test_the_totals_of_a_currency_come_to_zero(capsys: pytest.CaptureFixture[str]) -> None:
    deposit(person("ana"), 100, "SEK")
    call_command("ledger", "trial-balance")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    totals = [float(row[-1]) for row in rows if row[0] == "SEK"]
    assert len(totals) == 2
    assert sum(totals) == 0
