"""The second factor: time-based codes (RFC 6238) and, for the day the phone is lost, recovery codes.

Secret and seed are stored by allauth's models, sealed (`adapters.SecondFactorAdapter`). Whoever adds or removes one
holds the lock of the person's row: MySQL and MariaDB could not keep a second one out.
"""

from datetime import datetime
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, validate_totp_code

from paysettle.identity import queries, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import LoginSession, SessionEnd, User
from paysettle.identity.operations import live_keys, recording, sessions
from paysettle.kernel import encryption, identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction

PURPOSE = "identity.second_factor"


class SecondFactorExists(DomainError):
    """The person has one already."""

    code = "second_factor_exists"
    status = 409
    title = "You have a second factor already: remove it first."


class NoSecondFactor(DomainError):
    """The person has none."""

    code = "no_second_factor"
    status = 409
    title = "There is no second factor."


class LastSecondFactor(DomainError):
    """Staff cannot be without one, nor anybody where the installation asks it of everybody."""

    code = "last_second_factor"
    status = 409
    title = "You cannot be without a second factor, and this is your last one."


class WrongCode(DomainError):
    """The code is not the one of this moment, was used before, or is no unused recovery code."""

    code = "wrong_code"
    status = 403
    title = "This code is wrong or was used before."


def add(*, by: User, secret: str, code: str, session_id: UUID | None = None) -> list[str]:
    """Give a person a second factor, whose secret they show to know by its code; return their recovery codes.

    The code is spent by it. Their sessions end but for the one in which it is added (`session_id`, if it is added in
    one): none of the others has shown it, and the password alone would let them take it away again. Raises WrongCode,
    SecondFactorExists.
    """
    if not validate_totp_code(secret, code):
        raise WrongCode

    def work(tx: Transaction) -> tuple[Authenticator, list[str]]:
        user = User.objects.select_for_update().get(id=by.id)
        if queries.has_second_factor(user):
            raise SecondFactorExists
        factor = TOTP.activate(user, secret).instance
        codes: list[str] = RecoveryCodes.activate(user).generate_codes()
        now = tx.read_clock()
        if session_id is not None:
            others = LoginSession.objects.filter(user=user).exclude(id=session_id)
            sessions.end_live(others, reason=SessionEnd.REVOKED, by=_own(user), at=now)
        _record(user, "second_factor_added", at=now)
        return factor, codes

    factor, codes = transactions.run(work)
    factor.wrap().validate_code(code)
    return codes


def remove(*, by: User) -> None:
    """Remove one's own second factor and the recovery codes with it.

    Raises LastSecondFactor where it is needed, NoSecondFactor.
    """

    def work(tx: Transaction) -> None:
        user = User.objects.select_for_update().get(id=by.id)
        if standing.needs_second_factor(of_staff=user.is_staff):
            raise LastSecondFactor
        _remove(user, by=_own(user), at=tx.read_clock())

    transactions.run(work)


def take_away(*, by: Caller, user: User) -> None:
    """Remove the second factor that somebody has lost with all recovery codes; end their sessions and API keys.

    For the operator, who has made sure who asks. Raises NoSecondFactor.
    """

    def work(tx: Transaction) -> None:
        locked = User.objects.select_for_update().get(id=user.id)
        now = tx.read_clock()
        _remove(locked, by=by, at=now)
        sessions.end_live(LoginSession.objects.filter(user=locked), reason=SessionEnd.REVOKED, by=by, at=now)
        live_keys.fall_with_person(user_id=locked.id, by=by, at=now)

    transactions.run(work)


def make_recovery_codes(*, by: User) -> list[str]:
    """Replace a person's recovery codes and return the new ones. Raises NoSecondFactor."""

    def work(tx: Transaction) -> list[str]:
        user = User.objects.select_for_update().get(id=by.id)
        if not queries.has_second_factor(user):
            raise NoSecondFactor
        Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
        made = RecoveryCodes.activate(user)
        made.mark_as_viewed()
        _record(user, "recovery_codes_made", at=tx.read_clock())
        codes: list[str] = made.generate_codes()
        return codes

    return transactions.run(work)


def spend(*, by: User, code: str) -> Authenticator:
    """Spend a code of a person, of the moment or a recovery code, and return the factor that it belongs to.

    Each is good for once. Raises WrongCode. Wrong codes are counted at the door.
    """
    for factor in Authenticator.objects.filter(user=by, type=Authenticator.Type.TOTP):
        if factor.wrap().validate_code(code):
            return factor

    def work(tx: Transaction) -> Authenticator:
        user = User.objects.select_for_update().get(id=by.id)
        factor = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
        if factor is None or not factor.wrap().validate_code(code):
            raise WrongCode
        _record(user, "recovery_code_used", at=tx.read_clock())
        return factor

    return transactions.run(work)


def reseal() -> int:
    """Seal all secrets under the first key; return how many were under another. Raises CannotOpen."""

    def work(_tx: Transaction) -> int:
        changed = 0
        for factor in Authenticator.objects.select_for_update().order_by("id"):
            name = "secret" if factor.type == Authenticator.Type.TOTP else "seed"
            if encryption.is_under_first_key(factor.data[name]):
                continue
            text = encryption.unseal(factor.data[name], purpose=PURPOSE)
            factor.data[name] = encryption.seal(text, purpose=PURPOSE)
            factor.save(update_fields=["data"])
            changed += 1
        return changed

    return transactions.run(work)


def _remove(user: User, *, by: Caller, at: datetime) -> None:
    if not queries.has_second_factor(user):
        raise NoSecondFactor
    Authenticator.objects.filter(user=user).delete()
    LoginSession.objects.filter(user=user).update(second_factor_at=None)
    _record(user, "second_factor_removed", at=at, by=by)


def _own(user: User) -> Caller:
    return Caller(user_id=user.id, party_id=user.own_party_id)


def _record(user: User, what: str, *, at: datetime, by: Caller | None = None) -> None:
    caller = by or _own(user)
    User.objects.filter(id=user.id).update(version=user.version + 1)
    recording.event(
        stream=identifiers.show("usr", user.id),
        version=user.version + 1,
        type_=f"person.{what}",
        actor=caller.actor,
        party=caller.party,
        at=at,
    )
