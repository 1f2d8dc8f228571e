"""How people and parties look in the API."""

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from paysettle.identity import personal, queries
from paysettle.identity.caller import Caller
from paysettle.identity.limits import read_rules
from paysettle.identity.models import (
    ApiKey,
    ApprovalPolicy,
    Contact,
    Invitation,
    LoginSession,
    MemberLimit,
    Membership,
    Party,
    Profile,
)
from paysettle.identity.names import Agreement
from paysettle.kernel import identifiers, times
from paysettle.kernel.money import Money


def me(caller: Caller) -> dict[str, Any]:
    """Return the person who calls, with the parties that they may act for."""
    person = queries.person(caller.person_id)
    return {
        "id": caller.actor,
        "handle": person.own_party.handle,
        "party": identifiers.show("par", person.own_party_id),
        "acting_party": caller.party,
        "parties": [membership(found) for found in queries.memberships_of(caller.person_id)],
    }


def membership(found: Membership) -> dict[str, str]:
    """Return a party that somebody acts for, and in which role."""
    return {
        "id": identifiers.show("par", found.party_id),
        "handle": found.party.handle,
        "kind": found.party.kind,
        "state": found.party.state,
        "role": found.role,
    }


def organisations(memberships: Sequence[Membership]) -> list[dict[str, str]]:
    """Return the organisations of memberships, each with the role in it."""
    said = personal.registrations(found.party_id for found in memberships)
    return [
        {
            "id": identifiers.show("par", found.party_id),
            "handle": found.party.handle,
            "legal_name": said[found.party_id].legal_name,
            "country": said[found.party_id].country,
            "registration_number": said[found.party_id].registration_number,
            "state": found.party.state,
            "role": found.role,
            "created_at": times.show(found.party.created_at),
        }
        for found in memberships
    ]


KEY_STATES = ["live", "expired", "revoked"]


def api_keys(found: Sequence[ApiKey]) -> list[dict[str, Any]]:
    """Return API keys, without their secrets, which nobody has but their holders."""
    return [
        {
            "id": identifiers.show("key", one.id),
            "name": one.name,
            "scopes": one.scopes.split(),
            "networks": one.networks.split(),
            "state": _key_state(one),
            "made_by": {"id": identifiers.show("usr", one.made_by_id), "handle": one.made_by.username},
            "created_at": times.show(one.created_at),
            "expires_at": times.show(one.expires_at),
            "last_used_at": times.show(one.last_used_at) if one.last_used_at else None,
            "revoked_at": times.show(one.revoked_at) if one.revoked_at else None,
            "replaced_by": identifiers.show("key", one.replaced_by_id) if one.replaced_by_id else None,
        }
        for one in found
    ]


def _key_state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "live" if key.expires_at > timezone.now() else "expired"


def members(memberships: Sequence[Membership]) -> list[dict[str, Any]]:
    """Return the members of an organisation."""
    return [
        {
            "id": identifiers.show("mem", found.id),
            "person": {"id": identifiers.show("usr", found.user_id), "handle": found.user.username},
            "role": found.role,
            "since": times.show(found.created_at),
        }
        for found in memberships
    ]


def invitations(found: Sequence[Invitation]) -> list[dict[str, Any]]:
    """Return invitations; to whom they went is not known any more."""
    return [
        {
            "id": identifiers.show("inv", one.id),
            "role": one.role,
            "state": one.state,
            "made_by": {"id": identifiers.show("usr", one.made_by_id), "handle": one.made_by.username},
            "created_at": times.show(one.created_at),
            "expires_at": times.show(one.expires_at),
        }
        for one in found
    ]


def limit(found: MemberLimit) -> dict[str, Any]:
    """Return what a member may send alone in one currency, and what they have sent on the last day they did."""

    def money(amount_minor: int | None) -> dict[str, Any] | None:
        return None if amount_minor is None else Money(amount_minor, found.currency).document()

    return {
        "currency": found.currency,
        "per_payment": money(found.per_payment_minor),
        "per_day": money(found.per_day_minor),
        "spent_on": None if found.spent_day is None else found.spent_day.isoformat(),
        "spent": money(found.spent_minor),
    }


def approval_policy(found: ApprovalPolicy) -> dict[str, Any]:
    """Return what an organisation wants approved; its ETag is its version."""
    return {
        "time_zone": found.time_zone,
        "rules": [
            {"from": Money(rule.from_minor, rule.currency).document(), "approvers": rule.approvers}
            for rule in read_rules(found.rules)
        ],
    }


def sessions(found: Sequence[LoginSession], caller: Caller) -> list[dict[str, Any]]:
    """Return sessions of the person who calls."""
    return [
        {
            "id": identifiers.show("ses", one.id),
            "device": one.device,
            "name": one.name,
            "current": one.id == caller.session_id,
            "second_factor": one.second_factor_at is not None,
            "created_at": times.show(one.created_at),
            "last_seen_at": times.show(one.last_seen_at),
            "expires_at": times.show(one.expires_at),
        }
        for one in found
    ]


def profile(found: Profile) -> dict[str, Any]:
    """Return what a person says of themself."""
    return {"name": personal.full_name(found.party_id), "findable_by_email": found.findable_by_email}


def payee(found: Party) -> dict[str, str]:
    """Return what a stranger may know of a party that was found."""
    return {"id": identifiers.show("par", found.id), "handle": found.handle, "kind": found.kind}


def closed(found: Party) -> dict[str, str]:
    """Return a party that has been closed."""
    return {**payee(found), "state": found.state}


def verification(found: Party, result: Agreement) -> dict[str, Any]:
    """Return whether a party has the expected name; never the name."""
    return {"payee": payee(found), "result": result.value}


def contacts(found: Sequence[Contact]) -> list[dict[str, Any]]:
    """Return contacts, each with the handle of today and the name that its owner has given it."""
    return [
        {
            "id": identifiers.show("con", one.id),
            "party": payee(one.party),
            "name": personal.private_name(one),
            "blocked": one.is_blocked,
            "created_at": times.show(one.created_at),
        }
        for one in found
    ]
