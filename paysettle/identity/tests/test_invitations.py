"""Invitations: good for once, for a time, and for the address they were sent to."""

import json
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext

from paysettle.events.models import Event
from paysettle.identity import invitation_mail, queries
from paysettle.identity.caller import Caller
from paysettle.identity.models import Invitation, InvitationState, Membership
from paysettle.identity.operations import addresses, invitations, members, open_invitations, parties, people
from paysettle.identity.operations.invitations import (
    AlreadyMember,
    InvitationExpired,
    InvitationForAnother,
    InvitationNotSent,
    InvitationRevoked,
    InvitationUnknown,
    InvitationUsed,
    TooManyInvitations,
)
from paysettle.identity.roles import Role
from paysettle.identity.standing import NotPermitted, PartyDisabled
from paysettle.identity.tests.app_client import at_once
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.identifiers import SYSTEM
from tests.companies import Company, company, send
from tests.people import Person, person
from tests.plugin import KIND

pytestmark = pytest.mark.shared

OPERATOR = Caller(party_id=SYSTEM, operator="tests")
ACCEPT = "/api/v1/invitations/accept"


def firm_of(name: str = "olga") -> tuple[Company, Person]:
    """Make a company and return it with its owner, who acts for it."""
    owner = person(name)
    firm = company(owner)
    return firm, firm.acted_for_by(owner)


def token_mailed_to(email: str) -> str:
    """Return the token in the last mail to an address."""
    (*_, body) = [str(message.body) for message in mail.outbox if message.to == [email]]
    found = re.search(r"^([A-Za-z0-9_-]{43})$", body, re.MULTILINE)
    assert found
    return found[1]


def invite(by: Person, email: str, role: Role = Role.PAYER) -> tuple[Invitation, str]:
    """Invite an address; return the invitation and its token."""
    made = invitations.make(by=by.caller, email=email, role=role)
    return made, token_mailed_to(email)


def accept(by: Person, token: str) -> Membership:
    return invitations.accept(by=by.caller, token=token)


def code_of(call: Callable[[], object]) -> str:
    """Return `ok` or the code of the refusal."""
    try:
        call()
    except DomainError as refusal:
        return refusal.code
    return "ok"


def test_it_works() -> None:
    (firm, olga), paul = firm_of(), person("paul")
    made = send(olga, "POST", f"{firm.path}/invitations", {"email": paul.email.upper(), "role": "payer"})
    assert (made.status, made.document["role"], made.document["state"]) == (201, "payer", "open")
    assert send(olga, "GET", f"{firm.path}/invitations").document["data"] == [made.document]
    joined = send(paul, "POST", ACCEPT, {"token": token_mailed_to(paul.email.upper())})
    assert (joined.status, joined.document["id"], joined.document["role"]) == (201, firm.id, "payer")
    assert send(paul, "GET", "/api/v1/organisations").document["data"] == [joined.document]
    assert send(olga, "GET", f"{firm.path}/invitations").document["data"] == []
    assert send(firm.acted_for_by(paul), "GET", "/api/v1/payments").status == 200


def test_the_mail_says_who_where_and_what_and_nothing_that_somebody_could_write_into_it() -> None:
    (_, olga), paul = firm_of(), person("paul")
    invite(olga, paul.email, Role.APPROVER)
    (*_, sent) = [message for message in mail.outbox if message.to == [paul.email]]
    assert sent.subject == f"{olga.user.username} invites you to act for {olga.handle}"
    assert f"act for {olga.handle} as approver." in sent.body
    assert "Padaria" not in sent.body + sent.subject


def test_neither_token_nor_address_is_stored_and_no_event_holds_them() -> None:
    (_, olga), paul = firm_of(), person("paul")
    made, token = invite(olga, paul.email)
    row = Invitation.objects.filter(id=made.id).values().get()
    assert bytes(row["token_digest"]) == invitations.digest(token)
    assert token not in str(row)
    assert paul.email not in str(row)
    accept(paul, token)
    for needle in (token, paul.email):
        assert not Event.objects.filter(data__contains=needle).exists()
    stream = identifiers.show("inv", made.id)
    told = Event.objects.filter(stream=stream).order_by("stream_version")
    assert [(event.type, event.actor, event.party) for event in told] == [
        ("paysettle.invitation.made.v1", olga.caller.actor, olga.party),
        ("paysettle.invitation.accepted.v1", paul.caller.actor, paul.party),
    ]
    assert json.loads(told[0].data) == {"invitation": stream, "organisation": olga.party, "role": "payer"}


