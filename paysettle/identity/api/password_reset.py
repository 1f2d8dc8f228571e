"""Asking for a code that resets the password: allauth's view, for verified addresses alone."""

from allauth.headless.account.inputs import RequestPasswordResetInput
from allauth.headless.account.views import RequestPasswordResetView as AllauthView

from paysettle.identity import queries


class VerifiedAddressInput(RequestPasswordResetInput):  # type: ignore[misc]
    """The address of a person, who gets a code only if they have verified it.

    allauth would send a code to an address that was merely claimed, and take the code for its verification, past the
    rule that an address belongs to one person.
    """

    def clean_email(self) -> str:
        email: str = super().clean_email()
        self.users = queries.people_with_verified_address(email)
        return email


class RequestPasswordResetView(AllauthView):  # type: ignore[misc]
    """allauth's view with our input."""

    input_class = VerifiedAddressInput
