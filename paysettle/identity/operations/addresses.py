"""Verifying e-mail addresses. A person has one verified address; `address_changes.py` replaces it by another."""

from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import IntegrityError

from paysettle.identity import addresses
from paysettle.identity.models import Party, PartyState, User, VerifiedAddress
from paysettle.identity.operations import recording
from paysettle.kernel import identifiers, transactions
from paysettle.kernel.errors import DomainError
from paysettle.kernel.transactions import Transaction


class SignUpEnded(DomainError):
    """The sign-up has lapsed meanwhile, or staff keep the person out."""

    code = "sign_up_ended"
    status = 409
    title = "This sign-up is over: sign up again."


class AddressTaken(DomainError):
    """Another person has verified this address."""

    code = "address_taken"
    status = 409
    title = "This address belongs to another person."


def is_free(*, by: User, email: str) -> bool:
    """Tell whether a person may verify an address: nobody else has."""
    return _holder(email) in {None, by.id}


def verify(*, by: User, email: str) -> None:
    """Make this the verified address of a person who proved to read it and has not verified another one.

    With their first one a person takes part: they are found and paid from then on.
    Of several people who verify one address at the same time one succeeds; the others get AddressTaken. Raises
    SignUpEnded, too.
    """
    address = email.strip().lower()

    def work(tx: Transaction) -> None:
        now = tx.read_clock()
        user = User.objects.select_for_update().filter(id=by.id).first()
        if user is None or not user.is_active:
            raise SignUpEnded
        if VerifiedAddress.objects.filter(user=user).exclude(digest=addresses.digest(address)).exists():
            # The code of a sign-up is late: an address is replaced in one way alone, by codes from both.
            raise AddressTaken("Another address has been verified meanwhile.")
        attach(user, address, at=now)
        User.objects.filter(id=user.id).update(email=address, version=user.version + 1)
        recording.event(
            stream=identifiers.show("usr", user.id),
            version=user.version + 1,
            type_="person.address_verified",
            actor=identifiers.show("usr", user.id),
            party=identifiers.show("par", user.own_party_id),
            at=now,
        )
        party = Party.objects.select_for_update().get(id=user.own_party_id)
        if party.state == PartyState.PENDING:
            Party.objects.filter(id=party.id).update(state=PartyState.ACTIVE)
            recording.opened(party, actor=identifiers.show("usr", user.id), at=now)

    try:
        transactions.run(work)
    except IntegrityError:
        # The unique digest decided against us.
        if _holder(address) not in {None, by.id}:
            raise AddressTaken from None
        raise


def attach(user: User, address: str, *, at: datetime) -> None:
    """Make this the only address of the user, verified, inside the open transaction.

    Raises AddressTaken, or IntegrityError where somebody else commits the same address at this moment.
    """
    holder = _holder(address)
    if holder not in {None, user.id}:
        raise AddressTaken
    digest = addresses.digest(address)
    VerifiedAddress.objects.filter(user=user).exclude(digest=digest).delete()
    if holder is None:
        VerifiedAddress.objects.create(digest=digest, user=user, created_at=at)
    EmailAddress.objects.filter(user=user).exclude(email=address).delete()
    EmailAddress.objects.update_or_create(user=user, email=address, defaults={"verified": True, "primary": True})


def rekey() -> int:
    """Compute all digests anew, after a change of SECRET_KEY; return how many there are.

    Run it while nobody signs up: in between an address could be verified twice. Raises AddressTaken, changing
    nothing, if that has happened already.
    """

    def work(tx: Transaction) -> int:
        now = tx.read_clock()
        verified = list(EmailAddress.objects.filter(verified=True).select_for_update())
        VerifiedAddress.objects.all().delete()
        rows = [VerifiedAddress(digest=addresses.digest(a.email), user_id=a.user_id, created_at=now) for a in verified]
        VerifiedAddress.objects.bulk_create(rows, batch_size=500)
        return len(rows)

    try:
        return transactions.run(work)
    except IntegrityError:
        raise AddressTaken("Two people share a verified address.") from None


def _holder(address: str) -> UUID | None:
    return VerifiedAddress.objects.filter(digest=addresses.digest(address)).values_list("user_id", flat=True).first()
