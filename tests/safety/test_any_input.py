"""X4: whatever arrives, the API answers as its OpenAPI document says: never 5xx, never 2xx for what is wrong.

Schemathesis makes requests that fit the document and requests that do not, for every operation of ours, half of them
with the ids of real objects, and holds every answer against the document with all of its checks. One good request of
each operation must succeed, so that no operation is only ever refused.
"""

import copy
import os
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import schemathesis
from django.core import mail
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup

from paysettle.identity.models import AddressChange, LookUp
from paysettle.identity.operations import address_changes, contacts, invitations, refresh_tokens, sessions
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from tests import openapi, working
from tests.approvals import policy
from tests.companies import company, new_handle
from tests.moves import authorise
from tests.people import Person, deposit, pay, person
from tests.server import Server, token

pytestmark = pytest.mark.shared("sqlite", "mariadb", "mysql", by="name")

EXAMPLES = 1_000 if os.environ.get("TEST_LONG") else 100
"""For each operation: two fifths of them fit, two fifths do not, and one fifth is of somebody who has nothing."""

CONFIG = {
    "checks": {
        # What fits may still be refused by a rule that no document can tell (422), but never as unreadable (400).
        "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "403", "404", "409", "412", "422", "429"]},
    }
}
SCHEMA = schemathesis.openapi.from_path(openapi.FILE, config=SchemathesisConfig.from_dict(CONFIG))
INVITATION = {"email": "new@example.org", "role": "payer"}
API_KEY = {"name": "a machine", "scopes": ["pay"]}
TOKEN_LENGTH = 43
CODE = re.compile(r"[B-Z2-9]{4}-[B-Z2-9]{4}")
METHODS = {"get", "post", "put", "patch", "delete"}
OPERATIONS = {
    operation["operationId"]: (path, method)
    for path, methods in openapi.DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if method in METHODS and path.startswith("/api/v1/")
}
SETTINGS = settings(
    max_examples=2 * EXAMPLES // 5,
    deadline=None,
    database=None,
    derandomize=not os.environ.get("TEST_LONG"),
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class World:
    """A server, ana who calls it, ben, one of everything between them, and eva, to whom none of it belongs."""

    server: Server
    ana: Person
    ben: Person
    eva: Person
    ids: dict[str, str]

    def known(self, name: str) -> dict[str, str]:
        """Return the ids of real objects that the path of an operation asks for."""
        return {part: id_ for part, id_ in self.ids.items() if f"{{{part}}}" in OPERATIONS[name][0]}


@pytest.fixture(scope="module")
def world(server: Server) -> World:
    ana, ben = person("ana"), person("ben")
    deposit(ana, 10**6)
    deposit(ben, 10**6)
    payment = pay(ben, ana, 10).document()["id"]
    working.catch_up("dispatch")
    client = server.client(ana)
    firm = _firm(ana)
    ids = {
        **firm,
        "invitation_id": client.post(_invitations(firm), INVITATION).document["id"],
        "key_id": client.post("/api/v1/api-keys", API_KEY).document["id"],
        "payment_id": payment,
        "account_id": client.get("/api/v1/accounts").document["data"][0]["id"],
        "batch_id": client.post("/api/v1/payment-batches", {"items": [_line(ben)]}).document["id"],
        "settlement_id": client.ask(ben, 10).document["id"],
        "contact_id": _kept_id(ana),
        "entry_id": client.get("/api/v1/inbox").document["data"][0]["id"],
        **_another_session(ana),
    }
    return World(server, ana, ben, person("eva"), ids)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fits", "does not fit"])
def test_it_answers_as_the_document_says(world: World, name: str, mode: GenerationMode) -> None:
    operation = _operation(name)
    strategy = operation.as_strategy(mode)
    known = world.known(name)
    if name == "close_organisation":  # the other operations still need theirs
        known = {"organisation_id": company(world.ana).id}
    if known:
        strategy = st.one_of(strategy, operation.as_strategy(mode, path_parameters=known))
    # What is wrong with a line of a batch is the outcome of that line: the batch is accepted.
    excluded = [schemathesis.checks.negative_data_rejection] if name == "create_payment_batch" else []

    def answers(case: Any) -> None:
        status = _call(world, case, by=_who_may_close(name), excluded=excluded)
        if excluded and mode is GenerationMode.NEGATIVE and status < 400:
            assert _is_wrong_in_its_lines_alone(case.body)

    tried: Any = given(case=strategy)(answers)
    SETTINGS(tried)()


@pytest.mark.parametrize("name", OPERATIONS)
def test_somebody_without_money_is_answered_as_the_document_says_and_sees_nothing(world: World, name: str) -> None:
    """Eva has no money, and the ids are those of others; that ana has something by them, the test below shows."""
    operation, known = _operation(name), world.known(name)

    def answers(case: Any) -> None:
        status = _call(world, case, by=_who_may_close(name) or world.eva)
        assert not known or status >= 400

    given_path = {"path_parameters": known} if known else {}
    tried: Any = given(case=operation.as_strategy(GenerationMode.POSITIVE, **given_path))(answers)
    settings(SETTINGS, max_examples=EXAMPLES // 5)(tried)()


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_good_request_succeeds(world: World, name: str) -> None:
    parts = GOOD[name](world) if name in GOOD else {}
    headers = {**parts.pop("headers", {})}
    if OPERATIONS[name][1] == "post":
        headers["Idempotency-Key"] = secrets.token_hex(12)
    case = _operation(name).Case(**{"path_parameters": world.known(name), **parts, "headers": headers})
    assert _call(world, case, by=_who_may_close(name)) in {200, 201, 202, 204}


def test_control_an_answer_that_the_document_does_not_have_is_seen(world: World) -> None:
    """With the one success of an operation left out of the document, the good request is no longer good."""
    document = copy.deepcopy(openapi.DOCUMENT)
    answers = document["paths"]["/api/v1/accounts"]["get"]["responses"]
    answers["418"] = answers.pop("200")
    case = schemathesis.openapi.from_dict(document)["/api/v1/accounts"]["GET"].Case()
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        _call(world, case)


def _is_wrong_in_its_lines_alone(body: Any) -> bool:
    """Tell whether a batch is as the document says, whatever stands in its lines."""
    schema = openapi.DOCUMENT["components"]["schemas"]["BatchOrderDocument"]
    lines = schema["properties"]["items"]
    properties = {**schema["properties"], "items": {**lines, "items": {}}}
    of_any_lines = {**schema, "properties": properties, "components": openapi.DOCUMENT["components"]}
    return bool(Draft202012Validator(of_any_lines).is_valid(body))


def test_control_a_batch_that_is_wrong_as_a_whole_is_told_from_one_with_wrong_lines() -> None:
    line = {"key": "a", "payee": "ben", "amount": {"amount": 1, "currency": "EUR"}}
    assert _is_wrong_in_its_lines_alone({"items": [line, "nonsense"]})
    wholly_wrong: list[Any] = [
        {},
        [],
        {"items": []},
        {"items": "all"},
        {"items": [line], "atomic": True},
        {"items": [line], "amount": 1},
    ]
    for wrong in wholly_wrong:
        assert not _is_wrong_in_its_lines_alone(wrong)


def _firm(owner: Person) -> dict[str, str]:
    """Return the ids of a new company and of a member, who is an owner too."""
    made, other = company(owner), person("cleo")
    made.join(other, Role.OWNER)
    return {"organisation_id": made.id, "member_id": identifiers.show("mem", made.member(other).id)}


def _invitations(firm: dict[str, str]) -> str:
    return f"/api/v1/organisations/{firm['organisation_id']}/invitations"


def _invited(world: World) -> dict[str, str]:
    firm = _firm(world.ana)
    made = world.server.client(world.ana).post(_invitations(firm), INVITATION).document["id"]
    return {"organisation_id": firm["organisation_id"], "invitation_id": made}


def _token(world: World) -> str:
    """Return what came by mail to ana from somebody's company."""
    made = company(world.ben)
    by = made.acted_for_by(world.ben).caller
    invitations.make(by=by, email=world.ana.email, role=Role.VIEWER)
    return next(line for line in str(mail.outbox[-1].body).splitlines() if len(line) == TOKEN_LENGTH)


def _another_session(who: Person) -> dict[str, str]:
    """Let somebody sign in once more and return the id of that session: what is tried must not end their own."""
    return {"session_id": identifiers.show("ses", sessions.begin(who.user, secrets.token_hex(16)).id)}


def _address(world: World) -> str:
    """Return an address that ana may ask for now, whatever was tried before."""
    AddressChange.objects.filter(user=world.ana.user).delete()
    return f"new-{secrets.token_hex(4)}@example.org"


def _codes(world: World) -> dict[str, str]:
    """Let ana ask for another address and return what came by mail to both; from then on it is hers."""
    email, mail.outbox[:] = _address(world), []
    address_changes.ask(by=world.ana.caller, email=email)
    old, new = (next(line for line in str(one.body).splitlines() if CODE.fullmatch(line)) for one in mail.outbox)
    world.ana = replace(world.ana, email=email)
    return {"email": email, "code_from_old": old, "code_from_new": new}


def _of_firm(world: World, *parts: str, **further: Any) -> dict[str, Any]:
    firm = _firm(world.ana)
    return {"path_parameters": {part: firm[part] for part in ("organisation_id", *parts)}, **further}


def _handed_over(world: World) -> dict[str, Any]:
    firm = _firm(world.ana)
    path = {"organisation_id": firm["organisation_id"]}
    return {"path_parameters": path, "body": {"member": firm["member_id"]}}


def _line(payee: Person) -> dict[str, Any]:
    return {"key": secrets.token_hex(8), **_order(payee)}


def _order(payee: Person) -> dict[str, Any]:
    return {"payee": payee.handle, "amount": {"amount": 1, "currency": "EUR"}}


def _waits(world: World, *, by_ana: bool = False) -> dict[str, Any]:
    """Return a payment of a company that waits for ana, or that she has made herself."""
    firm = company(world.ana)
    maker = firm.acted_for_by(world.ana) if by_ana else firm.join(person("paul"), Role.PAYER)
    deposit(maker, 10)
    policy(firm, (1, 1))
    payment = pay(maker, world.ben, 10).document()["id"]
    return {"path_parameters": {"payment_id": payment}, "headers": {"Acting-Party": firm.id}}


def _held(world: World) -> dict[str, Any]:
    return {"path_parameters": {"payment_id": authorise(world.ben, world.ana, 10).document()["id"]}}


def _paid(world: World) -> dict[str, Any]:
    return {"path_parameters": {"payment_id": pay(world.ben, world.ana, 10).document()["id"]}}


def _asked(world: World, *, by_ana: bool = False) -> dict[str, Any]:
    """Return the path of a settlement that somebody asks for, and the version to decide about."""
    asker, debtor = (world.ana, world.ben) if by_ana else (world.ben, world.ana)
    settlement = world.server.client(asker).ask(debtor, 10).document["id"]
    return {"path_parameters": {"settlement_id": settlement}, "headers": {"If-Match": '"1"'}}


def _new_look_ups(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a look-up; how many were made before must not be what it fails by."""
    LookUp.objects.filter(user=world.ana.user).delete()
    return {"body": body}


def _kept(world: World) -> dict[str, Any]:
    return {"path_parameters": {"contact_id": _kept_id(world.ana)}}


def _kept_id(owner: Person) -> str:
    LookUp.objects.filter(user=owner.user).delete()
    kept = contacts.keep(by=owner.caller, reference=person("cleo").handle, name="Cleo")
    return identifiers.show("con", kept.id)


def _for_new_firm(world: World) -> dict[str, Any]:
    """Act for a company that has no API keys yet: a party has so many at most."""
    return {"headers": {"Acting-Party": company(world.ana).id}}


def _keyed(world: World) -> dict[str, Any]:
    acting = _for_new_firm(world)
    made = world.server.client(world.ana).post("/api/v1/api-keys", API_KEY, **acting["headers"]).document["id"]
    return {"path_parameters": {"key_id": made}, **acting}


GOOD: dict[str, Callable[[World], dict[str, Any]]] = {
    "create_payment": lambda world: {"body": _order(world.ben)},
    "preview_payment": lambda world: {"body": _order(world.ben)},
    "create_payment_batch": lambda world: {"body": {"items": [_line(world.ben)]}},
    "approve_payment": _waits,
    "list_payment_approvals": _waits,
    "reject_payment": _waits,
    "withdraw_payment": lambda world: _waits(world, by_ana=True),
    "capture_payment": lambda world: {**_held(world), "body": {"final": True}},
    "release_payment": _held,
    "refund_payment": lambda world: {**_paid(world), "body": {"amount": {"amount": 1, "currency": "EUR"}}},
    "request_settlement": lambda world: {
        "body": {"debtor": world.ben.handle, "amount": {"amount": 1, "currency": "EUR"}, "reason": "dinner"}
    },
    "approve_settlement": lambda world: {**_asked(world), "body": {}},
    "reject_settlement": lambda world: {**_asked(world), "body": {"reason": "no"}},
    "withdraw_settlement": lambda world: {**_asked(world, by_ana=True), "body": {}},
    "mark_inbox_read": lambda world: {"body": {"up_to": world.ids["entry_id"]}},
    "create_organisation": lambda _: {"body": {"handle": new_handle(), "legal_name": "Firm", "country": "PT"}},
    "get_organisation": _of_firm,
    "list_members": _of_firm,
    "change_member_role": lambda world: _of_firm(world, "member_id", body={"role": "payer"}),
    "list_member_limits": lambda world: _of_firm(world, "member_id"),
    "set_member_limit": lambda world: _of_firm(world, "member_id", body={"currency": "EUR", "per_day": 1}),
    "get_approval_policy": _of_firm,
    "set_approval_policy": lambda world: _of_firm(
        world,
        body={"time_zone": "UTC", "rules": [{"from": {"amount": 1, "currency": "EUR"}, "approvers": 2}]},
        headers={"If-Match": '"1"'},
    ),
    "remove_member": lambda world: _of_firm(world, "member_id"),
    "leave_organisation": _of_firm,
    "hand_over_organisation": _handed_over,
    "list_invitations": _of_firm,
    "invite_member": lambda world: _of_firm(world, body=INVITATION),
    "revoke_invitation": lambda world: {"path_parameters": _invited(world)},
    "accept_invitation": lambda world: {"body": {"token": _token(world)}},
    "change_registration": lambda world: _of_firm(world, body={"legal_name": "Firm", "country": "PT"}),
    "close_organisation": _of_firm,
    "change_profile": lambda _: {"body": {"name": "Ana"}},
    "find_payee": lambda world: _new_look_ups(world, {"handle": world.ben.handle}),
    "verify_payee": lambda world: _new_look_ups(world, {"payee": world.ben.handle, "name": "Ben"}),
    "keep_contact": lambda world: _new_look_ups(world, {"party": person("cleo").handle}),
    "get_contact": _kept,
    "rename_contact": lambda world: {**_kept(world), "body": {"name": "C."}},
    "block_contact": _kept,
    "unblock_contact": _kept,
    "remove_contact": _kept,
    "name_session": lambda world: {"path_parameters": _another_session(world.ana), "body": {"name": "Kitchen"}},
    "end_session": lambda world: {"path_parameters": _another_session(world.ana)},
    "change_address": lambda world: {"body": {"email": _address(world)}},
    "confirm_address": lambda world: {"body": _codes(world)},
    "create_api_key": lambda world: {**_for_new_firm(world), "body": API_KEY},
    "get_api_key": _keyed,
    "rotate_api_key": lambda world: {**_keyed(world), "body": {"overlap_s": 60}},
    "revoke_api_key": _keyed,
    "refresh_tokens": lambda world: {"body": {"refresh_token": refresh_tokens.issue(world.ana.session).refresh_token}},
}


def _who_may_close(name: str) -> Person | None:
    """Return somebody new for the operation that closes the account of its caller."""
    return person("dora") if name == "close_account" else None


def _operation(name: str) -> Any:
    path, method = OPERATIONS[name]
    return SCHEMA[path][method.upper()]


def _call(world: World, case: Any, *, by: Person | None = None, excluded: Sequence[Any] = ()) -> int:
    """Send a request, as ana or another, hold the answer against the document, and return its status."""
    headers = {"Authorization": f"Bearer {token(by or world.ana)}"}
    response = case.call(base_url=world.server.address, headers=headers)
    case.validate_response(response, headers=headers, excluded_checks=list(excluded))
    return int(response.status_code)
