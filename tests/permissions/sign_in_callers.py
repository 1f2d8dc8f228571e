"""Who calls where people sign in: each kind of caller of the access table, as a device and what it adds to it all."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any

from paysettle.identity import tokens
from paysettle.identity.models import LoginSession
from paysettle.identity.operations import members, people, sessions, staff
from paysettle.identity.roles import Permission, Role, StaffRole
from paysettle.identity.tests.app_client import Answer, App
from tests.codes import code_of, give_second_factor
from tests.companies import Company, company
from tests.machines import bearer, new_key
from tests.permissions.callers import LONG_AGO, OPERATOR, disabled
from tests.permissions.sign_in import Device, Signing, device

Meanwhile = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Sender:
    """A device, the headers that it adds to everything, and what is so while it sends. `device` is None for a token."""

    app: App
    device: Device | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    meanwhile: Meanwhile = nullcontext

    def send(self, sent: Signing) -> Answer:
        """Send something that was made for somebody else, with the session or the token that this sender has."""
        if sent.first:
            self.send(sent.first)
        return self.send_own(sent)

    def send_own(self, sent: Signing) -> Answer:
        """Send what was made for this sender."""
        with self.meanwhile():
            return sent.send(self.app, **self.headers)


class Everybody:
    """Every kind of caller. What they do for themselves they do not ask of others: who signs out is out."""

    def __init__(self) -> None:
        self._known: dict[str, Sender] = {}

    def __getitem__(self, caller: str) -> Sender:
        """Return a caller, signed in when first asked for."""
        if caller not in self._known:
            self._known[caller] = CALLERS[caller](self)
        return self._known[caller]

    @cached_property
    def firm(self) -> Company:
        """The organisation that some of them act for, and whose tokens others have got hold of."""
        return company(self.owner.who)

    @cached_property
    def owner(self) -> Device:
        """The owner of that organisation."""
        return device("olga")

    def acting(self, on: Device, meanwhile: Meanwhile = nullcontext) -> Sender:
        """Return somebody who names the organisation in Acting-Party."""
        return Sender(on.app, on, {"Acting-Party": self.firm.id}, meanwhile)

    def with_token(self, token: str) -> Sender:
        """Return somebody who has no session, but this token."""
        return Sender(App(), None, {"Authorization": f"Bearer {token}", "Acting-Party": self.firm.id})


def _expired(everybody: Everybody) -> Sender:
    """Take a token as it was when the owner's device, which is still signed in, had it long ago."""
    now = datetime.now(UTC)
    said = tokens.verify_access_token(everybody.owner.app.access_token, now)
    session = LoginSession.objects.get(id=said.session_id)
    return everybody.with_token(tokens.issue_access_token(session, everybody.owner.who.user, now - LONG_AGO))


def _ended(_: Everybody) -> Sender:
    gone = device("gil")
    sessions.end_others(by=gone.who.caller)
    sessions.end(by=gone.who.caller, session_id=gone.who.session.id)
    return Sender(gone.app)


def _disabled(_: Everybody) -> Sender:
    gone = device("dora")
    people.disable(by=OPERATOR, user_id=gone.who.user.id, reason="a test")
    return Sender(gone.app)


def _member(everybody: Everybody, role: Role) -> Sender:
    on = device(role.value)
    everybody.firm.join(on.who, role)
    return everybody.acting(on)


def _removed(everybody: Everybody) -> Sender:
    made = _member(everybody, Role.OWNER)
    assert made.device is not None
    firm = everybody.firm
    by = firm.acted_for_by(firm.owner).caller
    members.remove(by=by, member_id=firm.member(made.device.who).id)
    return made


def _while_disabled(everybody: Everybody) -> Sender:
    on = device("oscar")
    everybody.firm.join(on.who, Role.OWNER)
    return everybody.acting(on, partial(disabled, everybody.firm.party.id))


def _other_owner(_: Everybody) -> Sender:
    on = device("eva")
    return Sender(on.app, on, {"Acting-Party": company(on.who).id})


def _other(_: Everybody) -> Sender:
    on = device("erin")
    return Sender(on.app, on)


def _staff(everybody: Everybody, role: StaffRole) -> Sender:
    on = device(f"staff-{role.value[:8].strip('_')}")
    staff.appoint(by=OPERATOR, user_id=on.who.user.id, role=role, reason="a test")
    give_second_factor(on.who.user)
    app = App()  # whoever is appointed signs in anew
    app.sign_in(username=on.who.handle)
    assert app.enter_code(code_of(on.who.user)).status == 200
    return everybody.acting(Device(on.who, app))


def _key(everybody: Everybody, scope: Permission) -> Sender:
    maker = everybody.firm.acted_for_by(everybody.firm.owner)
    return Sender(App(), None, bearer(new_key(maker, {scope})))


CALLERS: dict[str, Callable[[Everybody], Sender]] = {
    "anonymous": lambda _: Sender(App()),
    "expired_token": _expired,
    "refresh_token": lambda everybody: everybody.with_token(everybody.owner.app.refresh_token),
    "ended_session": _ended,
    "disabled_person": _disabled,
    "removed_member": _removed,
    "disabled_party": _while_disabled,
    "self": _other,
    "key_with_scope": lambda everybody: _key(everybody, Permission.PAY),
    "key_without_scope": lambda everybody: _key(everybody, Permission.PAYMENT_READ),
    "other_person": _other,
    "other_organisation": _other_owner,
    "intruder": lambda everybody: everybody.acting(device("ivan")),
}
CALLERS |= {role.value: lambda everybody, role=role: _member(everybody, role) for role in Role}  # type: ignore[misc]
CALLERS |= {
    f"staff_{role}": lambda everybody, role=role: _staff(everybody, role)  # type: ignore[misc]
    for role in StaffRole
}
