"""`manage.py treasury`: what makes no sense is one sentence, and books nothing."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from paysettle.payments.models import TreasuryMove
from tests.money import balance
from tests.people import Person, person


def _call(verb: str, who: Person, amount: str = "100", currency: str = "EUR", **options: str) -> str:
    out = io.StringIO()
    call_command("treasury", verb, who.handle, amount, currency, **{"reason": "test", **options}, stdout=out)
    return out.getvalue()


def test_money_comes_in_once_for_a_key() -> None:
    ana = person("ana")
    first, second = (json.loads(_call("deposit", ana, key=f"key of {ana.handle}")) for _ in range(2))
    assert first == second
    assert balance(ana) == 100


@pytest.mark.parametrize("amount", ["0", "-1", "1.5", "x", "", "9" * 19, "0" * 18 + "199999999999999999", "\u0661"])
def test_an_amount_that_is_none(amount: str) -> None:
    ana = person("ana")
    with pytest.raises(CommandError, match="The amount is a whole number"):
        _call("deposit", ana, amount)
    assert not TreasuryMove.objects.filter(party_id=ana.party_id).exists()


@pytest.mark.parametrize("operator", ["", " ", "a\udcff", "x" * 51])
def test_an_operator_who_is_nobody(operator: str) -> None:
    ana = person("ana")
    with pytest.raises(CommandError, match="The operator is"):
        _call("deposit", ana, operator=operator)
    assert not TreasuryMove.objects.filter(party_id=ana.party_id).exists()


@pytest.mark.parametrize(("option", "value"), [("reason", " "), ("reason", "a\nb"), ("key", ""), ("key", "\xe9")])
def test_a_reason_or_a_key_that_is_none(option: str, value: str) -> None:
    with pytest.raises(CommandError):
        _call("deposit", person("ana"), **{option: value})


def test_a_refusal_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="insufficient_funds"):
        _call("withdraw", person("ana"))
