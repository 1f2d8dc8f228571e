"""What a run has measured: a record for each point and repeat, and what they come to."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Record:
    """One point in one repeat."""

    name: str
    repeat: int
    connections: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the repeats."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread | None":
        """Return the spread of some values, None if there are none."""
        found = sorted(values)
        return cls(*(round(v, 3) for v in (statistics.median(found), found[0], found[-1]))) if found else None


@dataclass(slots=True)
class Records:
    """All records of a run, in the order in which they were made."""

    rows: list[Record] = field(default_factory=list)
    verified: int = 0
    """How many acknowledged payments were found in the tables, each once."""

    def add(self, name: str, repeat: int, connections: int, **values: float) -> None:
        """Note a point."""
        self.rows.append(Record(name, repeat, connections, values))

    def repeats(self, name: str) -> list[int]:
        """Return in which repeats a point was measured."""
        return sorted({row.repeat for row in self.rows if row.name == name})

    def best(self, name: str, repeat: int, value: str = "payments_per_s") -> float | None:
        """Return the highest value of a point over its numbers of connections."""
        found = [row.values[value] for row in self.rows if (row.name, row.repeat) == (name, repeat)]
        return max(found, default=None)

    def at(self, name: str, repeat: int, connections: int, value: str) -> float | None:
        """Return a value at one number of connections."""
        wanted = (name, repeat, connections)
        found = [row.values[value] for row in self.rows if (row.name, row.repeat, row.connections) == wanted]
        return found[0] if found else None

    def best_connections(self, name: str, count: int) -> list[int]:
        """Return the numbers of connections with the highest rates so far."""
        rates = {row.connections: row.values["payments_per_s"] for row in self.rows if row.name == name}
        return sorted(sorted(rates, key=lambda connections: -rates[connections])[:count])

    def points(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Return median and range of everything: by name, connections and value."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for row in self.rows:
            for value in row.values:
                spread = Spread.of(
                    other.values[value]
                    for other in self.rows
                    if (other.name, other.connections) == (row.name, row.connections)
                )
                if spread is not None:
                    place = found.setdefault(row.name, {}).setdefault(str(row.connections), {})
                    place[value] = {"median": spread.median, "low": spread.low, "high": spread.high}
        return found
