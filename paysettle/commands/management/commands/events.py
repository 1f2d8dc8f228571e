"""`manage.py events`: look at what could not be applied, apply it again, publish the log again."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from paysettle.events import parking, queries
from paysettle.events.consumers import registered
from paysettle.events.kafka import relay
from paysettle.events.kafka.client import BrokerDown
from paysettle.kernel import times
from paysettle.kernel.command import DatabaseCommand


class Command(DatabaseCommand):
    """The operator's hand on the bus."""

    help = "See and redrive parked events; publish the log again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("parked", help="list what each consumer could not apply, and why")
        redrive = verbs.add_parser("redrive", help="apply what is parked again, each stream in order")
        redrive.add_argument("--stream", action="append", default=[], help="only this stream (repeatable)")
        discard = verbs.add_parser("discard", help="forget a message that is no event of ours")
        discard.add_argument("message", help="its id, from `events parked`")
        replay = verbs.add_parser("replay", help="publish the log to Kafka again, for a broker that lost it")
        replay.add_argument("--from", dest="from_position", type=int, required=True, metavar="POSITION")

    def handle(self, *_args: Any, **options: Any) -> None:
        getattr(self, f"_{options['verb']}")(options)

    def _parked(self, _options: dict[str, Any]) -> None:
        for consumer in registered():
            events, messages = queries.parked(consumer.name), queries.malformed(consumer.name)
            self.stdout.write(f"{consumer.name}: {len(events)} events parked, {len(messages)} unreadable messages")
            for event in events:
                since = times.show(event.parked_at)
                self.stdout.write(f"  {event.stream} position {event.position} {event.reason} since {since}")
            for message in messages:
                place = f"{message.topic}/{message.partition_number}@{message.message_offset}"
                self.stdout.write(f"  message {message.id} {place} {message.reason} {bytes(message.raw)[:60]!r}")

    def _redrive(self, options: dict[str, Any]) -> None:
        failed = []
        for consumer in registered():
            if not options["stream"]:
                explained = parking.redrive_malformed(consumer)
                self.stdout.write(f"{consumer.name}: {explained} unreadable messages replaced by the log's own events")
            result = parking.redrive(consumer, options["stream"])
            self.stdout.write(f"{consumer.name}: {result.applied} events applied")
            failed += [f"{consumer.name}: {stream} stays parked" for stream in result.still_parked]
        if failed:
            raise CommandError("\n".join(failed))

    def _discard(self, options: dict[str, Any]) -> None:
        try:
            count = parking.discard(options["message"])
        except (ValidationError, ValueError):
            count = 0
        if not count:
            raise CommandError("There is no such message.")

    def _replay(self, options: dict[str, Any]) -> None:
        if not settings.KAFKA_BOOTSTRAP_SERVERS:
            raise CommandError("KAFKA_BOOTSTRAP_SERVERS is not set: there is nothing to publish to.")
        if options["from_position"] < 1:
            raise CommandError("Positions begin at 1.")
        try:
            count = relay.replay(options["from_position"])
        except BrokerDown as error:
            raise CommandError(f"Kafka does not answer: {error}.") from None
        self.stdout.write(self.style.SUCCESS(f"{count} events published to {settings.KAFKA_TOPIC}."))
