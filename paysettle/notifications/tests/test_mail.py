"""Mail is sent at least once, each message under a claim; nothing in it can become a header."""

from collections.abc import Sequence
from datetime import timedelta
from io import StringIO
from pathlib import Path
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail as outbox
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from paysettle.identity.models import Party, User, VerifiedAddress
from paysettle.kernel import identifiers
from paysettle.notifications import queries
from paysettle.notifications.mail import files, messages, sender
from paysettle.notifications.mail.sender import MailSender
from paysettle.notifications.models import MailState, OutgoingMail
from tests import working
from tests.people import Person, deposit, pay, person


class Killed(BaseException):
    """The process ends here."""


class Unwilling(BaseEmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise ConnectionRefusedError(len(email_messages))


@pytest.fixture(autouse=True)
def nothing_else_waits() -> None:
    """What earlier tests queued is none of this test's business."""
    OutgoingMail.objects.filter(state=MailState.WAITING).update(state=MailState.SKIPPED)
    outbox.outbox.clear()


def _paid() -> tuple[Person, Person]:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 5000)
    pay(ana, ben, 1250)
    working.catch_up("dispatch")
    return ana, ben


def _mail(to: Person) -> OutgoingMail:
    return OutgoingMail.objects.get(user=to.user)


def _unverify(who: Person) -> None:
    VerifiedAddress.objects.filter(user=who.user).delete()


def _let_it_be_due(to: Person) -> None:
    OutgoingMail.objects.filter(user=to.user).update(next_attempt_at=now() - timedelta(seconds=1))


def test_an_address_that_was_never_verified_gets_nothing() -> None:
    """Anybody may sign up with the address of somebody else."""
    _, ben = _paid()
    _unverify(ben)
    MailSender().step()
    assert outbox.outbox == []
    assert _mail(ben).state == MailState.SKIPPED


def test_an_address_that_another_person_has_verified_gets_nothing() -> None:
    ana, ben = _paid()
    _unverify(ben)
    User.objects.filter(id=ben.user.id).update(email=ana.email)
    MailSender().step()
    assert outbox.outbox == []


def test_the_log_of_a_refusal_holds_no_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, ben = _paid()

    def refuse(*_: object) -> int:
        raise SMTPRecipientsRefused({ben.email: (550, b"no such user " + ben.email.encode())})

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    MailSender().step()
    said = capsys.readouterr().err
    assert "SMTPRecipientsRefused" in said
    assert ben.email not in said


def test_it_works() -> None:
    ana, ben = _paid()
    assert MailSender().step()
    assert not MailSender().step()
    (message,) = outbox.outbox
    assert message.to == [ben.email]
    assert message.subject == f"{ana.handle} paid you 12.50 EUR"
    assert message.body == (f"{ana.handle} paid you 12.50 EUR.\n\nIt is in your inbox too: http://127.0.0.1:8000/\n")
    sent = _mail(ben)
    assert (sent.state, sent.attempts) == (MailState.SENT, 1)
    assert sent.sent_at is not None


def test_a_sender_that_dies_after_sending_leaves_it_to_another_which_sends_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, ben = _paid()

    def die(*_: Any, **__: Any) -> bool:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sender, "note", die)
        with pytest.raises(Killed):
            MailSender().step()
    assert not MailSender().step()  # the claim of the dead sender has not ended
    _let_it_be_due(ben)
    assert MailSender().step()
    assert _mail(ben).state == MailState.SENT
    first, second = outbox.outbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]


