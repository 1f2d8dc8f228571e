"""The lean entrance: a few plain async views, answered on the event loop.

Django's own ASGI handler costs about a millisecond a request, most of it in threads for signals and clean-up. Here
none of that runs, and neither do the middleware and the resolver; what they would have given stands below and in
`messages`. A view behind this entrance must not touch the database (nothing would close its connection) nor read the
query, cookies or the session.
"""

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.urls import resolve

from paysettle.api.body import MalformedBody
from paysettle.web.entrances.messages import (
    Application,
    Receive,
    Scope,
    Send,
    View,
    answer,
    read_body,
    refuse,
    request_of,
)

_NAMING_THE_HOST = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT")
"""What Django reads a host from."""

Views = Mapping[tuple[str, str], View]


class LeanHandler:
    """Answers the methods and paths it has views for; everything else goes to another application."""

    def __init__(self, views: Views, *, otherwise: Application) -> None:
        self._views = {place: (view, resolve(place[1]).route) for place, view in views.items()}
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        found = self._views.get((scope["method"], scope["path"]))
        body = BytesIO()
        request = request_of(scope, body) if found else None
        if found is None or request is None or not _is_for_us(request):
            await self._otherwise(scope, receive, send)
            return
        view, route = found
        try:
            # One byte too many is enough for the view, which refuses it in its own order: who is calling comes first.
            await read_body(receive, body, size_max=settings.BODY_SIZE_MAX)
        except MalformedBody as broken:
            await refuse(scope, broken, send, route=route)
        else:
            await answer(request, view, send, route=route)


def _is_for_us(request: HttpRequest) -> bool:
    """Tell whether Django's middleware would let the request pass; if not, Django itself is to say why."""
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        return False
    named = tuple(request.META.get(name) for name in _NAMING_THE_HOST)
    return _is_our_host(named, tuple(settings.ALLOWED_HOSTS))


@lru_cache(maxsize=64)
def _is_our_host(named: tuple[str | None, ...], _allowed: tuple[str, ...]) -> bool:
    """Tell what Django says of a host, by asking it once; `named` are the values of _NAMING_THE_HOST."""
    request = HttpRequest()
    request.META = {name: value for name, value in zip(_NAMING_THE_HOST, named, strict=True) if value is not None}
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True
