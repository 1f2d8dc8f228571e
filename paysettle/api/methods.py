"""Pages that are only read: every other method is refused as the API refuses it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from paysettle.api import problems

View = TypeVar("View", bound=Callable[..., HttpResponseBase])

METHODS = ("GET", "HEAD")


def readable(view: View) -> View:
    """Answer GET and HEAD with the view, everything else with 405."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method not in METHODS:
            refusal = problems.response(problems.MethodNotAllowed())
            refusal.headers["Allow"] = ", ".join(METHODS)
            return refusal
        return view(request, *args, **kwargs)

    # Nothing is changed, so there is nothing to forge; without this the answer would speak of a missing token.
    return cast("View", csrf_exempt(inner))
