"""Beginning and ending sessions.

A LoginSession is live while `ended_at` is null. Ending it removes its Django session as well, and every access and
refresh token given to it is refused from then on.
"""

from datetime import datetime
from uuid import UUID

from django.contrib.sessions.models import Session
from django.db.models import QuerySet

from paysettle.identity import devices, queries, session_keys, timeouts
from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, SessionEnd, User
from paysettle.identity.operations import recording
from paysettle.identity.standing import SecondFactorRequired, SessionEnded
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError, NotFound
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.transactions import Transaction

FORGET_BATCH_MAX = 1000


class PersonDisabled(DomainError):
    """The person has been disabled and may not sign in."""

    code = "person_disabled"
    status = 403
    title = "This person may not sign in."


class PasswordChangedMeanwhile(DomainError):
    """The password that a request came with, or began with, is not the person's any more."""

    code = "password_changed_meanwhile"
    status = 409
    title = "The password has been changed meanwhile, by another request."


def begin(user: User, django_session_key: str, *, user_agent: str = "", second_factor: bool = False) -> LoginSession:
    """Begin the session that goes with a Django session; raise PersonDisabled if the person may not sign in.

    `second_factor` tells whether one was shown at this sign-in: raises SecondFactorRequired if not and they have one.
    Raises PasswordChangedMeanwhile if the person has another password than when `user` was read.
    """

    def work(tx: Transaction) -> LoginSession:
        # The row lock decides between a sign-in and a disabling, another password or a new second factor at the same
        # time: the second sees the first.
        locked = User.objects.select_for_update().get(id=user.id)
        if not locked.is_active:
            raise PersonDisabled
        if locked.password != user.password:
            raise PasswordChangedMeanwhile
        if not second_factor and queries.has_second_factor(locked):
            raise SecondFactorRequired
        now = tx.read_clock()
        session = LoginSession.objects.create(
            user=locked,
            django_session=session_keys.digest(django_session_key),
            device=devices.describe(user_agent),
            created_at=now,
            authenticated_at=now,
            second_factor_at=now if second_factor else None,
            last_seen_at=now,
            expires_at=now + timeouts.limits(staff=locked.is_staff).life,
        )
        _record(session, type_="session.begun", version=1, caller=_self_caller(locked), at=now)
        return session

    return transactions.run(work)


def renew(*, session_id: UUID, second_factor: bool) -> None:
    """Note that a session has just shown once more who is there; `second_factor` tells whether by one."""

    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        shown = {"authenticated_at": now, **({"second_factor_at": now} if second_factor else {})}
        LoginSession.objects.filter(id=session_id).update(**shown)

    transactions.run(work)


def seen(session: LoginSession, now: datetime) -> None:
    """Note that something was seen of a session; nothing is written when that was noted a moment ago."""
    if now - session.last_seen_at > timeouts.SEEN_EVERY:
        transactions.run(lambda _tx: LoginSession.objects.filter(id=session.id).update(last_seen_at=now))


def rename(*, by: Caller, session_id: UUID, name: str) -> LoginSession:
    """Give one of one's own live sessions a name and return it. Raises NotFound."""

    def work(tx: Transaction) -> LoginSession:
        own = LoginSession.objects.select_related("user").filter(id=session_id, user_id=by.person_id).first()
        if own is None or not timeouts.is_live(own, tx.read_clock()):
            raise NotFound
        LoginSession.objects.filter(id=own.id).update(name=name)
        own.name = name
        return own

    return transactions.run(work)


def end_others(*, by: Caller) -> int:
    """End all sessions of the person but the one that asks; return how many there were. Raises SessionEnded."""

    def work(tx: Transaction) -> int:
        now = _one_after_the_other(tx, by)
        others = LoginSession.objects.filter(user_id=by.person_id).exclude(id=by.session_id)
        return end_live(others, reason=SessionEnd.REVOKED, by=by, at=now)

    return transactions.run(work)


def end(*, by: Caller, session_id: UUID) -> None:
    """End one of one's own sessions; one that has ended stays so. Raises NotFound, SessionEnded."""

    def work(tx: Transaction) -> None:
        now = _one_after_the_other(tx, by)
        own = LoginSession.objects.filter(id=session_id, user_id=by.person_id)
        if not own.exists():
            raise NotFound
        end_live(own, reason=SessionEnd.REVOKED, by=by, at=now)

    transactions.run(work)


def _one_after_the_other(tx: Transaction, by: Caller) -> datetime:
    """Lock the person and return the time; raise SessionEnded if the session that asks was ended meanwhile.

    Of two sessions that end each other at the same moment one remains.
    """
    User.objects.select_for_update().get(id=by.person_id)
    now = tx.read_clock()
    asking = LoginSession.objects.select_related("user").filter(id=by.session_id).first()
    if asking is None or not timeouts.is_live(asking, now):
        raise SessionEnded
    return now


def end_with_django_session(key_digest: bytes) -> None:
    """End the session whose Django session has just ended; a Django session without one is passed over."""
    ending = LoginSession.objects.filter(django_session=key_digest, ended_at=None)
    session = ending.select_related("user").first()
    if session is None:
        return
    caller = _self_caller(session.user)

    def work(tx: Transaction) -> None:
        end_live(ending, reason=SessionEnd.SIGNED_OUT, by=caller, at=tx.read_clock())

    transactions.run(work)


def follow_key(*, before: bytes, after: bytes) -> bool:
    """Let the session that went with one Django session key go with another, and tell whether there was one.

    Both are digests. Of two requests that renew one key at the same time one finds the session gone with the other.
    """
    return LoginSession.objects.filter(django_session=before).update(django_session=after) > 0


def end_live(sessions: "QuerySet[LoginSession]", *, reason: SessionEnd, by: Caller, at: datetime) -> int:
    """End those of the sessions that are live, inside the transaction that is open; return how many there were."""
    live = list(sessions.filter(ended_at=None).select_for_update())
    LoginSession.objects.filter(id__in=[session.id for session in live]).update(ended_at=at, end_reason=reason)
    row_keys = [session_keys.row_key(bytes(session.django_session)) for session in live]
    Session.objects.filter(session_key__in=row_keys).delete()
    for session in live:
        _record(session, type_="session.ended", version=2, caller=by, at=at, reason=reason)
    return len(live)


def _self_caller(user: User) -> Caller:
    return Caller(user_id=user.id, party_id=user.own_party_id)


def _record(
    session: LoginSession, *, type_: str, version: int, caller: Caller, at: datetime, reason: SessionEnd | None = None
) -> None:
    data = {"user": identifiers.show("usr", session.user_id)}
    if reason is not None:
        data["reason"] = reason.value
    recording.event(
        stream=identifiers.show("ses", session.id),
        version=version,
        type_=type_,
        actor=caller.actor,
        party=caller.party,
        at=at,
        data=data,
    )


def forget(fence: Fence) -> bool:
    """Delete a batch of Django sessions that have expired; return whether there may be more."""

    def work(tx: Transaction) -> int:
        expired = Session.objects.filter(expire_date__lt=tx.read_clock()).values_list("session_key", flat=True)
        return Session.objects.filter(session_key__in=list(expired[:FORGET_BATCH_MAX])).delete()[0]

    return fence.run(work) == FORGET_BATCH_MAX


FORGET_EXPIRED = Job("identity.forget_sessions", "53 3 * * *", forget)
