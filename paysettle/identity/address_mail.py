"""The mails of a change of address. They name the person by their handle, which nobody can write a message into."""

from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string


def send_old_code(*, to: str, handle: str, code: str, life: timedelta) -> None:
    """Send the code that goes to the present address. Raises what the mail server's connection raises."""
    _send("address_old", to, {"handle": handle, "code": code, "minutes": life.seconds // 60})


def send_new_code(*, to: str, handle: str, code: str, life: timedelta) -> None:
    """Send the code that goes to the address to come. Raises what the mail server's connection raises."""
    _send("address_new", to, {"handle": handle, "code": code, "minutes": life.seconds // 60})


def tell_former(*, to: str, handle: str) -> None:
    """Tell an address that another one has taken its place. Raises what the mail server's connection raises."""
    _send("address_replaced", to, {"handle": handle})


def tell_owner(*, to: str) -> None:
    """Tell whoever has an address that somebody else claims it. Raises what the mail server's connection raises."""
    _send("address_claimed", to, {})


def _send(template: str, to: str, words: dict[str, object]) -> None:
    words = {**words, "link": f"{settings.PUBLIC_URL}/"}
    EmailMessage(
        subject=render_to_string(f"identity/mail/{template}_subject.txt", words).strip(),
        body=render_to_string(f"identity/mail/{template}.txt", words),
        to=[to],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
