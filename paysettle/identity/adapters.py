"""Where allauth's flows meet ours: each hook translates and calls one operation.

Answers keep allauth's documented shapes. None of them tells whether an address belongs to somebody.
"""

from dataclasses import replace
from smtplib import SMTPException
from typing import Any, cast

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.core import context as request_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.headless.adapter import DefaultHeadlessAdapter
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.internal.restkit.response import ErrorResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import auth
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse

from paysettle.api import peer, problems, throttling
from paysettle.identity import browser_sessions, mail_throttle, pending_sign_in, sign_in_attempts
from paysettle.identity.addresses import HOW_TO_WRITE_IT, is_one_mailbox
from paysettle.identity.models import User
from paysettle.identity.operations import addresses, handles, passwords, registration, second_factors
from paysettle.identity.operations.addresses import AddressTaken
from paysettle.identity.operations.handles import HandleLookalike, HandleTaken
from paysettle.identity.operations.sessions import PasswordChangedMeanwhile
from paysettle.identity.passwords import check_new_password
from paysettle.identity.standing import SecondFactorRequired
from paysettle.kernel import encryption, identifiers, throttles
from paysettle.kernel.errors import DomainError
from paysettle.kernel.throttles import Throttled

_log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up, sign-in, addresses and passwords."""

    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002 - allauth's signature
        """Return the handle that a user name becomes; raise ValidationError if it cannot become one or is taken."""
        handle = username.lower()
        try:
            handles.check_form(handle)
            checked: str = super().clean_username(handle, shallow)
            handles.check_not_reserved(handle)
            if not shallow:
                handles.check_free(handle)
        except DomainError as refusal:
            raise self._not_a_handle(refusal) from None
        return checked

    def _not_a_handle(self, refusal: DomainError) -> ValidationError:
        """Return allauth's form of a refusal; it has a code of its own for a name that is taken."""
        if isinstance(refusal, HandleTaken):
            return cast("ValidationError", self.validation_error("username_taken"))
        return ValidationError(refusal.title, code=refusal.code)

    def clean_email(self, email: str) -> str:
        """Return an address of a form; raise ValidationError where mail to it could go to somebody else."""
        if not is_one_mailbox(email):
            raise ValidationError(HOW_TO_WRITE_IT, code="invalid")
        return email

    def clean_password(self, password: str, user: User | None = None) -> str:
        check_new_password(password, user)
        return password

    def save_user(self, request: HttpRequest, user: User, form: BaseForm, commit: bool = True) -> User:  # noqa: ARG002, FBT001, FBT002
        """Register the person; allauth adds the unverified address itself."""
        data = form.cleaned_data
        try:
            return registration.register(handle=data["username"], email=data["email"], password=data["password"])
        except (HandleTaken, HandleLookalike) as refusal:
            # Somebody was faster between the check of the form and here.
            raise ImmediateHttpResponse(_refusal(request, self._not_a_handle(refusal))) from None

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:  # noqa: FBT001
        """Send the code; to an address that somebody else has verified, say so instead, and nobody learns the code.

        Raises Throttled. A sign-up has been counted as such; by `signup` allauth means that nobody has signed in yet.
        """
        address: EmailAddress = emailconfirmation.email_address
        mail_throttle.take(request, what="confirmation", email=address.email)
        if addresses.is_free(by=address.user, email=address.email):
            super().send_confirmation_mail(request, emailconfirmation, signup)
        else:
            self.send_account_already_exists_mail(address.email)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Verify the address that somebody signed up with."""
        user: User = email_address.user
        try:
            addresses.verify(by=user, email=email_address.email)
        except AddressTaken:
            raise ImmediateHttpResponse(_refusal(request, self.validation_error("email_taken"))) from None
        saved = EmailAddress.objects.get(user=user, email=email_address.email)
        email_address.pk = saved.pk
        email_address.verified = email_address.primary = True
        return True

    def is_reauthentication_required(self, *, app: str, **_: Any) -> bool:  # noqa: ARG002 - allauth's signature
        """Tell whether the session must show once more who is there, before anything sensitive."""
        return not browser_sessions.is_fresh(self.request)

    def set_password(self, user: User, password: str) -> None:
        """Change the password and end the person's other sessions. Raises PasswordChangedMeanwhile, SessionEnded."""
        request: HttpRequest = request_context.request
        keep = browser_sessions.login_session_id(request.session) if request.user == user else None
        passwords.change(by=user, password=password, keep_session=keep)
        sign_in_attempts.begin_anew(user, address=peer.address_of(request))

    def pre_login(self, request: HttpRequest, user: User, **said: Any) -> HttpResponse | None:
        """Bind the sign-in to the password with which its first step succeeded."""
        pending_sign_in.keep(request.session, user)
        refusal: HttpResponse | None = super().pre_login(request, user, **said)
        return refusal

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in, with a new session key and a LoginSession.

        Not by a password that the person has no more, nor without the second factor that they have got meanwhile.
        """
        if not pending_sign_in.is_of_password(request.session, user):
            raise ImmediateHttpResponse(_signed_out(request))
        super().login(request, user)
        methods = {record["method"] for record in get_authentication_records(request, user)}
        try:
            browser_sessions.begin(request, second_factor="mfa" in methods)
        except (PasswordChangedMeanwhile, SecondFactorRequired):
            raise ImmediateHttpResponse(_signed_out(request)) from None

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that names this installation by its settings, never by the Host header of the request.

        What was done is done: where the mail server is away, the answer is the same and another code can be asked for.
        """
        try:
            super().send_mail(template_prefix, email, {"current_site": _Site(), **context})
        except (SMTPException, OSError) as error:
            _log.warning("mail_not_sent", template=template_prefix, error=type(error).__name__)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return where a request comes from, as everything else counts it."""
        return peer.address_of(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Look at a password, unless there were too many wrong ones; count it if it is wrong."""
        address = peer.address_of(request)
        try:
            slots = sign_in_attempts.take(
                address=address, username=credentials.get("username", ""), email=credentials.get("email", "")
            )
        except Throttled as refusal:
            raise ImmediateHttpResponse(problems.response(refusal)) from None
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            sign_in_attempts.succeeded(slots, address=address, user_id=user.id)
        return user

    def reauthenticate(self, user: User, password: str) -> bool:
        """Tell whether it is the password of whoever is signed in; a wrong one counts for the session alone.

        So no guesses at their account, and no other session, keep a person from showing once more who they are.
        Raises SessionEnded, Throttled.
        """
        slot = throttles.take(throttling.WRONG_PASSWORD_AGAIN, str(browser_sessions.require(self.request).id))
        right: bool = user.check_password(password)
        if right:
            sign_in_attempts.succeeded([slot], address=peer.address_of(self.request), user_id=user.id)
        return right


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Secrets of second factors are sealed, and labelled in people's apps by their handle."""

    def encrypt(self, text: str) -> str:
        return encryption.seal(text, purpose=second_factors.PURPOSE)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.unseal(encrypted_text, purpose=second_factors.PURPOSE)

    def get_totp_label(self, user: User) -> str:
        return user.username


class HeadlessAdapter(DefaultHeadlessAdapter):  # type: ignore[misc]
    """How allauth's answers show a person."""

    def user_as_dataclass(self, user: User) -> Any:
        """Show the public id."""
        return replace(super().user_as_dataclass(user), id=identifiers.show("usr", user.pk))


class _Site:
    """What the templates of mails ask of a site."""

    name = "Paysettle"

    @property
    def domain(self) -> str:
        return settings.PUBLIC_URL


def _signed_out(request: HttpRequest) -> AuthenticationResponse:
    """Forget the sign-in of a request and answer as where there was none."""
    auth.logout(request)
    return AuthenticationResponse(request)


def _refusal(request: HttpRequest, error: ValidationError) -> ErrorResponse:
    return ErrorResponse(request, exception=ValidationError([error]))
