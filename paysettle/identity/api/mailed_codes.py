"""The codes of mails: three attempts at each, however many come at once, and each good for once.

allauth notes wrong attempts in the session, where attempts at the same moment overwrite each other's note, and of which
a renewal at the same moment makes another one. So each is counted, before its code is compared, by a counter that all
processes share, and uncounted unless the code was wrong; and what a code was mailed for is done once.
"""

from collections.abc import Mapping
from datetime import timedelta
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
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Throttled

_SPENT = "mailed code"
_A_DAY = timedelta(days=1)  # longer than any code lives
_DONE = {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}
"""What allauth answers when the code was right: signed in, or what is still to be done for that."""


class CountingAttempts:
    """The part of allauth's views that takes the code of a mail.

    One attempt too many ends what it was mailed for, and so does the one that has done it.
    """

    process_class: type[EmailVerificationProcess | PasswordResetVerificationProcess]
    process: Any

    def handle(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Count, let allauth answer, and uncount what it has not noted as wrong."""
        process = self.process_class.resume(request)
        if process is None:
            return self._by_allauth(request, *args, **kwargs)
        wrong_before, subject = process.state["failed_attempts"], _subject(process.state)
        try:
            slot = throttles.take(throttling.MAILED_CODE, subject)
        except Throttled:
            return _ended(process)
        if throttles.is_marked(_SPENT, subject):
            return _ended(process)
        answer = self._by_allauth(request, *args, **kwargs)
        if self.process is None or self.process.state["failed_attempts"] == wrong_before:
            throttles.give_back(slot)
        if request.method == "POST" and answer.status_code in _DONE:
            throttles.mark(_SPENT, subject, life=_A_DAY)
        return answer

    def _by_allauth(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = super().handle(request, *args, **kwargs)  # type: ignore[misc]
        return answer


def _ended(process: Any) -> HttpResponseBase:
    process.abort()
    conflict: HttpResponseBase = ConflictResponse(process.request)
    return conflict


def _subject(state: Mapping[str, Any]) -> str:
    """Return what attempts are counted for: the code, in whatever session a copy of what is kept of it is.

    A session that is renewed at the same moment gets another key, and keeps what it had read.
    """
    return f"{state.get('code', '')} {state.get('user_id', '')} {state['at']}"


class VerifyEmailView(Refusing, CountingAttempts, AllauthVerifyView):  # type: ignore[misc]
    """The end of a sign-up."""

    process_class = EmailVerificationProcess

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Verify the address; where that was done meanwhile, by another code, allauth answers as at a fault."""
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        done_already = answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
        return ConflictResponse(request) if done_already else answer
