"""Which tables the staff may look at, and how.

This is the one place of the dashboard that imports the models of other slices: Django's admin is made of models. It
only reads them.
"""

from paysettle.dashboard.registry import audit, money, people, settlements, verifications, wallets  # noqa: F401 - each registers
