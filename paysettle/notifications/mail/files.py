"""Files in place of a mail server, for the demo and for development: one message, one file, as mail programs read."""

from collections.abc import Sequence
from email.message import EmailMessage as WrittenMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from paysettle.kernel import identifiers


class FileBackend(BaseEmailBackend):
    """Writes each message to a file of its own in `EMAIL_FILE_PATH`; their names sort by time."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._folder = Path(settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            path = self._folder / f"{identifiers.new()}.eml"
            unfinished = path.with_suffix(".tmp")
            unfinished.write_bytes(message.message().as_bytes())
            unfinished.rename(path)
        return len(email_messages)


def written() -> list[Path]:
    """Return the files of all messages, oldest first."""
    return sorted(Path(settings.EMAIL_FILE_PATH).glob("*.eml"))


def read(path: Path) -> WrittenMessage:
    """Return the message in a file."""
    return BytesParser(policy=default).parsebytes(path.read_bytes())
