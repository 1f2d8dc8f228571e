"""What a message says: a sentence and a link, in plain text."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from paysettle.identity import personal
from paysettle.identity.models import User
from paysettle.kernel import identifiers
from paysettle.notifications import queries
from paysettle.notifications.models import InboxEntry, OutgoingMail


def message(mail: OutgoingMail, entry: InboxEntry, user: User) -> EmailMessage:
    """Return the message about an entry to a person. Its Message-ID stays the same when it is sent again."""
    words = {
        "sentence": queries.entry_documents([entry])[0]["sentence"],
        "link": f"{settings.PUBLIC_URL}/",
    }
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    return EmailMessage(
        subject=one_line(render_to_string("notifications/mail/subject.txt", words)),
        body=render_to_string("notifications/mail/body.txt", words),
        to=[one_line(personal.email_of(user))],
        headers={"Message-ID": f"<{identifiers.show('mail', mail.id)}@{host}>", "Auto-Submitted": "auto-generated"},
    )


def one_line(text: str) -> str:
    """Return a text fit for a header: every run of white space and control characters is one blank."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
