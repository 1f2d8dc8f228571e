"""Who is calling: the person, the session or API key, and the party acted for."""

from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from paysettle.kernel import identifiers
from paysettle.kernel.identifiers import SYSTEM

_show = lru_cache(maxsize=10_000)(identifiers.show)
"""Each event of a caller names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person in a session, acting for a party; or an operator at the command line (`operator`, no person).

    With `key_id` it is a machine that brought an API key of the party; the person is the one who made the key. A person
    without session and key is one whose work was accepted in a session and goes on after it.

    `as_oneself` tells that the party is known to be the one that the person is; where it is not known, it is False.
    """

    party_id: UUID
    user_id: UUID | None = None
    session_id: UUID | None = None
    key_id: UUID | None = None
    operator: str | None = None
    as_oneself: bool = False

    @property
    def person_id(self) -> UUID:
        """The id of the person; RuntimeError for an operator, who is none."""
        if self.user_id is None:
            raise RuntimeError("This is for people.")
        return self.user_id

    def acting_for(self, party_id: UUID) -> "Caller":
        """Return the same person in the same session, acting for another party."""
        return replace(self, party_id=party_id, as_oneself=False)

    def after_its_session(self) -> "Caller":
        """Return the same person for work that was accepted in a session and goes on after it."""
        return replace(self, session_id=None)

    @property
    def actor(self) -> str:
        """How events name the person."""
        return _show("usr", self.user_id) if self.user_id is not None else f"operator:{self.operator}"

    @property
    def key_mark(self) -> dict[str, str]:
        """What the data of an event add where an API key was used: its id; {} where none was."""
        return {} if self.key_id is None else {"key": _show("key", self.key_id)}

    @property
    def party(self) -> str:
        """How events name the party acted for."""
        return "system" if self.party_id == SYSTEM else _show("par", self.party_id)
