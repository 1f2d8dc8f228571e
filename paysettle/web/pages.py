"""The start page and the catalogues of errors and events."""

import json

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from paysettle.api.methods import readable
from paysettle.events.catalogue import described
from paysettle.kernel.errors import catalogue

DEMO_SIGN_INS = "demo-sign-ins.json"
"""What the demo leaves in its folder so that the start page can show it."""


@readable
def start(request: HttpRequest) -> HttpResponse:
    """Say what runs here and where to go."""
    return render(request, "web/start.html", {"sign_ins": _demo_sign_ins()})


@readable
def errors(request: HttpRequest) -> HttpResponse:
    """Show every error code: the address that problem documents name as their type."""
    names = ("code", "status", "title", "retryable", "stored")
    # Not the classes themselves: templates would call them.
    rows = [{name: getattr(error, name) for name in names} for error in catalogue()]
    return render(request, "web/errors.html", {"errors": rows})


@readable
def event_schema(_request: HttpRequest, name: str) -> HttpResponse:
    """Answer the JSON Schema of the data of an event: the address that events name as their `dataschema`."""
    found = described().get(name)
    if found is None:
        raise Http404
    return JsonResponse(found.document(), content_type="application/schema+json")


def _demo_sign_ins() -> list[dict[str, str]]:
    if not settings.DEMO:
        return []
    try:
        found: list[dict[str, str]] = json.loads((settings.VAR_DIR / DEMO_SIGN_INS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return found
