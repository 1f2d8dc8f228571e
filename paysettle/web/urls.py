"""The addresses of the start page, the catalogue of errors, and health."""

from django.urls import path

from paysettle.web import health, pages

urlpatterns = [
    path("", pages.start, name="start"),
    path("errors", pages.errors, name="errors"),
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
]
