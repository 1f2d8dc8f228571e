"""The addresses of the start page, the catalogues of errors and events, and health."""

from asgiref.sync import async_to_sync
from django.urls import path

from paysettle.api.methods import readable
from paysettle.web import health, pages

urlpatterns = [
    path("", pages.start, name="start"),
    path("errors", pages.errors, name="errors"),
    path("events/<str:name>.json", pages.event_schema, name="event_schema"),
    path("healthz", readable(async_to_sync(health.alive)), name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
