"""How often allauth's addresses may be called: our limits, which all processes share, in place of its own."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse

from paysettle.api import body, peer, problems, throttling
from paysettle.identity import mail_throttle
from paysettle.kernel import throttles
from paysettle.kernel.errors import DomainError
from paysettle.kernel.throttles import Limit

_ROUTE = "_allauth/app/v1/"

LIMITS: dict[str, Limit] = {
    "auth/login": throttling.SIGN_IN,
    "auth/reauthenticate": throttling.SIGN_IN,
    "auth/signup": throttling.SIGN_UP,
    "auth/password/request": throttling.RESET,
    "auth/password/reset": throttling.RESET,
    "auth/email/verify": throttling.CODE,
    "auth/email/verify/resend": throttling.CODE,
    "tokens/refresh": throttling.REFRESH,
}
"""By address; whatever else changes something is OTHER_SIGN_IN."""

MAILS = {"auth/signup", "auth/password/request"}
"""What sends a mail to the address in the body; other mails with codes the adapter counts (`mail_throttle.py`)."""

CHECK_A_CODE_BY_GET = {"auth/email/verify", "auth/password/reset"}


class ThrottledSignIn:
    """Count calls of allauth's addresses before allauth sees them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if _is_refusal(response.status_code):
            mail_throttle.give_back(request)
        return response

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Return the refusal, or None for what is not one too many."""
        route = request.resolver_match.route if request.resolver_match else ""
        if not route.startswith(_ROUTE):
            return None
        address = route.removeprefix(_ROUTE)
        if request.method in {"GET", "HEAD", "OPTIONS"} and address not in CHECK_A_CODE_BY_GET:
            return None
        try:
            place = peer.network_of(peer.address_of(request))
            throttles.take(LIMITS.get(address, throttling.OTHER_SIGN_IN), place)
            if address in MAILS and request.method == "POST":
                mail_throttle.take(request, what=address, email=_email(request))
        except DomainError as refusal:
            return problems.response(refusal)
        return None


def _is_refusal(status: int) -> bool:
    """Tell whether nothing was done. With 401 allauth says that something was; what failed has perhaps sent a mail."""
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.UNAUTHORIZED


def _email(request: HttpRequest) -> str:
    # `StrictAllauthBodies` has read it before: it is an object, and what is no text was refused.
    return str(body.read(request).get("email", ""))
