"""How often somebody may fail to sign in, so that guessing is slow and nobody is kept out by a stranger's guesses.

A wrong password counts for the account at that address: five in five minutes. Where the person has never signed in
from that address it counts twice more: for the address, which may be trying many accounts, and for the account, which
may be tried from many addresses. So whoever attacks an account from everywhere uses up what strangers have, and the
person goes on signing in from where they did before; a new place can be made known by a reset of the password.

An account is counted by the name that was typed: counting the names of a person together would tell which address goes
with which handle. Where somebody has signed in before is known of the person, by whichever name.

An attempt is counted before the password is looked at, and uncounted when it was right. Whoever is signed in shows
their password once more by another count, that of their session (`adapters.py`).
"""

from datetime import timedelta
from uuid import UUID

from paysettle.api import throttling
from paysettle.api.peer import network_of
from paysettle.identity import addresses, personal, queries
from paysettle.identity.models import User
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Slot

ADDRESS_KNOWN_FOR = timedelta(days=90)

_KNOWN = "sign-in.known"


def take(*, address: str, username: str = "", email: str = "") -> list[Slot]:
    """Count an attempt to sign in by user name or e-mail address; raise Throttled if there were too many."""
    account, place = _account(username, email), network_of(address)
    counted = [(throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT, f"{account} {place}")]
    if not is_known(place, username=username, email=email):
        counted += [(throttling.WRONG_FROM_ADDRESS, place), (throttling.WRONG_TO_ACCOUNT, account)]
    return throttles.take_all(*counted)


def is_known(place: str, *, username: str = "", email: str = "") -> bool:
    """Tell whether whoever has this user name, or has verified this address, has signed in at a place before."""
    return throttles.is_marked(_KNOWN, f"{_person(username, email)} {place}")


def succeeded(slots: list[Slot], *, address: str, user_id: UUID) -> None:
    """Uncount an attempt whose password was right; the person is known at that address from now on."""
    throttles.give_back(*slots)
    throttles.mark(_KNOWN, f"{user_id} {network_of(address)}", life=ADDRESS_KNOWN_FOR)


def begin_anew(user: User, *, address: str) -> None:
    """Forget the wrong passwords of somebody who has just chosen another one, at that address."""
    place = network_of(address)
    for name in (_account(user.username, ""), _account("", personal.email_of(user))):
        throttles.clear(throttling.WRONG_FROM_ADDRESS_TO_ACCOUNT, f"{name} {place}")
    throttles.mark(_KNOWN, f"{user.id} {place}", life=ADDRESS_KNOWN_FOR)


def _account(username: str, email: str) -> str:
    """Return what was typed, in one spelling."""
    return addresses.normal(email or username)


def _person(username: str, email: str) -> UUID | None:
    """Return whom a name stands for: of an e-mail address who has verified it, for others may claim to have it."""
    return queries.user_id_of_address(email) if email else queries.user_id_of_name(username)
