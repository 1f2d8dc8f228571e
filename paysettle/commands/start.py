"""Is everything there that a process needs? Each fault is one sentence and an exit code, and nothing is half made."""

import socket

from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from paysettle.events.kafka import client

PORT_MAX = 65535


def require_database() -> None:
    """Raise CommandError unless the database answers and is migrated."""
    try:
        connection.ensure_connection()
        pending = MigrationExecutor(connection).migration_plan(MigrationExecutor(connection).loader.graph.leaf_nodes())
    except Error as error:
        place = connection.settings_dict["HOST"] or connection.settings_dict["NAME"]
        raise CommandError(f"The database at {place} cannot be used: {error}.") from None
    if pending:
        raise CommandError(f"The database lacks {len(pending)} migrations: run `manage.py migrate` first.")
    connection.close()


def require_bus() -> None:
    """Raise CommandError if Kafka is set and what is set makes no sense; whether a broker answers is seen later."""
    if settings.KAFKA_BOOTSTRAP_SERVERS:
        try:
            client.check_options()
        except ValueError as error:
            raise CommandError(f"KAFKA_OPTIONS makes no sense: {error}.") from None


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
