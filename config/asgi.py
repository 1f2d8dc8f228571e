"""The ASGI application that `manage.py serve` hands to the server: pages, API and the hot route."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_wsgi = get_wsgi_application()  # sets Django up, which what follows needs

from paysettle.web.entrances.application import Entrances  # noqa: E402

THREADS = 64


def build(*, threads: int = THREADS) -> Entrances:
    """Return an application that answers so many ordinary requests at the same time."""
    return Entrances(_wsgi, threads=threads)


application = build()
