"""The mail that carries an invitation. It names both sides by their handles, which nobody can write a message into."""

from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from paysettle.identity.models import Invitation


def send(invitation: Invitation, *, to: str, token: str, life: timedelta) -> None:
    """Send the token to the address, now: neither is stored. Raises what the mail server's connection raises."""
    words = {
        "inviter": invitation.made_by.username,
        "organisation": invitation.organisation.handle,
        "role": invitation.role,
        "link": f"{settings.PUBLIC_URL}/",
        "days": life.days,
        "token": token,
    }
    EmailMessage(
        subject=render_to_string("identity/mail/invitation_subject.txt", words).strip(),
        body=render_to_string("identity/mail/invitation.txt", words),
        to=[to],
        headers={"Auto-Submitted": "auto-generated"},
    ).send()
