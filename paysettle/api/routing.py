"""One address, several views: the hot route is a plain async view, its neighbours are DRF views."""

from collections.abc import Callable, Coroutine
from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

AsyncView = Callable[[HttpRequest], Coroutine[Any, Any, HttpResponseBase]]
View = Callable[..., HttpResponseBase]


def by_method(otherwise: View, **plain: AsyncView) -> View:
    """Return a view that hands the methods named to plain async views and all others to a DRF view."""
    views = {method: async_to_sync(view) for method, view in plain.items()}

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        chosen = views.get(request.method or "")
        return chosen(request) if chosen else otherwise(request, *args, **kwargs)

    # By these drf-spectacular finds the DRF view of an address.
    view.cls, view.initkwargs = otherwise.cls, otherwise.initkwargs  # type: ignore[attr-defined]
    return csrf_exempt(view)
