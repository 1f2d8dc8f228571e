"""`manage.py changepassword`: Django's own would leave sessions and tokens alive, and tell nobody."""

from paysettle.commands.refused import Refused


class Command(Refused):
    """Says what to do instead."""

    help = "Nobody sets another person's password: they choose one by a code that is mailed to them."
