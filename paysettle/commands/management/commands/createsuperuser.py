"""`manage.py createsuperuser`: Django's own knows neither parties nor staff roles."""

from paysettle.commands.refused import Refused


class Command(Refused):
    """Says what to do instead."""

    help = "Use manage.py create_admin."
