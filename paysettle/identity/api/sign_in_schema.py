"""allauth's own OpenAPI document, merged into ours: signing in keeps its documented shapes."""

from http import HTTPStatus
from typing import Any

from allauth.headless.spec.internal.schema import get_schema

TAG = "signing in"

_ROOT = "/_allauth/app/v1/"
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}

ABSENT = (
    "account/email",
    "account/phone",
    "auth/phone/verify",
    "auth/phone/verify/resend",
    "auth/code/request",
    "auth/code/confirm",
    "auth/code/resend",
)
"""What allauth mounts or documents, and what this installation does not have, or has at an address of its own."""

CONFLICTS = {
    ("account/password/change", "post"): "The password has been changed meanwhile, by another request.",
    ("account/authenticators/totp", "post"): "There is a second factor already.",
    ("account/authenticators/totp", "delete"): "There is no second factor, or it is the last one of staff.",
    ("account/authenticators/recovery-codes", "post"): "There is no second factor.",
}
"""What our operations behind allauth's addresses refuse with a problem document (`allauth_views.py`)."""

UNSAID = {
    ("account/password/change", "post"): {"200": "AuthenticatedByPassword", "401": "AuthenticationOrReauthentication"},
    ("account/authenticators/recovery-codes", "post"): {"200": "RecoveryCodes"},
    ("auth/reauthenticate", "post"): {"401": "Authentication"},
    ("auth/2fa/reauthenticate", "post"): {"401": "Authentication"},
}
"""What allauth answers and its document does not say: the names of its responses, by status."""

STEP_UP = {
    ("account/password/change", "post"),
    ("account/authenticators/totp", "post"),
    ("account/authenticators/totp", "delete"),
    ("account/authenticators/recovery-codes", "get"),
    ("account/authenticators/recovery-codes", "post"),
}
"""What asks a session to have shown not long ago who is there: 401 with the ways to show it where it has not."""


def merge(result: dict[str, Any], generator: Any, **_: Any) -> dict[str, Any]:  # noqa: ARG001 - the hook's signature
    """Add allauth's addresses and shapes (a postprocessing hook). Raises ValueError if a name would mean two things."""
    theirs: dict[str, Any] = get_schema()
    for address in ABSENT:
        theirs["paths"].pop(f"{_ROOT}{address}", None)
    for (address, method), meaning in CONFLICTS.items():
        theirs["paths"][f"{_ROOT}{address}"][method]["responses"]["409"] = {
            "description": meaning,
            "content": _PROBLEM,
        }
    for (address, method), answers in UNSAID.items():
        theirs["paths"][f"{_ROOT}{address}"][method]["responses"] |= {
            status: {"$ref": f"#/components/responses/{name}"} for status, name in answers.items()
        }
    for address, method in STEP_UP:
        theirs["paths"][f"{_ROOT}{address}"][method]["x-step-up"] = True
    _add(result["paths"], theirs["paths"])
    components = result.setdefault("components", {})
    for kind, shapes in theirs["components"].items():
        _add(components.setdefault(kind, {}), shapes)
    for operations in theirs["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["tags"] = [TAG]
                operation.setdefault("operationId", _operation_id(operation))
                if "requestBody" in operation:
                    _add_refusals(operation["responses"], components["responses"])
    return result


def _add_refusals(responses: dict[str, Any], shared: dict[str, Any]) -> None:
    """Add how a body that cannot be read is refused, before allauth sees it, as everywhere else."""
    bad = responses.get("400", {"description": HTTPStatus.BAD_REQUEST.phrase})
    if "$ref" in bad:
        bad = shared[bad["$ref"].rpartition("/")[2]]
    responses["400"] = {**bad, "content": {**bad.get("content", {}), **_PROBLEM}}
    responses["429"] = {"description": HTTPStatus.TOO_MANY_REQUESTS.phrase, "content": _PROBLEM}
    for status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
        responses.setdefault(str(int(status)), {"description": status.phrase, "content": _PROBLEM})


def _add(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    both = ours.keys() & theirs.keys()
    if both:
        raise ValueError(f"These names mean two things in the OpenAPI document: {sorted(both)}")
    ours.update(theirs)


def _operation_id(operation: dict[str, Any]) -> str:
    words = "".join(letter if letter.isalnum() else " " for letter in operation["summary"].lower()).split()
    return "_".join(words)
