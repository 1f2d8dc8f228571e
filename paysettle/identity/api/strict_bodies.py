"""What allauth is sent is held to the same strictness as what we are: methods first, then bodies."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from paysettle.api import body, problems
from paysettle.kernel.errors import DomainError

_NAMESPACE = "headless"
_ROUTE = "_allauth/app/v1/"

FIELDS: dict[str, dict[str, type]] = {
    "auth/signup": {"username": str, "email": str, "password": str},
    "auth/login": {"username": str, "email": str, "password": str},
    "auth/reauthenticate": {"password": str},
    "auth/email/verify": {"key": str},
    "auth/email/verify/resend": {},
    "auth/password/request": {"email": str},
    "auth/password/reset": {"key": str, "password": str},
    "account/password/change": {"current_password": str, "new_password": str},
    "auth/2fa/authenticate": {"code": str},
    "auth/2fa/reauthenticate": {"code": str},
    "account/authenticators/totp": {"code": str},
    "account/authenticators/recovery-codes": {},
    "tokens/refresh": {"refresh_token": str},
}
"""What each of allauth's addresses reads, as its documentation names it."""


class StrictAllauthBodies:
    """Refuse a method that an address does not have, and a body that is not strict JSON, before allauth reads it.

    allauth looks at the body before the method: it would tell a DELETE whether a password is right. Its reader takes
    duplicate keys and halves of surrogate pairs; the latter end as a fault in the database or in the password hasher.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Return the refusal, or None for what allauth may read."""
        match = request.resolver_match
        is_allauth = match is not None and (_NAMESPACE in match.app_names or match.route.startswith("_allauth/"))
        if not is_allauth:
            return None
        if hasattr(view, "view_class") and request.method not in (allowed := _methods(view.view_class)):
            refusal = problems.response(problems.MethodNotAllowed())
            refusal.headers["Allow"] = ", ".join(allowed)
            return refusal
        if request.method in {"GET", "HEAD"}:
            return None
        if request.headers.get("Content-Length", "0") in {"", "0"} and "Transfer-Encoding" not in request.headers:
            return None  # some of its requests have no body
        try:
            sent = body.read(request)
        except DomainError as error:
            return problems.response(error)
        return _refusal(match.route.removeprefix(_ROUTE), sent) if match is not None else None


def _methods(view_class: type) -> list[str]:
    """Return the methods that a view answers."""
    own = [method.upper() for method in ("get", "post", "put", "patch", "delete") if hasattr(view_class, method)]
    return ["HEAD", *own] if "GET" in own else own


def _refusal(address: str, sent: body.Body) -> HttpResponse | None:
    """Return allauth's own form of a refusal for fields that it would pass over or convert, None if there are none."""
    known = FIELDS.get(address, {})
    errors = [
        {"param": name[:64], "code": "unknown_field", "message": "There is no such field."}
        for name in sorted(sent.keys() - known.keys())
    ]
    errors += [
        {"param": name, "code": "wrong_type", "message": "This has another type."}
        for name, type_ in known.items()
        if name in sent and type(sent[name]) is not type_
    ]
    return JsonResponse({"status": 400, "errors": errors}, status=400) if errors else None
