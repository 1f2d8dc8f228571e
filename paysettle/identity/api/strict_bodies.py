"""The bodies that allauth reads are held to the same strictness as ours."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from paysettle.api import body, problems
from paysettle.kernel.errors import DomainError

_NAMESPACE = "headless"


class StrictAllauthBodies:
    """Refuse a body that is not strict JSON before allauth reads it.

    allauth's reader takes duplicate keys and halves of surrogate pairs; the latter end as a fault in the database or
    in the password hasher.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Return the refusal, or None for what allauth may read."""
        match = request.resolver_match
        is_allauth = match is not None and (_NAMESPACE in match.app_names or match.route.startswith("_allauth/"))
        if not is_allauth or request.method in {"GET", "HEAD", "OPTIONS"}:
            return None
        if request.headers.get("Content-Length", "0") in {"", "0"} and "Transfer-Encoding" not in request.headers:
            return None  # some of its requests have no body
        try:
            body.read(request)
        except DomainError as error:
            return problems.response(error)
        return None
