"""Resetting a password by a code: allauth's views, for verified addresses alone, and silent about which those are."""

from typing import Any

from allauth.account.internal.flows.password_reset_by_code import PasswordResetVerificationProcess
from allauth.headless.account.inputs import RequestPasswordResetInput, ResetPasswordInput, ResetPasswordKeyInput
from allauth.headless.account.views import RequestPasswordResetView as AllauthRequestView
from allauth.headless.account.views import ResetPasswordView as AllauthResetView
from allauth.headless.internal.restkit.response import ErrorResponse
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from paysettle.identity import personal, queries
from paysettle.identity.api.allauth_views import Refusing
from paysettle.identity.api.mailed_codes import CountingAttempts


class VerifiedAddressInput(RequestPasswordResetInput):  # type: ignore[misc]
    """The address of a person, who gets a code only if they have verified it.

    allauth would send a code to an address that was merely claimed, and take the code for its verification, past the
    rule that an address belongs to one person.
    """

    def clean_email(self) -> str:
        email: str = super().clean_email()
        self.users = queries.people_with_verified_address(email)
        # The code goes to the address that was verified, in whatever spelling it was asked for.
        return personal.email_of(self.users[0]) if self.users else email


class RequestPasswordResetView(AllauthRequestView):  # type: ignore[misc]
    """allauth's view with our input."""

    input_class = VerifiedAddressInput


class CodeFirstInput(ResetPasswordInput):  # type: ignore[misc]
    """A code and a new password, which is judged only with the right code.

    allauth judges it in any case, if there is somebody whose it would be: a bad one tells whether the address is known,
    and one like the person's names what those are.
    """

    def clean(self) -> Any:
        return self.cleaned_data if "key" in self.errors else super().clean()


class ResetPasswordView(Refusing, CountingAttempts, AllauthResetView):  # type: ignore[misc]
    """allauth's view, which for an address that nobody has verified would end as a fault of ours.

    A code is wrong, too, for whoever was disabled or closed their account after asking for it, or has another address
    than the one that it was mailed to.
    """

    input_class = CodeFirstInput
    process_class = PasswordResetVerificationProcess

    def get_input_kwargs(self) -> dict[str, Any]:
        """Return what the input compares a code with: nothing where nobody may use one."""
        user = self.process.user
        good = user is not None and user.is_active and personal.was_mailed_to(user, self.process.state)
        return {"user": user, "code": self.process.code} if good else {"user": None, "code": ""}

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Give the person the new password, by a code that is used by it."""
        reset = super().post
        return self.once(lambda: reset(request, *args, **kwargs))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Tell whether a code is right; where none was sent or may be used, every code is wrong."""
        compared = self.get_input_kwargs()
        if compared["user"]:
            made_at = self.process.state["at"]
            found: HttpResponseBase = super().get(request, *args, **kwargs)
            if self.process.state.get("code_confirmed"):
                self.process.state["at"] = made_at  # allauth would let a code live anew from here on
                self.process.persist()
            return found
        wrong = ResetPasswordKeyInput({"key": request.headers.get("X-Password-Reset-Key", "")}, code=compared["code"])
        wrong.is_valid()
        self.process.record_invalid_attempt()
        refused: HttpResponseBase = ErrorResponse(request, input=wrong)
        return refused
