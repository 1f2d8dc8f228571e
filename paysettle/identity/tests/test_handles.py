"""Handles: none looks like another's, none stands for the operator, and none is ever given away again."""

import importlib
import secrets
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from paysettle.identity import handles
from paysettle.identity.models import Party, PartyKind, User
from paysettle.identity.operations import handles as operations
from paysettle.identity.operations import organisations, registration
from paysettle.identity.operations.handles import HandleLookalike, HandleNotAscii, HandleReserved, HandleTaken
from paysettle.identity.personal import Registration
from paysettle.identity.tests.app_client import PASSWORD, App, at_once
from tests.companies import send
from tests.people import Person, person

SAID = Registration(legal_name="Padaria Central, Lda.", country="PT")

LOOK_ALIKES = [
    ("paul{}", "pau1{}"),
    ("paul{}", "paui{}"),
    ("oto{}", "0t0{}"),
    ("corner{}", "comer{}"),
    ("wanda{}", "vvanda{}"),
    ("padaria{}", "pa-daria{}"),
    ("ana.silva{}", "ana_silva{}"),
    ("r.nina{}", "mina{}"),
]
DIFFERENT = [("ana{}", "anna{}"), ("paul{}", "paula{}"), ("ben2{}", "ben3{}"), ("vow{}", "wov{}")]


@pytest.fixture(autouse=True)
def _hash_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody signs in here, and hashing is slow on purpose."""
    monkeypatch.setattr(registration, "make_password", lambda _password: "!")


def register(handle: str) -> User:
    return registration.register(handle=handle, email=f"{secrets.token_hex(6)}@example.org", password=PASSWORD)


def create(by: Person, handle: str) -> Party:
    return organisations.create(by=by.caller, handle=handle, registration=SAID).party


def unique(pair: tuple[str, str]) -> list[str]:
    # Of letters that look like nothing else.
    rest = "".join(secrets.choice("abcdefgh") for _ in range(12))
    return [handle.format(rest) for handle in pair]


@pytest.mark.parametrize("pair", LOOK_ALIKES)
def test_a_look_alike_is_refused_whoever_comes_first(pair: tuple[str, str]) -> None:
    for one, other in (unique(pair), unique(pair)[::-1]):
        register(one)
        with pytest.raises(HandleLookalike):
            register(other)
        with pytest.raises(HandleLookalike):
            create(person("olga"), other)
        assert not Party.objects.filter(handle=other).exists()


@pytest.mark.parametrize("pair", DIFFERENT)
def test_what_only_resembles_is_let_through(pair: tuple[str, str]) -> None:
    for handle in unique(pair):
        register(handle)


def test_the_same_handle_is_taken_rather_than_alike() -> None:
    [handle, _] = unique(LOOK_ALIKES[0])
    register(handle)
    with pytest.raises(HandleTaken):
        register(handle)


@pytest.mark.parametrize("handle", ["p\u0430ul", "pàul", "ｐaul", "pau\u0131", "pau\u200bl", "ра\u0443l"])  # noqa: RUF001
def test_letters_of_other_alphabets_are_refused_and_the_caller_is_told_why(handle: str) -> None:
    with pytest.raises(HandleNotAscii):
        register(handle)
    answer = App().sign_up(handle, f"{secrets.token_hex(6)}@example.org")
    assert (answer.status, answer.code) == (400, "handle_not_ascii")


@pytest.mark.parametrize("handle", ["support", "supp0rt", "sup.port", "adm1n", "adrnin", "pay-settle", "he1p"])
def test_nobody_stands_for_the_operator(handle: str) -> None:
    with pytest.raises(HandleReserved):
        create(person("olga"), handle)
    answer = App().sign_up(handle, f"{secrets.token_hex(6)}@example.org")
    assert answer.code == ("username_blacklisted" if handle == "support" else "handle_reserved")


def test_signing_up_names_a_look_alike() -> None:
    one, other = unique(LOOK_ALIKES[0])
    assert App().sign_up(one, f"{secrets.token_hex(6)}@example.org").status == 401  # the address is to be verified
    answer = App().sign_up(other, f"{secrets.token_hex(6)}@example.org")
    assert (answer.status, answer.code) == (400, "handle_lookalike")


def test_the_api_names_a_look_alike() -> None:
    one, other = unique(LOOK_ALIKES[0])
    register(one)
    body = {"handle": other, "legal_name": "Firm", "country": "PT"}
    reply = send(person("olga"), "POST", "/api/v1/organisations", body)
    assert (reply.status, reply.document["code"]) == (409, "handle_lookalike")


def outcome(one: Any) -> str:
    try:
        one()
    except (HandleLookalike, HandleTaken) as refusal:
        return refusal.code
    return "made"


@pytest.mark.money
def test_of_two_who_want_look_alikes_at_once_one_gets_it() -> None:
    for pair in LOOK_ALIKES:
        one, other = unique(pair)
        olga = person("olga")
        got = at_once(partial(outcome, partial(register, one)), partial(outcome, partial(create, olga, other)))
        assert sorted(got) == ["handle_lookalike", "made"]
        assert Party.objects.filter(handle_skeleton=handles.skeleton(one)).count() == 1


@pytest.mark.money
def test_when_both_have_looked_before_either_writes_the_database_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constraint is what decides: with the look taken away the second one still gets the refusal."""
    one, other = unique(LOOK_ALIKES[0])
    register(one)
    looks: list[str] = []
    check = operations.check_free

    def second_look(handle: str) -> None:
        looks.append(handle)
        if len(looks) > 1:
            check(handle)

    monkeypatch.setattr(operations, "check_free", second_look)
    with pytest.raises(HandleLookalike):
        register(other)
    assert looks == [other, other]


@pytest.mark.money
def test_control_with_handles_for_skeletons_both_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: only the same letters count as the same."""
    monkeypatch.setattr(handles, "skeleton", lambda handle: handle)
    for handle in unique(LOOK_ALIKES[0]):
        register(handle)


@pytest.mark.money
def test_those_who_looked_alike_before_keep_their_handles() -> None:
    """The migration gives the skeleton to the oldest, and to the others one that no handle can have."""
    migration = importlib.import_module("paysettle.identity.migrations.0006_payees")
    one, other = unique(LOOK_ALIKES[0])
    first = register(one).own_party
    second = Party.objects.create(
        kind=PartyKind.PERSON, handle=other, handle_skeleton=other, created_at=first.created_at
    )
    of_these = Party.objects.filter(id__in=[first.id, second.id])
    tables = SimpleNamespace(get_model=lambda *_: SimpleNamespace(objects=of_these))
    migration.fill_skeletons(tables, None)
    skeletons = dict(of_these.values_list("handle", "handle_skeleton"))
    assert skeletons == {one: handles.skeleton(one), other: f"={other}"}
    assert not handles.is_handle(f"={other}")
    with pytest.raises(IntegrityError), transaction.atomic():
        Party.objects.filter(id=second.id).update(handle_skeleton=handles.skeleton(one))
