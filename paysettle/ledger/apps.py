"""The ledger as a Django application."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "paysettle.ledger"
    label = "ledger"
