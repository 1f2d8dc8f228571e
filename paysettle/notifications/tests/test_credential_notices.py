"""Whoever's sign-in changes is told so, in their inbox and by mail: they should know if it was not them."""

from collections.abc import Callable

import pytest
from django.core import mail

from paysettle.identity import one_time_codes
from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, SessionEnd
from paysettle.identity.operations import address_changes, passwords, second_factors, sessions
from paysettle.identity.tests.app_client import code_mailed_to
from paysettle.kernel import identifiers, transactions
from paysettle.notifications.models import InboxEntry, OutgoingMail
from paysettle.notifications.queries import entry_documents, inbox_of
from tests import working
from tests.codes import code_for, give_second_factor
from tests.http import InProcess
from tests.people import Person, person
from tests.plugin import ALL

pytestmark = pytest.mark.shared(*ALL)

OPERATOR = Caller(party_id=identifiers.SYSTEM, operator="tests")


def _change_address(ana: Person) -> None:
    email = f"new-{ana.email}"
    address_changes.ask(by=ana.caller, email=email)
    old, new = code_mailed_to(ana.email), code_mailed_to(email)
    assert old
    assert new
    address_changes.confirm(by=ana.caller, email=email, old_code=old, new_code=new)


def _remove(ana: Person) -> None:
    give_second_factor(ana.user)
    second_factors.remove(by=ana.user)


def _end_family(ana: Person) -> None:
    def work(_tx: object) -> None:
        of_ana = LoginSession.objects.filter(id=ana.session.id)
        at = transactions.current().read_clock()
        sessions.end_live(of_ana, reason=SessionEnd.REFRESH_TOKEN_REPLAYED, by=ana.caller, at=at)

    transactions.run(work)


CHANGES: dict[str, tuple[Callable[[Person], object], str]] = {
    "password_changed": (
        lambda ana: passwords.change(by=ana.user, password="another horse battery", keep_session=None),
        "The password of {} was changed",
    ),
    "address_changed": (_change_address, "The e-mail address of {} was changed"),
    "second_factor_added": (lambda ana: give_second_factor(ana.user), "{} signs in with a second factor from now on"),
    "recovery_codes_made": (
        lambda ana: (give_second_factor(ana.user), second_factors.make_recovery_codes(by=ana.user)),
        "New recovery codes were made for {}; the old ones are void",
    ),
    "recovery_code_used": (
        lambda ana: second_factors.spend(by=ana.user, code=give_second_factor(ana.user)[0]),
        "{} signed in with a recovery code",
    ),
    "second_factor_removed": (
        _remove,
        "The second factor of {} was removed",
    ),
    "session_ended": (
        _end_family,
        "A session of {} was ended, because somebody has a copy of its tokens or staff ended it",
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_the_person_is_told_and_mailed_once(kind: str) -> None:
    change, sentence = CHANGES[kind]
    ana, ben = person("ana"), person("ben")
    change(ana)
    working.catch_up("dispatch")
    (entry,) = InboxEntry.objects.filter(recipient_id=ana.party_id, kind=kind)
    assert entry_documents([entry])[0]["sentence"] == sentence.format(ana.handle)
    assert list(OutgoingMail.objects.filter(entry=entry).values_list("user_id", flat=True)) == [ana.user.id]
    assert not inbox_of(ben.party_id).exists()


def test_it_is_shown_by_the_api_and_mailed() -> None:
    ana = person("ana")
    secret = one_time_codes.new_secret()
    second_factors.add(by=ana.user, secret=secret, code=code_for(secret))
    mail.outbox.clear()
    working.tell_and_mail(ana)
    (entry,) = InProcess(ana).get("/api/v1/inbox").document["data"]
    assert (entry["kind"], entry["data"]["subject"], entry["data"]["amounts"]) == (
        "second_factor_added", ana.caller.actor, []
    )  # fmt: skip
    assert [message.subject for message in mail.outbox if message.to == [ana.email]] == [entry["sentence"]]


def test_what_the_operator_did_is_told_to_the_person() -> None:
    ana = person("ana")
    give_second_factor(ana.user)
    second_factors.take_away(by=OPERATOR, user=ana.user)
    working.catch_up("dispatch")
    kinds = list(inbox_of(ana.party_id).order_by("created_at", "id").values_list("kind", flat=True))
    assert kinds == ["second_factor_added", "second_factor_removed", "session_ended"]


def test_what_one_ends_oneself_is_not_told() -> None:
    ana = person("ana")
    sessions.end(by=ana.caller, session_id=ana.session.id)
    working.catch_up("dispatch")
    assert not inbox_of(ana.party_id).exists()
