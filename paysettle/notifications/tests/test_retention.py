"""Messages that were sent go after a while; all others stay, and so does what people were told."""

import itertools
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils.timezone import now

from paysettle.kernel import identifiers, jobs
from paysettle.kernel.jobs import Fence, FenceShut, Job
from paysettle.kernel.models import ScheduledJob
from paysettle.notifications import retention
from paysettle.notifications.kinds import Kind
from paysettle.notifications.models import InboxEntry, MailState, OutgoingMail
from tests.people import Person, person

pytestmark = pytest.mark.money

OLD = retention.KEPT_FOR + timedelta(minutes=1)
YOUNG = retention.KEPT_FOR - timedelta(minutes=1)
_numbers = itertools.count(1)


def fence() -> Fence:
    made = Job(f"test.mail.{next(_numbers)}", "* * * * *", lambda _fence: False)
    assert jobs.claim(made) is None  # the first look only notes it
    found = jobs.claim(made)
    assert found is not None
    return found


def mail(to: Person, state: MailState, age: timedelta) -> OutgoingMail:
    """Return a message of this age about an entry of its own."""
    at = now() - age
    entry = InboxEntry.objects.create(
        recipient_id=to.party_id,
        kind=Kind.PAYMENT_RECEIVED,
        data="{}",
        event_id=identifiers.new(),
        created_at=at,
    )
    sent_at = at if state is MailState.SENT else None
    return OutgoingMail.objects.create(entry=entry, user=to.user, state=state, next_attempt_at=at, sent_at=sent_at)


def kept(to: Person) -> list[OutgoingMail]:
    return list(OutgoingMail.objects.filter(user=to.user).order_by("id"))


def test_only_what_was_sent_long_ago_goes_and_the_inbox_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_MAX", 2)
    ana = person("ana")
    for _ in range(5):
        mail(ana, MailState.SENT, OLD)
    stay = [mail(ana, MailState.SENT, YOUNG), mail(ana, MailState.FAILED, OLD), mail(ana, MailState.SKIPPED, OLD)]
    held, pieces = fence(), 1
    while retention.forget_sent_mail(held):
        pieces += 1
    assert pieces >= 3
    assert kept(ana) == stay
    assert InboxEntry.objects.filter(recipient_id=ana.party_id).count() == 8


def test_control_what_takes_failures_for_sent_deletes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: messages of another state go when it is that state which is asked for."""
    ana = person("ana")
    failed = mail(ana, MailState.FAILED, OLD)
    OutgoingMail.objects.filter(id=failed.id).update(sent_at=failed.next_attempt_at)
    with monkeypatch.context() as patch:
        patch.setattr(retention, "MailState", SimpleNamespace(SENT=MailState.FAILED))
        while retention.forget_sent_mail(fence()):
            pass
    assert kept(ana) == []


def test_a_worker_that_comes_late_deletes_nothing() -> None:
    ana = person("ana")
    old = mail(ana, MailState.SENT, OLD)
    late = fence()
    ScheduledJob.objects.filter(name=late.name).update(token=late.token + 1)
    with pytest.raises(FenceShut):
        retention.forget_sent_mail(late)
    assert kept(ana) == [old]
