"""No door does more or less because an address belongs to somebody: it writes the same, and takes as long.

Known and unknown addresses are asked about in turn, and their times compared at the median: processor time, which
on SQLite is all there is but the disk, and with a server the part of the one who asks. Passwords are hashed cheaply
here, in either case: with the real hash, noise would hide what else is done (that strangers' passwords are hashed too,
`test_enumeration.py` shows).
"""

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.test import override_settings

from paysettle.identity import invitation_mail, queries
from paysettle.identity.models import User, VerifiedAddress
from paysettle.identity.operations import addresses
from paysettle.identity.tests.app_client import AUTH, App
from paysettle.identity.tests.people import person
from tests import people as payers
from tests import timing
from tests.companies import company, send
from tests.statements import noted

pytestmark = pytest.mark.shared

Door = Callable[[str], Any]

WRITES = ("INSERT", "UPDATE", "DELETE")
ASKS = "whatever writes nothing"
FEW = 2
"""How many more questions, each a fraction of a millisecond, may be asked on one side: `BEGIN` and `COMMIT` count."""


@pytest.fixture(autouse=True)
def hashed_cheaply() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def sign_in(email: str) -> Any:
    return App().sign_in("a wrong password", email=email).shape()


def sign_up(email: str) -> Any:
    return App().sign_up(f"new-{secrets.token_hex(6)}", email).status


def ask_for_reset(email: str) -> Any:
    return App().call("POST", f"{AUTH}/auth/password/request", {"email": email}).status


def invite() -> Door:
    """Return a door that invites, for one organisation after another: each invites so many a day."""
    firms = (firm for _ in itertools.count() for firm in itertools.repeat(company(payers.person("olga")), 50))

    def one(email: str) -> Any:
        firm = next(firms)
        body = {"email": email, "role": "payer"}
        return send(firm.acted_for_by(firm.owner), "POST", f"{firm.path}/invitations", body).status

    return one


DOORS: dict[str, Callable[[], Door]] = {
    "signing in": lambda: sign_in,
    "signing up": lambda: sign_up,
    "asking for a new password": lambda: ask_for_reset,
    "inviting": invite,
}


def tells(door: Door) -> bool:
    """Return whether a known address takes a time that one of nobody does not."""
    door(person("warm").email)
    door(f"cold-{secrets.token_hex(4)}@example.org")
    return timing.differ(_pairs(door), clock=time.thread_time)


def _pairs(door: Door) -> Iterator[tuple[timing.Call, timing.Call]]:
    while True:
        yield partial(door, person("ana").email), partial(door, f"bob-{secrets.token_hex(4)}@example.org")


@pytest.mark.parametrize("name", DOORS)
def test_a_known_address_takes_as_long(name: str) -> None:
    assert not tells(DOORS[name]())


def written(door: Door, email: str) -> Counter[str]:
    """Return what a door writes, by table, and how often it asks for anything else."""
    with noted() as said:
        door(email)
    return Counter(_kind(sql) for sql in said)


def _kind(sql: str) -> str:
    does, into, table, *_ = [*sql.split(), "", ""]
    return f"{does} {table if does in {'INSERT', 'DELETE'} else into}" if does in WRITES else ASKS


def tells_by_what_it_writes(door: Door) -> bool:
    """Return whether a door writes something for a known address or an unknown one alone, or asks for much more."""
    known = [person("ana").email for _ in range(2)]
    unknown = [f"bob-{secrets.token_hex(4)}@example.org" for _ in range(2)]
    for email in (known[0], unknown[0]):
        door(email)  # what is found once is remembered
    one, other = (written(door, email) for email in (known[1], unknown[1]))
    return abs(one.pop(ASKS) - other.pop(ASKS)) > FEW or one != other


@pytest.mark.parametrize("name", DOORS)
def test_a_known_address_is_written_about_like_an_unknown_one(name: str) -> None:
    """What waits for a disk, or for a lock, shows in no processor time."""
    assert not tells_by_what_it_writes(DOORS[name]())


def test_control_a_write_for_who_is_known_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    find = queries.user_id_of_address

    def noting(*said: Any) -> Any:
        found = find(*said)
        if found is not None:
            User.objects.filter(id=found).update(is_active=True)
        return found

    monkeypatch.setattr(queries, "user_id_of_address", noting)
    assert tells_by_what_it_writes(sign_in)


def _slower(look: Callable[..., Any], *, if_found: Callable[[Any], bool] = bool) -> Callable[..., Any]:
    """Return a question that takes longer where somebody is found."""

    def slower(*args: Any, **named: Any) -> Any:
        found = look(*args, **named)
        if if_found(found):
            timing.work(timing.PLANTED_S)
        return found

    return slower


@pytest.mark.parametrize("name", DOORS)
def test_control_a_planted_difference_shows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "signing in":
        monkeypatch.setattr(queries, "user_id_of_address", _slower(queries.user_id_of_address))
    elif name == "signing up":
        monkeypatch.setattr(addresses, "is_free", _slower(addresses.is_free, if_found=lambda free: not free))
    elif name == "asking for a new password":
        monkeypatch.setattr(queries, "people_with_verified_address", _slower(queries.people_with_verified_address))
    else:
        mailed = invitation_mail.send

        def only_to_strangers(invitation: Any, **named: Any) -> None:
            mailed(invitation, **named)
            if VerifiedAddress.objects.filter(digest=bytes(invitation.address_digest)).exists():
                timing.work(timing.PLANTED_S)

        monkeypatch.setattr(invitation_mail, "send", only_to_strangers)
    assert tells(DOORS[name]())
