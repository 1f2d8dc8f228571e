"""`manage.py mail`: read the messages that were written to files in place of a mail server."""

from argparse import ArgumentParser
from email.message import EmailMessage
from email.utils import getaddresses
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from paysettle.notifications.mail import files


class Command(BaseCommand):
    """Shows what the demo would have sent."""

    help = "Read the messages that the demo wrote to files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        last = verbs.add_parser("last", help="print the newest message")
        last.add_argument("--to", metavar="ADDRESS", help="the newest to this address")
        listing = verbs.add_parser("list", help="list all messages, oldest first")
        listing.add_argument("--to", metavar="ADDRESS", help="only those to this address")

    def handle(self, *_args: Any, **options: Any) -> None:
        found = [(path, files.read(path)) for path in files.written()]
        if options["to"]:
            found = [(path, message) for path, message in found if _is_to(message, options["to"])]
        if not found:
            raise CommandError(f"There is no such message in {settings.EMAIL_FILE_PATH}.")
        if options["verb"] == "list":
            for path, message in found:
                self.stdout.write(f"{Path(path).name}  {message['Date']}  {message['To']}  {message['Subject']}")
            return
        self._show(found[-1][1])

    def _show(self, message: EmailMessage) -> None:
        for name in ("From", "To", "Date", "Subject"):
            self.stdout.write(f"{name}: {message[name]}")
        self.stdout.write("")
        text = message.get_body(("plain",))
        self.stdout.write(text.get_content().rstrip() if text is not None else "(no plain text)")


def _is_to(message: EmailMessage, address: str) -> bool:
    return address.lower() in {found.lower() for _, found in getaddresses(message.get_all("To", []))}
