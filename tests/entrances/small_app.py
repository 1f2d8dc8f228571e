"""A WSGI application of a few lines behind the ordinary entrance, to see what that does by itself."""

import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import django

django.setup()

from paysettle.web.entrances.ordinary import Environ, WsgiPool  # noqa: E402

PIECE = 64 * 1024


class Whole(list[bytes]):
    """A response that is complete, as Django marks it."""

    streaming = False


def _said(environ: Environ) -> Iterable[bytes]:
    """Tell what the application was told."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    shown = {name: value for name, value in environ.items() if isinstance(value, str)}
    return Whole([json.dumps({**shown, "body": body.decode("latin-1")}).encode()])


def _ticks(environ: Environ) -> Iterator[bytes]:
    for n in range(3):
        yield f"tick {n}\n".encode()
        time.sleep(float(environ["QUERY_STRING"] or 0))


def _endless(environ: Environ) -> Iterator[bytes]:
    """Stream until nobody listens; write how far it came into a file."""
    sent = 0
    try:
        for sent in itertools.count():  # noqa: B007 - used when it ends
            yield b"x" * PIECE
    finally:
        Path(environ["QUERY_STRING"]).write_text(str(sent), encoding="ascii")


def _breaks(_environ: Environ) -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("on purpose")


def _fails(_environ: Environ) -> Iterable[bytes]:
    raise RuntimeError("on purpose")


def _sleeps(environ: Environ) -> Iterable[bytes]:
    time.sleep(float(environ["QUERY_STRING"]))
    return Whole([b"done"])


_PATHS: dict[str, Callable[[Environ], Iterable[bytes]]] = {
    "/ticks": _ticks,
    "/endless": _endless,
    "/breaks": _breaks,
    "/fails": _fails,
    "/sleeps": _sleeps,
}


def wsgi(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer by path."""
    pieces = _PATHS.get(environ["PATH_INFO"], _said)(environ)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return pieces


application = WsgiPool(wsgi, threads=2, waiting_max=2, body_size_max=1_000_000)