def test_control_noted_before_it_is_sent_a_message_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: a sender that first writes `sent` and then dies has told nobody."""
    _, ben = _paid()

    def die(*_: Any, **__: Any) -> EmailMessage:
        sender.note(claimed[0], MailState.SENT)
        raise Killed

    claimed = sender.claim()
    monkeypatch.setattr(sender, "claim", lambda: claimed)
    with monkeypatch.context() as patch:
        patch.setattr(messages, "message", die)
        patch.setattr(queries, "is_mail_due", lambda: True)
        with pytest.raises(Killed):
            MailSender().step()
    monkeypatch.undo()
    _let_it_be_due(ben)
    assert not MailSender().step()
    assert outbox.outbox == []


def test_a_message_is_claimed_by_one_sender() -> None:
    _paid()
    assert len(sender.claim()) == 1
    assert sender.claim() == []


def test_a_sender_whose_claim_has_passed_on_writes_nothing() -> None:
    _, ben = _paid()
    (late,) = sender.claim()
    _let_it_be_due(ben)
    (current,) = sender.claim()
    assert not sender.note(late, MailState.SENT)
    assert sender.note(current, MailState.SENT)


def test_a_server_that_takes_nothing_is_tried_with_growing_patience_and_then_seen_as_failed(settings: Any) -> None:
    _, ben = _paid()
    settings.EMAIL_BACKEND = f"{__name__}.Unwilling"
    settings.MAIL_ATTEMPTS_MAX = 3
    for attempt in (1, 2, 3):
        _let_it_be_due(ben)
        assert MailSender().step()
        assert _mail(ben).attempts == attempt
        assert _mail(ben).next_attempt_at > now()
    assert (_mail(ben).state, _mail(ben).last_error) == (MailState.FAILED, "ConnectionRefusedError")
    _let_it_be_due(ben)
    assert not MailSender().step()


def test_a_message_that_kills_every_sender_fails_in_the_end(settings: Any) -> None:
    _, ben = _paid()
    settings.MAIL_ATTEMPTS_MAX = 2
    for _ in range(2):
        _let_it_be_due(ben)
        assert len(sender.claim()) == 1
    _let_it_be_due(ben)
    assert sender.claim() == []
    assert (_mail(ben).state, _mail(ben).last_error) == (MailState.FAILED, "ClaimedTooOften")


def test_somebody_who_was_disabled_gets_no_mail() -> None:
    _, ben = _paid()
    ben.user.is_active = False
    ben.user.save(update_fields=["is_active"])
    assert MailSender().step()
    assert _mail(ben).state == MailState.SKIPPED
    assert outbox.outbox == []


def test_no_name_can_become_a_header() -> None:
    ana, _ = _paid()
    evil = f"x\r\nBcc: a@b.c\n{ana.user.id.hex[-6:]}"
    Party.objects.filter(id=ana.party_id).update(handle=evil[:30])
    assert MailSender().step()
    (message,) = outbox.outbox
    assert message.subject.splitlines() == [message.subject]
    assert message.message()["Bcc"] is None
    Party.objects.filter(id=ana.party_id).update(handle=ana.handle)


def test_control_django_itself_refuses_a_header_of_two_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: without our cleaning the message cannot be built, and the mail is never sent."""
    monkeypatch.setattr(messages, "one_line", lambda text: text)
    ana, ben = _paid()
    Party.objects.filter(id=ana.party_id).update(handle=f"x\nBcc: a@b.c\n{ana.user.id.hex[-6:]}"[:30])
    MailSender().step()
    assert _mail(ben).last_error == "BadHeaderError"
    Party.objects.filter(id=ana.party_id).update(handle=ana.handle)


def test_files_take_the_place_of_a_mail_server(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_BACKEND = "paysettle.notifications.mail.files.FileBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    with pytest.raises(CommandError, match="no such message"):
        call_command("mail", "last")
    ana, ben = _paid()
    _, dora = _paid()
    while MailSender().step():
        pass
    assert len(files.written()) == 2
    shown, listed = StringIO(), StringIO()
    call_command("mail", "last", "--to", ben.email.upper(), stdout=shown)
    assert f"To: {ben.email}\n" in shown.getvalue()
    assert f"\n{ana.handle} paid you 12.50 EUR.\n" in shown.getvalue()
    call_command("mail", "list", stdout=listed)
    assert [line.split("  ")[2] for line in listed.getvalue().splitlines()] == [ben.email, dora.email]


def test_a_message_id_names_no_person() -> None:
    _, ben = _paid()
    MailSender().step()
    message_id = outbox.outbox[0].extra_headers["Message-ID"]
    assert message_id == f"<{identifiers.show('mail', _mail(ben).id)}@127.0.0.1>"
