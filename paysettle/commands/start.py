"""Is everything there that a process needs? Each fault is one sentence and an exit code, and nothing is half made."""

import socket
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

from paysettle.events.kafka import client
from paysettle.identity import jwt_keys

PORT_MAX = 65535


def require_bus() -> None:
    """Raise CommandError if Kafka is set and what is set makes no sense; whether a broker answers is seen later."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        try:
            client.check_options()
        except ValueError as error:
            raise CommandError(f"KAFKA_OPTIONS makes no sense: {error}.") from None


def require_keys() -> None:
    """Raise CommandError unless there are keys that sign access tokens."""
    try:
        jwt_keys.current()
    except jwt_keys.KeyFileError as error:
        raise CommandError(str(error)) from None


def require_mail() -> None:
    """Raise CommandError if messages go to files and their folder cannot be made; a mail server is asked later."""
    if settings.EMAIL_BACKEND.endswith("FileBackend"):
        try:
            Path(settings.EMAIL_FILE_PATH).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            message = f"EMAIL_URL names the folder {settings.EMAIL_FILE_PATH}, which cannot be made: {error.strerror}."
            raise CommandError(message) from None


def require_port(host: str, port: int) -> None:
    """Raise CommandError unless this process may listen there."""
    if not 1 <= port <= PORT_MAX:
        raise CommandError(f"A port is a number from 1 to {PORT_MAX}, not {port}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            message = f"Port {port} of {host} cannot be used: {error.strerror}. Choose another port."
            raise CommandError(message) from None
