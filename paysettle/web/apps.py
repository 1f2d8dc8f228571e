"""The web slice as a Django application."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "paysettle.web"
    label = "web"
