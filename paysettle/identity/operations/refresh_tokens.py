"""Refresh tokens: opaque, spent once, stored as a digest. All tokens of one session are a family.

Spending is one conditional UPDATE, so of several that send the same token at once one wins. The others are honest
double sends (two tabs, a retry) as long as they come within `GRACE`: they are refused without harm and without a
token. Whoever sends a spent token later holds a copy that somebody else used first: the family and its session end.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from paysettle.identity import timeouts, tokens
from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, RefreshToken, SessionEnd
from paysettle.identity.operations import sessions
from paysettle.identity.standing import SessionEnded
from paysettle.kernel import transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.jobs import Fence, Job
from paysettle.kernel.transactions import Transaction

GRACE = timedelta(seconds=10)
"""How long after a refresh token was spent a second send still counts as honest."""

FORGET_BATCH_MAX = 1000

_RANDOM_BYTES = 32


class InvalidRefreshToken(DomainError):
    """The refresh token is unknown or has expired."""

    code = "invalid_refresh_token"
    status = 401
    title = "The refresh token is not valid: sign in again."


class RefreshInProgress(DomainError):
    """The refresh token was spent a moment ago, by a twin of this request that got the new tokens."""

    code = "refresh_in_progress"
    status = 409
    title = "This refresh token was spent a moment ago: use the tokens that the other request received."


class RefreshTokenReplayed(DomainError):
    """A refresh token was spent a second time: somebody has a copy, so the session has ended."""

    code = "refresh_token_replayed"
    status = 401
    title = "This refresh token was spent before, so its session has been ended: sign in again."


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a client gets: an access token, how many seconds it lives, and the token that renews it."""

    access_token: str
    refresh_token: str
    expires_in: int


def issue(session: LoginSession) -> TokenPair:
    """Return the first tokens of a session that has just begun."""

    def work(tx: Transaction) -> TokenPair:
        return _issue(session, now=tx.read_clock())

    return transactions.run(work)


def spend(refresh_token: str) -> TokenPair:
    """Exchange a refresh token for a new pair.

    Raises InvalidRefreshToken, RefreshInProgress, RefreshTokenReplayed (the session has been ended), SessionEnded.
    There is no event for a refresh: nothing changes but the token.
    """
    digest = _digest(refresh_token)

    def work(tx: Transaction) -> TokenPair | DomainError:
        now = tx.read_clock()
        mine = claim(digest, now=now)
        token = RefreshToken.objects.select_related("session__user").filter(digest=digest).first()
        if token is None or token.used_at is None:
            raise InvalidRefreshToken
        if not timeouts.is_live(token.session, now):
            raise SessionEnded
        if mine:
            LoginSession.objects.filter(id=token.session_id).update(last_seen_at=now)
            return _issue(token.session, now=now)
        if now - token.used_at <= GRACE:
            raise RefreshInProgress
        end_family(token.session, now=now)
        return RefreshTokenReplayed()  # returned, not raised: the end of the session must commit

    outcome = transactions.run(work)
    if isinstance(outcome, DomainError):
        raise outcome
    return outcome


def claim(digest: bytes, *, now: datetime) -> bool:
    """Mark an unspent token as spent, inside the open transaction; tell whether it was this call that did."""
    return RefreshToken.objects.filter(digest=digest, used_at=None, expires_at__gt=now).update(used_at=now) == 1


def end_family(session: LoginSession, *, now: datetime) -> None:
    """End the session of a replayed token, and with it all its tokens, inside the open transaction."""
    owner = Caller(user_id=session.user_id, party_id=session.user.own_party_id)
    family = LoginSession.objects.filter(id=session.id)
    sessions.end_live(family, reason=SessionEnd.REFRESH_TOKEN_REPLAYED, by=owner, at=now)


def forget_expired(*, older_than: datetime, most: int = 1000) -> int:
    """Delete tokens that expired before a moment, at most so many; return how many. They could not be used anyway."""

    def work(_tx: Transaction) -> int:
        expired = RefreshToken.objects.filter(expires_at__lt=older_than).values_list("digest", flat=True)[:most]
        return RefreshToken.objects.filter(digest__in=list(expired)).delete()[0]

    return transactions.run(work)


def forget(fence: Fence) -> bool:
    """Delete a batch of tokens that expired a day ago; return whether there may be more."""
    now = fence.run(lambda tx: tx.read_clock())
    return forget_expired(older_than=now - timedelta(days=1), most=FORGET_BATCH_MAX) == FORGET_BATCH_MAX


FORGET_EXPIRED = Job("identity.forget_refresh_tokens", "41 3 * * *", forget)


def _issue(session: LoginSession, *, now: datetime) -> TokenPair:
    refresh_token = secrets.token_urlsafe(_RANDOM_BYTES)
    RefreshToken.objects.create(
        digest=_digest(refresh_token),
        session=session,
        created_at=now,
        expires_at=session.expires_at,  # absolute: refreshing does not prolong the session
    )
    user = session.user
    access_token = tokens.issue_access_token(session, user, now)
    life = min(tokens.ACCESS_TOKEN_LIFE, session.expires_at - now)
    return TokenPair(access_token=access_token, refresh_token=refresh_token, expires_in=int(life.total_seconds()))


def _digest(refresh_token: str) -> bytes:
    return hashlib.sha256(refresh_token.encode()).digest()
