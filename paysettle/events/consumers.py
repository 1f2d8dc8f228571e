"""Who listens to the log: each slice registers its consumers when it is loaded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paysettle.events.envelope import RecordedEvent, family
from paysettle.kernel.transactions import Transaction

Handler = Callable[[Transaction, Sequence[RecordedEvent]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A reader of the log with an effect in the database.

    `name` never changes: its cursor, its dedupe rows and its group are kept under it. `handle` gets events of the
    listed types in order, many at once, none twice, and writes through the transaction it is given, nothing else:
    the transaction may be rolled back and run again.
    """

    name: str
    types: frozenset[str]
    handle: Handler

    def concerns(self, type_: str) -> bool:
        """Tell whether an event type is for this consumer, in a version it knows or in another one."""
        return type_ in self.types or family(type_) in {family(known) for known in self.types}


_registered: dict[str, Consumer] = {}


def register(consumer: Consumer) -> None:
    """Add a consumer; raise ValueError if the name is taken."""
    if consumer.name in _registered:
        raise ValueError(f"There is a consumer {consumer.name} already.")
    _registered[consumer.name] = consumer


def registered() -> list[Consumer]:
    """Return all consumers, by name."""
    return [_registered[name] for name in sorted(_registered)]
