"""People and money for tests: every test makes its own."""

import itertools
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from unittest.mock import patch
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import make_password

from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, Membership, User
from paysettle.identity.operations import registration, sessions
from paysettle.kernel import identifiers
from paysettle.kernel.idempotency import Answer, fingerprint
from paysettle.kernel.lane import lane
from paysettle.kernel.money import Money
from paysettle.payments.models import TreasuryDirection
from paysettle.payments.operations import treasury
from paysettle.payments.operations.send import PaymentOrder, send_payment

PASSWORD = "correct horse battery staple"

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has signed up, verified their address and signed in."""

    user: User
    handle: str
    email: str
    party_id: UUID
    session: LoginSession

    @property
    def caller(self) -> Caller:
        """The person, acting for themself."""
        return Caller(user_id=self.user.id, session_id=self.session.id, party_id=self.party_id)

    @property
    def party(self) -> str:
        """The public id of the person's party."""
        return identifiers.show("par", self.party_id)


def _hash_once(password: str) -> str:
    """Hashing is slow on purpose; one hash does for all these people."""
    return _hash(password, settings.PASSWORD_HASHERS[0])


@lru_cache
def _hash(password: str, _hasher: str) -> str:
    return make_password(password)


def person(name: str) -> Person:
    """Make a verified, signed-in person; the handle begins with the name and is unique."""
    handle = f"{name}-{os.getpid()}-{next(_numbers)}-{secrets.token_hex(2)}"
    email = f"{handle}@example.org"
    with patch.object(registration, "make_password", _hash_once):
        user = registration.register(handle=handle, email=email, password=PASSWORD, verified=True)
    party_id = Membership.objects.get(user=user).party_id
    session = sessions.begin(user, secrets.token_hex(16))
    return Person(user, handle, email, party_id, session)


def deposit_order(
    to: Person,
    amount_minor: int,
    currency: str = "EUR",
    *,
    key: str | None = None,
    direction: TreasuryDirection = TreasuryDirection.DEPOSIT,
) -> treasury.TreasuryOrder:
    """Return an order to let money in, or out."""
    return treasury.order(
        operator="tests",
        direction=direction,
        party_id=to.party_id,
        money=Money(amount_minor, currency),
        reason="a test",
        key=key or secrets.token_hex(8),
        request_id=identifiers.show("req", identifiers.new()),
    )


def deposit(to: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None) -> Answer:
    """Let money in."""
    return lane.call(treasury.move_treasury, deposit_order(to, amount_minor, currency, key=key))


def withdraw(whose: Person, amount_minor: int, currency: str = "EUR") -> Answer:
    """Let money out."""
    order = deposit_order(whose, amount_minor, currency, direction=TreasuryDirection.WITHDRAWAL)
    return lane.call(treasury.move_treasury, order)


def payment_order(
    by: Person, to: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None, note: str = ""
) -> PaymentOrder:
    """Return an order to pay."""
    return PaymentOrder(
        party_id=by.party_id,
        key=key or secrets.token_hex(8),
        fingerprint=fingerprint(to.handle, amount_minor, currency, note),
        request_id=identifiers.show("req", identifiers.new()),
        by=by.caller,
        payee=to.handle,
        money=Money(amount_minor, currency),
        note=note,
    )


def pay(by: Person, to: Person, amount_minor: int, currency: str = "EUR", *, key: str | None = None) -> Answer:
    """Pay through the lane."""
    return lane.call(send_payment, payment_order(by, to, amount_minor, currency, key=key))
