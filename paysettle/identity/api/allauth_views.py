"""allauth's views of what is sensitive, with our operations behind its addresses and shapes.

What is an event is recorded with its change, which allauth's own flows do afterwards. A refusal of ours is a problem
document; where a session must show once more who is there, allauth's own answer says how.
"""

from typing import Any

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.internal.flows.reauthentication import raise_if_reauthentication_required
from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.core import context as request_context
from allauth.headless.account import inputs as account_inputs
from allauth.headless.account import views as account
from allauth.headless.mfa import inputs, response
from allauth.headless.mfa import views as mfa
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.internal import auth as totp
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from paysettle.api import problems, throttling
from paysettle.identity import browser_sessions, pending_sign_in
from paysettle.identity.operations import second_factors
from paysettle.identity.operations.second_factors import WrongCode
from paysettle.kernel import throttles
from paysettle.kernel.errors import DomainError

# A password is what was sent, to the letter: allauth's fields would leave out the blanks at both ends.
for _form, _field in (
    (account_inputs.SignupInput, "password"),
    (account_inputs.LoginInput, "password"),
    (account_inputs.ResetPasswordInput, "password"),
    (account_inputs.ChangePasswordInput, "current_password"),
    (account_inputs.ChangePasswordInput, "new_password"),
):
    _form.base_fields[_field].strip = False


class Refusing:
    """Answers our refusals as problem documents."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            found: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        except DomainError as refusal:
            return problems.response(refusal)
        return found


class _SpendingTheCode:
    """The part of allauth's forms that takes a code: each is good for once, and wrong ones are counted."""

    user: Any
    cleaned_data: dict[str, Any]

    def counted_for(self) -> str:
        """Return whom a wrong code counts for. Before there is a session, the person: whoever asks has the password."""
        return str(self.user.pk)

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        try:
            with throttles.counted_if_wrong(throttling.WRONG_CODE, self.counted_for()):
                self.authenticator = second_factors.spend(by=self.user, code=code)
        except WrongCode:
            raise get_adapter().validation_error("incorrect_code") from None
        return code


class CodeInput(_SpendingTheCode, inputs.AuthenticateInput):  # type: ignore[misc]
    """The code of a sign-in."""


class CodeAgainInput(_SpendingTheCode, inputs.ReauthenticateInput):  # type: ignore[misc]
    """The code of somebody who is signed in. Whoever has got hold of one session keeps nobody out by wrong codes."""

    def counted_for(self) -> str:
        return str(browser_sessions.require(request_context.request).id)


class PasswordChangeInput(account_inputs.ChangePasswordInput):  # type: ignore[misc]
    """The password that a person has, and the one they want."""

    def clean_current_password(self) -> str:
        current: str = self.cleaned_data["current_password"]
        if not get_account_adapter().reauthenticate(self.user, current):
            raise get_account_adapter().validation_error("enter_current_password")
        return current


class SignInView(Refusing, account.LoginView):  # type: ignore[misc]
    """The first step of a sign-in."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Whoever signs in by an address has verified it, in whatever spelling it was typed (`backends.py`).
        self.input.login = Login(user=self.input.login.user)
        before = dict(request.session.items())
        try:
            done: HttpResponse = super().post(request, *args, **kwargs)
        except DomainError:
            # Refused half-way: what the session held goes on, and nothing of this sign-in stays.
            request.session.clear()
            request.session.update(before)
            raise
        return done


class MailAgainView(Refusing, account.ResendEmailVerificationCodeView):  # type: ignore[misc]
    """Another code for the address; where the mail is refused, the one before goes on being good."""


class CodeView(Refusing, mfa.AuthenticateView):  # type: ignore[misc]
    """The second step of a sign-in."""

    input_class = CodeInput

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Take the code, unless the first step was by a password that the person has no more: no code is spent."""
        stage = LoginStageController.enter(request, AuthenticateStage.key)
        if stage is not None and not pending_sign_in.is_of_password(request.session, stage.login.user):
            clear_login(request)
        done: HttpResponseBase = super().handle(request, *args, **kwargs)
        return done


class CodeAgainView(Refusing, mfa.ReauthenticateView):  # type: ignore[misc]
    """Step-up by a code; the session has another key afterwards."""

    input_class = CodeAgainInput

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        browser_sessions.renew(request, second_factor=True)
        done: HttpResponse = super().post(request, *args, **kwargs)
        return done


class PasswordAgainView(Refusing, account.ReauthenticateView):  # type: ignore[misc]
    """Step-up by the password; the session has another key afterwards."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        browser_sessions.renew(request, second_factor=False)
        done: HttpResponse = super().post(request, *args, **kwargs)
        return done


class PasswordChangeView(Refusing, account.ChangePasswordView):  # type: ignore[misc]
    """A change of password, by a session that has shown recently who is there, before any password is compared."""

    input_class = PasswordChangeInput

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        raise_if_reauthentication_required(request, app="allauth.account")
        done: HttpResponseBase = super().handle(request, *args, **kwargs)
        return done


class TotpView(Refusing, mfa.ManageTOTPView):  # type: ignore[misc]
    """The second factor of the person who is signed in."""

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        raise_if_reauthentication_required(request, app="allauth.mfa")
        second_factors.add(
            by=_person(request),
            secret=self.input.secret,
            code=self.input.cleaned_data["code"],
            session_id=browser_sessions.require(request).id,
        )
        totp.clear_totp_secret(request)
        browser_sessions.renew(request, second_factor=True)
        done: HttpResponse = response.TOTPResponse(request, self._get_authenticator())
        return done

    def delete(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        raise_if_reauthentication_required(request, app="allauth.mfa")
        second_factors.remove(by=_person(request))
        done: HttpResponse = response.AuthenticatorDeletedResponse(request)
        return done


class RecoveryCodesView(Refusing, mfa.ManageRecoveryCodesView):  # type: ignore[misc]
    """The recovery codes of the person who is signed in, shown once."""

    def post(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        raise_if_reauthentication_required(request, app="allauth.mfa")
        second_factors.make_recovery_codes(by=_person(request))
        made = Authenticator.objects.get(user=request.user, type=Authenticator.Type.RECOVERY_CODES)
        done: HttpResponse = response.RecoveryCodesResponse(request, made, can_view=True)
        return done


def _person(request: HttpRequest) -> Any:
    """Return who is signed in, which allauth has made sure of."""
    return request.user
