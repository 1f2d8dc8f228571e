"""The codes of mails: three attempts at each, however many come at once.

allauth notes wrong attempts in the session, where attempts at the same moment overwrite each other's note, and of which
a renewal at the same moment makes another one. So each is counted, before its code is compared, by a counter that all
processes share, and uncounted unless the code was wrong.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.flows.password_reset_by_code import PasswordResetVerificationProcess
from allauth.headless.account.views import VerifyEmailView as AllauthVerifyView
from allauth.headless.base.response import ConflictResponse
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from paysettle.api import throttling
from paysettle.identity.api.allauth_views import Refusing
from paysettle.identity.operations.addresses import SignUpEnded
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Throttled


class CountingAttempts:
    """The part of allauth's views that takes the code of a mail. One attempt too many ends what it was mailed for."""

    process_class: type[EmailVerificationProcess | PasswordResetVerificationProcess]
    process: Any
    request: HttpRequest

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Count, let allauth answer, and uncount what it has not noted as wrong."""
        process = self.process_class.resume(request)
        if process is None:
            return self._by_allauth(request, *args, **kwargs)
        wrong_before = process.state["failed_attempts"]
        try:
            slot = throttles.take(throttling.MAILED_CODE, subject(process.state))
        except Throttled:
            process.abort()
            conflict: HttpResponseBase = ConflictResponse(request)
            return conflict
        answer = self._by_allauth(request, *args, **kwargs)
        if self.process is None or self.process.state["failed_attempts"] == wrong_before:
            throttles.give_back(slot)
        return answer

    def once(self, use: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """Use a code that is right, once: in copies of the session that come at the same moment, too."""
        try:
            used = throttles.take(throttling.USED_CODE, subject(self.process.state))
        except Throttled:
            conflict: HttpResponseBase = ConflictResponse(self.request)
            return conflict
        try:
            return use()
        except Exception:
            throttles.give_back(used)
            raise

    def _by_allauth(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = super().handle(request, *args, **kwargs)  # type: ignore[misc]
        return answer


def subject(state: Mapping[str, Any]) -> str:
    """Return what is counted for a code: itself, in whatever session a copy of what allauth keeps of it is.

    A session that is renewed at the same moment gets another key, and keeps what it had read.
    """
    return f"{state.get('code', '')} {state.get('user_id', '')} {state['at']}"


class VerifyEmailView(Refusing, CountingAttempts, AllauthVerifyView):  # type: ignore[misc]
    """The end of a sign-up. Raises SignUpEnded."""

    process_class = EmailVerificationProcess

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Verify the address; where that was done meanwhile, by another code, allauth answers as at a fault."""
        if self.process.state.get("user_id") and self.process.user is None:  # it has lapsed since the mail was sent
            self.process.abort()
            raise SignUpEnded
        verify = super().post
        answer = self.once(lambda: verify(request, *args, **kwargs))
        done_already = answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        return ConflictResponse(request) if done_already else answer
