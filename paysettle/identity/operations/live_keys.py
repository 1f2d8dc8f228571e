"""The API keys that are live, and how each ends before its time: under the lock of party or maker, with an event."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from paysettle.identity.caller import Caller
from paysettle.identity.models import ApiKey
from paysettle.identity.operations import recording
from paysettle.kernel import identifiers


def live(at: datetime) -> "QuerySet[ApiKey]":
    """Return the keys that are neither revoked nor expired."""
    return ApiKey.objects.filter(revoked_at=None, expires_at__gt=at).order_by("id")


def end(key: ApiKey, *, by: Caller, at: datetime) -> None:
    """Revoke a key: the very next call with it is refused."""
    key.revoked_at, key.version = at, key.version + 1
    ApiKey.objects.filter(id=key.id).update(revoked_at=at, version=key.version)
    record(key, "revoked", by=by, at=at)


def fall_with_member(*, party_id: UUID, user_id: UUID, by: Caller, at: datetime) -> None:
    """Revoke the keys that a person has made for a party to which they do not belong any more.

    Without that they would come to life again if the person joined once more.
    """
    _end_all(live(at).filter(party_id=party_id, made_by_id=user_id), by=by, at=at)


def fall_with_person(*, user_id: UUID, by: Caller, at: datetime) -> None:
    """Revoke every key that a person has made: like their sessions they stay ended when the person is let in again."""
    _end_all(live(at).filter(made_by_id=user_id), by=by, at=at)


def record(key: ApiKey, what: str, *, by: Caller, at: datetime, **further: str) -> None:
    """Write the event: `made`, `replaced` or `revoked`."""
    recording.event(
        stream=identifiers.show("key", key.id),
        version=key.version,
        type_=f"api_key.{what}",
        actor=by.actor,
        party=by.party,
        at=at,
        data={
            "api_key": identifiers.show("key", key.id),
            "owner": identifiers.show("par", key.party_id),
            "made_by": identifiers.show("usr", key.made_by_id),
            **further,
        },
    )


def _end_all(keys: "QuerySet[ApiKey]", *, by: Caller, at: datetime) -> None:
    for key in keys.select_for_update():
        end(key, by=by, at=at)
