"""The commands slice as a Django application."""

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    name = "paysettle.commands"
    label = "commands"
