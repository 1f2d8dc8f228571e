"""Another e-mail address for a person: asked for once, confirmed on both addresses, then in place of the old one.

One code goes to the old address and another one to the new, and both must come back together. Whoever has only a stolen
session, or only one of the mailboxes, changes nothing. Whether the new address belongs to somebody makes no difference
to the answer: then its owner is told, and nobody learns the code.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import IntegrityError
from django.utils.encoding import force_bytes

from paysettle.identity import address_mail, addresses, personal, queries, standing
from paysettle.identity.caller import Caller
from paysettle.identity.models import AddressChange, User
from paysettle.identity.operations import recording
from paysettle.identity.operations.addresses import AddressTaken, attach, is_free
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction

LIFE = timedelta(minutes=10)
PAUSE = timedelta(minutes=3)
"""How long after one change was asked for another one may be: each is a mail to somebody who perhaps has not asked."""

ATTEMPTS_MAX = 3
CODE_LENGTH = 8

_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"  # no vowels, no look-alikes
_LABEL = b"paysettle.identity.address-change.v1"

_log = structlog.get_logger(__name__)


class SameAddress(DomainError):
    """This is the person's address already."""

    code = "same_address"
    status = 409
    title = "This is your address already."


class TooManyAddressChanges(DomainError):
    """A change was asked for a moment ago; `retry_after_s` says how long to wait."""

    code = "too_many_address_changes"
    status = 429
    title = "You have asked for another address a moment ago: wait a few minutes."
    retryable = True


class AddressChangeNotSent(DomainError):
    """The mail server did not take the codes; nothing was changed."""

    code = "address_change_not_sent"
    status = 503
    title = "The codes could not be sent: try again later."
    retryable = True


class NoAddressChange(DomainError):
    """No change waits for its codes: none was asked for, it has expired, or too many codes were wrong."""

    code = "no_address_change"
    status = 409
    title = "No change of your address is waiting: ask for it anew."


class WrongAddressCodes(DomainError):
    """One of the codes, or the address, is wrong; `attempts_left` says how often one may try again."""

    code = "wrong_address_codes"
    status = 403
    title = "The two codes and the address do not belong together."


def ask(*, by: Caller, email: str) -> AddressChange:
    """Send a code to the person's address and another one to the address that shall replace it; return what waits.

    A change that waits is replaced. Raises SameAddress, TooManyAddressChanges, AddressChangeNotSent, PartyDisabled.
    """
    old_code, new_code = _new_code(), _new_code()

    def work(tx: Transaction) -> tuple[AddressChange, User]:
        user = User.objects.select_for_update().get(id=by.person_id)
        standing.check(by.acting_for(user.own_party_id), None)
        if addresses.normal(personal.email_of(user)) == addresses.normal(email):
            raise SameAddress
        now = tx.read_clock()
        waiting = AddressChange.objects.filter(user=user, created_at__gt=now - PAUSE).first()
        if waiting is not None:
            raise TooManyAddressChanges(retry_after_s=int((waiting.created_at + PAUSE - now).total_seconds()) + 1)
        AddressChange.objects.filter(user=user).delete()
        made = AddressChange.objects.create(
            user=user,
            address_digest=addresses.digest(email),
            old_code_digest=_digest(old_code),
            new_code_digest=_digest(new_code),
            attempts_left=ATTEMPTS_MAX,
            created_at=now,
            expires_at=now + LIFE,
        )
        return made, user

    made, user = transactions.run(work)
    try:
        address_mail.send_old_code(to=personal.email_of(user), handle=user.username, code=old_code, life=LIFE)
        if is_free(by=user, email=email):
            address_mail.send_new_code(to=email, handle=user.username, code=new_code, life=LIFE)
        else:
            address_mail.tell_owner(to=email)
    except Exception as error:
        # By its class alone: the text may name the address.
        _log.warning("address_change_not_sent", error=type(error).__name__)
        transactions.run(lambda _tx: AddressChange.objects.filter(user=user).delete())
        raise AddressChangeNotSent from None
    return made


def confirm(*, by: Caller, email: str, old_code: str, new_code: str) -> None:
    """Replace the person's address by the one that was asked for, which counts as verified from now on.

    The former one is told, if the mail server can be reached. Raises NoAddressChange, WrongAddressCodes (at the third
    time the change falls), AddressTaken if somebody else has verified the address meanwhile.
    """
    address = email.strip().lower()

    def work(tx: Transaction) -> tuple[User, str] | DomainError:
        user = User.objects.select_for_update().get(id=by.person_id)
        standing.check(by.acting_for(user.own_party_id), None)
        now = tx.read_clock()
        waiting = AddressChange.objects.filter(user=user).first()
        if waiting is None or waiting.expires_at <= now or not waiting.attempts_left:
            raise NoAddressChange
        if not _fits(waiting, address, old_code, new_code):
            left = waiting.attempts_left - 1
            AddressChange.objects.filter(user=user).update(attempts_left=left)
            return WrongAddressCodes(attempts_left=left)  # returned, not raised: the count must commit
        former = personal.email_of(user)
        attach(user, address, at=now)
        AddressChange.objects.filter(user=user).delete()
        personal.keep_email(user, address)
        User.objects.filter(id=user.id).update(version=user.version + 1)
        recording.event(
            stream=identifiers.show("usr", user.id),
            version=user.version + 1,
            type_="person.address_changed",
            actor=by.actor,
            party=identifiers.show("par", user.own_party_id),
            at=now,
        )
        return user, former

    try:
        done = transactions.run(work)
    except IntegrityError:
        # The unique digest decided against us.
        if not is_free(by=queries.person(by.person_id), email=address):
            raise AddressTaken from None
        raise
    if isinstance(done, DomainError):
        raise done
    user, former = done
    try:
        # Now, for the address is kept nowhere any more.
        address_mail.tell_former(to=former, handle=user.username)
    except Exception as error:
        _log.warning("former_address_not_told", error=type(error).__name__)


def _fits(waiting: AddressChange, address: str, old_code: str, new_code: str) -> bool:
    sent = (addresses.digest(address), _digest(old_code), _digest(new_code))
    kept = (waiting.address_digest, waiting.old_code_digest, waiting.new_code_digest)
    return all(hmac.compare_digest(one, bytes(other)) for one, other in zip(sent, kept, strict=True))


def _new_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
    return f"{letters[:4]}-{letters[4:]}"


def _digest(code: str) -> bytes:
    """Return the keyed digest of a code: without the key a stolen table could be searched for it."""
    key = hmac.digest(force_bytes(settings.SECRET_KEY), _LABEL, hashlib.sha256)
    return hmac.digest(key, code.strip().upper().encode(), hashlib.sha256)
