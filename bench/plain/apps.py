"""The people of the product without what goes on around them: jobs, system checks, signing in."""

from django.apps import AppConfig


class People(AppConfig):
    """The tables of people, parties and sessions."""

    name = "paysettle.identity"
    label = "identity"