# What can be wrong with an invitation, and what the rightful person is told.


def used(_olga: Person, paul: Person, _made: Invitation, token: str) -> None:
    member = accept(paul, token)
    members.leave(by=paul.caller.acting_for(member.party_id))


def revoked(olga: Person, _paul: Person, made: Invitation, _token: str) -> None:
    invitations.revoke(by=olga.caller, invitation_id=made.id)


def orphaned(olga: Person, _paul: Person, _made: Invitation, _token: str) -> None:
    people.disable(by=OPERATOR, user_id=olga.user.id, reason="a test")


def expired(_olga: Person, _paul: Person, made: Invitation, _token: str) -> None:
    Invitation.objects.filter(id=made.id).update(expires_at=made.created_at - timedelta(seconds=1))


SPENT = [
    (used, InvitationUsed),
    (revoked, InvitationRevoked),
    (orphaned, InvitationRevoked),
    (expired, InvitationExpired),
]


@pytest.mark.parametrize(("spend", "refusal"), SPENT)
def test_it_is_good_for_once_and_for_a_time(spend: Callable[..., None], refusal: type[DomainError]) -> None:
    (firm, olga), paul, eve = firm_of(), person("paul"), person("eve")
    made, token = invite(olga, paul.email)
    spend(olga, paul, made, token)
    with pytest.raises(refusal):
        accept(paul, token)
    with pytest.raises(InvitationForAnother):  # whoever it is not for learns nothing of what became of it
        accept(eve, token)
    assert paul.user.username not in firm.roles()


