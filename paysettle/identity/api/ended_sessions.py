"""A session that another request ends while one is answered in it."""

from collections.abc import Callable

from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse

from paysettle.api import problems
from paysettle.identity.standing import SessionEnded


class EndedSessions:
    """Says `session_ended` where allauth cannot keep a session, because there is none any more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the refusal, or None for any other error."""
        return problems.response(SessionEnded()) if isinstance(error, UpdateError) else None
