"""Machines: they call the API with an API key that somebody has made for the party they act for."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from paysettle.identity import roles
from paysettle.identity.caller import Caller
from paysettle.identity.operations import api_keys
from paysettle.identity.operations.api_keys import NewKey
from paysettle.identity.roles import Permission
from tests.http import InProcess
from tests.people import Person
from tests.server import Reply

EVERYTHING = roles.FOR_KEYS


def new_key(
    maker: Person,
    scopes: Collection[Permission] = EVERYTHING,
    *,
    networks: Sequence[str] = (),
    life: timedelta = timedelta(days=1),
) -> NewKey:
    """Let somebody make a key for the party that they act for."""
    return api_keys.make(by=maker.caller, name="a machine", scopes=scopes, networks=networks, life=life)


def caller(made: NewKey) -> Caller:
    """Return who calls with a key."""
    return Caller(user_id=made.key.made_by_id, key_id=made.key.id, party_id=made.key.party_id)


def bearer(made: NewKey) -> dict[str, str]:
    """Return the header that brings a key."""
    return {"Authorization": f"Bearer {made.secret}"}


def send(made: NewKey, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """Call the API with a key, in process."""
    if method == "POST":
        return InProcess().post(path, body, **bearer(made), **headers)
    return InProcess().send(method, path, body, **bearer(made), **headers)