@pytest.mark.parametrize(("spend", "refusal"), SPENT)
def test_control_without_that_question_it_is_good_again(
    spend: Callable[..., None], refusal: type[DomainError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted bug: nobody asks whether the invitation is open."""
    (firm, olga), paul = firm_of(), person("paul")
    made, token = invite(olga, paul.email)
    spend(olga, paul, made, token)
    monkeypatch.setattr(invitations, "_check_open", lambda _invitation, _now: None)
    assert code_of(lambda: accept(paul, token)) == "ok" != refusal.code
    assert firm.roles()[paul.user.username] == "payer"


def test_it_is_for_whoever_has_verified_the_address() -> None:
    (firm, olga), eve = firm_of(), person("eve")
    email = f"new-{eve.handle}@example.org"
    _, token = invite(olga, email)
    with pytest.raises(InvitationForAnother):
        accept(eve, token)
    assert list(firm.roles().values()) == ["owner"]
    transactions.run(lambda tx: addresses.attach(eve.user, email, at=tx.read_clock()))
    assert accept(eve, token).role == "payer"


def test_control_without_that_question_the_token_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: whoever has the mail, has the role."""
    (_, olga), paul, eve = firm_of(), person("paul"), person("eve")
    _, token = invite(olga, paul.email)
    monkeypatch.setattr(invitations, "_check_addressee", lambda _invitation, _user_id: None)
    assert code_of(lambda: accept(eve, token)) == "ok"


@pytest.mark.parametrize("token", ["x" * 43, "x", "é" * 40])
def test_a_token_that_there_is_not(token: str) -> None:
    reply = send(person("eve"), "POST", ACCEPT, {"token": token})
    assert (reply.status, reply.document["code"]) == (404, InvitationUnknown.code)


def test_whoever_belongs_to_it_stays_as_they_are() -> None:
    (firm, olga), paul = firm_of(), person("paul")
    firm.join(paul, Role.VIEWER)
    made, token = invite(olga, paul.email, Role.ADMIN)
    with pytest.raises(AlreadyMember):
        accept(paul, token)
    assert firm.roles()[paul.user.username] == "viewer"
    assert Invitation.objects.get(id=made.id).state == InvitationState.OPEN


def test_a_newer_one_replaces_it() -> None:
    (_, olga), paul = firm_of(), person("paul")
    _, first = invite(olga, paul.email, Role.ADMIN)
    _, second = invite(olga, paul.email.upper(), Role.VIEWER)
    with pytest.raises(InvitationRevoked):
        accept(paul, first)
    assert accept(paul, second).role == "viewer"


def test_a_disabled_organisation_is_joined_by_nobody() -> None:
    (firm, olga), paul = firm_of(), person("paul")
    _, token = invite(olga, paul.email)
    parties.disable(by=OPERATOR, party_id=firm.party.id, reason="a test")
    with pytest.raises(PartyDisabled):
        accept(paul, token)
    with pytest.raises(PartyDisabled):
        invite(olga, paul.email)


def test_an_admin_invites_everybody_but_owners() -> None:
    firm, olga = firm_of()
    alma = firm.join(person("alma"), Role.ADMIN)
    with pytest.raises(NotPermitted):
        invite(alma, person("otto").email, Role.OWNER)
    made, _ = invite(olga, person("otto").email, Role.OWNER)
    with pytest.raises(NotPermitted):
        invitations.revoke(by=alma.caller, invitation_id=made.id)
    assert invite(alma, person("bea").email, Role.ADMIN)[0].role == "admin"


@pytest.mark.parametrize(
    ("goes", "still_good"),
    [
        (lambda _firm, alma: members.leave(by=alma.caller), False),
        (
            lambda firm, alma: members.remove(by=firm.acted_for_by(firm.owner).caller, member_id=firm.member(alma).id),
            False,
        ),
        (lambda firm, alma: change(firm, alma, Role.PAYER), False),
        (lambda firm, alma: change(firm, alma, Role.OWNER), True),
    ],
    ids=["left", "removed", "demoted", "promoted"],
)
def test_it_falls_with_its_makers_right_to_make_it(goes: Callable[[Company, Person], Any], *, still_good: bool) -> None:
    (firm, _), paul = firm_of(), person("paul")
    alma = firm.join(person("alma"), Role.ADMIN)
    _, token = invite(alma, paul.email)
    goes(firm, alma)
    assert code_of(lambda: accept(paul, token)) == ("ok" if still_good else "invitation_revoked")


def change(firm: Company, member: Person, role: Role) -> None:
    by = firm.acted_for_by(firm.owner).caller
    members.change_role(by=by, member_id=firm.member(member).id, role=role)


def how_it_is_served(firm: Company, olga: Person, email: str) -> tuple[Any, ...]:
    """Invite an address and return all that an outsider could compare: the answer, the work, the mail."""
    with CaptureQueriesContext(connection) as asked:
        reply = send(olga, "POST", f"{firm.path}/invitations", {"email": email, "role": "payer"})
    own = {"id", "created_at", "expires_at"}
    document = {name: value for name, value in reply.document.items() if name not in own}
    return reply.status, document, len(asked), len([message for message in mail.outbox if message.to == [email]])


def test_an_address_that_belongs_to_nobody_is_answered_and_served_alike() -> None:
    firm, olga = firm_of()
    known, unknown = person("paul").email, f"nobody-{olga.user.username}@example.org"
    served = how_it_is_served(firm, olga, known)
    assert served[0] == 201
    assert served == how_it_is_served(firm, olga, unknown)
    # Nor does it tell which address a member has.
    assert served == how_it_is_served(firm, olga, firm.owner.email)


def test_control_without_a_mail_to_strangers_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: only an address that somebody has verified gets a mail."""
    firm, olga = firm_of()
    send_mail = invitation_mail.send

    def to_the_known(invitation: Invitation, *, to: str, token: str, life: timedelta) -> None:
        if queries.people_with_verified_address(to):
            send_mail(invitation, to=to, token=token, life=life)

    monkeypatch.setattr(invitation_mail, "send", to_the_known)
    known, unknown = person("paul").email, f"nobody-{olga.user.username}@example.org"
    assert how_it_is_served(firm, olga, known) != how_it_is_served(firm, olga, unknown)


@pytest.mark.parametrize("email", ["", "paul", "paul@", "a@b@c", "paul@example.org\nBcc: eve@example.org", None, 7])
def test_what_is_no_address_is_refused(email: object) -> None:
    firm, olga = firm_of()
    before = len(mail.outbox)
    reply = send(olga, "POST", f"{firm.path}/invitations", {"email": email, "role": "payer"})
    assert (reply.status, reply.document["errors"][0]["pointer"]) == (422, "/email")
    assert len(mail.outbox) == before


class NoMailServer(BaseEmailBackend):
    """Refuses every message and names the address, as mail servers do."""

    def send_messages(self, email_messages: Any) -> int:
        raise OSError(f"{email_messages[0].to} was refused")


def test_what_cannot_be_sent_is_taken_back(settings: Any) -> None:
    firm, olga = firm_of()
    settings.EMAIL_BACKEND = f"{__name__}.NoMailServer"
    with pytest.raises(InvitationNotSent):
        invitations.make(by=olga.caller, email="paul@example.org", role=Role.PAYER)
    assert Invitation.objects.get(organisation=firm.party).state == InvitationState.REVOKED


def test_an_organisation_sends_so_many_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MADE_IN_A_DAY_MAX", 2)
    (firm, olga), paul = firm_of(), person("paul")
    for _ in range(2):
        made, _ = invite(olga, paul.email)
        invitations.revoke(by=olga.caller, invitation_id=made.id)
    reply = send(olga, "POST", f"{firm.path}/invitations", {"email": paul.email, "role": "payer"})
    assert (reply.status, reply.document["code"]) == (429, TooManyInvitations.code)
    assert 86_000 < int(reply.headers["Retry-After"]) <= 86_401
    Invitation.objects.filter(id=made.id).update(created_at=made.created_at - timedelta(days=1))
    invite(olga, paul.email)


def test_a_new_secret_key_ends_what_is_open() -> None:
    (_, olga), paul = firm_of(), person("paul")
    _, token = invite(olga, paul.email)
    assert invitations.revoke_all_open(by=OPERATOR) >= 1
    with pytest.raises(InvitationRevoked):
        accept(paul, token)


def test_revoking_twice_or_too_late_changes_nothing() -> None:
    (firm, olga), paul = firm_of(), person("paul")
    made, token = invite(olga, paul.email)
    accept(paul, token)
    path = f"{firm.path}/invitations/{identifiers.show('inv', made.id)}/revoke"
    assert send(olga, "POST", path).document["state"] == "accepted"
    assert firm.roles()[paul.user.username] == "payer"
    other, otto = firm_of("otto")
    foreign = path.replace(firm.id, other.id)
    assert send(otto, "POST", foreign).status == 404


def test_two_accepts_at_once_give_one_membership() -> None:
    for _ in range(5):
        (firm, olga), paul = firm_of(), person("paul")
        _, token = invite(olga, paul.email)
        codes = at_once(*[lambda p=paul, t=token: code_of(lambda: accept(p, t)) for _ in range(4)])
        assert sorted(codes) == ["invitation_used"] * 3 + ["ok"]
        assert firm.roles() == {olga.user.username: "owner", paul.user.username: "payer"}
        assert Event.objects.filter(type="paysettle.membership.added.v1", data__contains=paul.caller.actor).count() == 1


@pytest.mark.skipif(KIND == "sqlite", reason="SQLite lets one transaction in at a time: nothing can read in between")
def test_control_without_the_lock_both_find_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: no locks, and both have looked before either joins. What then stops the second is a fault."""
    (firm, olga), paul = firm_of(), person("paul")
    _, token = invite(olga, paul.email)
    meet = threading.Barrier(2)
    monkeypatch.setattr(members, "lock", lambda _id: firm.party)
    monkeypatch.setattr(members, "enter_as_oneself", lambda by: by)
    end = open_invitations.end

    def wait_and_end(invitation: Invitation, state: InvitationState, *, by: Caller, at: datetime) -> None:
        meet.wait(timeout=10)
        end(invitation, state, by=by, at=at)

    monkeypatch.setattr(open_invitations, "end", wait_and_end)

    def outcome() -> str:
        try:
            return code_of(lambda: accept(paul, token))
        except Exception as error:
            return type(error).__name__

    assert sorted(at_once(outcome, outcome)) == ["IntegrityError", "ok"]


def test_a_person_who_may_not_sign_in_accepts_nothing() -> None:
    (_, olga), paul = firm_of(), person("paul")
    _, token = invite(olga, paul.email)
    people.disable(by=OPERATOR, user_id=paul.user.id, reason="a test")
    assert send(paul, "POST", ACCEPT, {"token": token}).document["code"] == "session_ended"
