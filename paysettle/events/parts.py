"""What the worker is made of: parts that each do a bounded piece of work at a time."""

from typing import Protocol


class Outage(Exception):
    """Something outside of this process is away. Nothing is lost; the part tries again."""


class Part(Protocol):
    """One duty of the worker. It is used by one thread at a time."""

    name: str

    def step(self) -> bool:
        """Do a bounded piece of work; return whether there is more to do right away. May raise anything."""

    def close(self) -> None:
        """Give back what is held (leases, connections to servers); afterwards `step` may be called again."""
