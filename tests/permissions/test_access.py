"""X1: every operation of the API, as every kind of caller of the access table, with ids that somebody else made.

The rows are those of `docs/access.toml`, the operations those of the OpenAPI document: one without a row fails here and
in `make docs`. The requests pass through the whole server, the hot route included. A row counts only because the
rightful owner sends the same request and succeeds.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db.models import QuerySet

from paysettle.commands import access, documents
from paysettle.commands.access import AccessTableWrong
from paysettle.identity import documents as identity_documents
from paysettle.identity import personal, standing
from paysettle.identity.authentication import caller_of
from paysettle.identity.caller import Caller
from paysettle.identity.models import Membership, Party
from paysettle.identity.names import Agreement
from paysettle.identity.roles import Role
from paysettle.kernel import identifiers
from paysettle.kernel.errors import NotFound
from paysettle.kernel.idempotency import Answer, Item, Keys
from paysettle.payments import queries
from paysettle.payments.models import Payment, PaymentBatch
from tests import openapi
from tests.permissions.attack import TABLE, Attack, Server, names_a_party, query_parameters
from tests.permissions.callers import cast, signed_in
from tests.permissions.requests import REQUESTS, Request

pytestmark = pytest.mark.shared

CLOSING = {"close_account", "close_organisation"}
"""For these nobody may have money."""

ALL_CHANGES = {"leave_organisation", "hand_over_organisation", "confirm_address", "withdraw_payment", *CLOSING}
"""After these somebody is not who they were: they get a world of their own."""

NAMING = [name for name in REQUESTS if names_a_party(name)]
"""With the party that these name one has to do, so anybody may name it."""

LISTS = [name for name in REQUESTS if query_parameters(name)]


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.fixture(scope="module")
def attack(server: Server) -> Attack:
    return Attack(server, cast())


def test_every_operation_has_a_row_and_a_request() -> None:
    access.check(TABLE, openapi.DOCUMENT)
    with_permission = {name for name, row in TABLE.rows.items() if row.needs is not None}
    assert set(REQUESTS) == with_permission


def test_an_operation_without_a_row_stops_the_build() -> None:
    paths = {**openapi.DOCUMENT["paths"], "/api/v1/gold": {"get": {"operationId": "list_gold"}}}
    with pytest.raises(AccessTableWrong, match="list_gold"):
        access.page(documents.access_table(), {**openapi.DOCUMENT, "paths": paths})


def test_a_row_that_says_nothing_of_foreign_ids_stops_the_build(tmp_path: Path) -> None:
    said = (documents.FOLDER / "access.toml").read_text()
    row = 'me = { scope = "party", needs = "any", foreign = "own" }'
    assert row in said
    (tmp_path / "access.toml").write_text(said.replace(row, 'me = { scope = "party", needs = "any" }'))
    with pytest.raises(AccessTableWrong, match="row of me does not say"):
        access.read(tmp_path / "access.toml")


def test_a_row_may_differ_for_all_staff_and_for_one_role() -> None:
    row = replace(TABLE.rows["me"], but={"staff": "404 not_found", "staff_auditor": "own"})
    table = replace(TABLE, rows={"me": row})
    assert table.expected("me", "staff_support") == "404 not_found"
    assert table.expected("me", "staff_auditor") == "own"
    assert table.expected("me", "viewer") == "yes"


@pytest.mark.parametrize("name", REQUESTS)
def test_every_caller_is_told_what_the_table_says(name: str, attack: Attack, server: Server) -> None:
    tried = Attack(server, cast(funded=name not in CLOSING)) if name in ALL_CHANGES else attack
    assert tried.findings(name) == []


@pytest.mark.parametrize("name", LISTS)
def test_no_filter_finds_what_belongs_to_others(name: str, attack: Attack) -> None:
    assert attack.filtered(name) == []


@pytest.mark.parametrize("name", NAMING)
def test_whoever_names_a_party_learns_nothing_of_it(name: str, attack: Attack) -> None:
    assert list(attack.named(name)) == []


def test_whoever_finds_a_party_learns_nothing_of_it(attack: Attack) -> None:
    ours, theirs = attack.everybody.ours, attack.everybody.theirs
    order = Request("POST", "/api/v1/payees/find", {"handle": ours.owner.handle})
    found = attack.server.send(order, signed_in(theirs.owner))
    assert found.document == {"id": ours.owner.party, "handle": ours.owner.handle, "kind": "organisation"}


JUDGE = standing._judge


def _of_everybody(_party_id: UUID, *_: Any) -> "QuerySet[Payment]":
    return Payment.objects.all()


def _says_whose_it_is(party_id: UUID, payment_id: UUID) -> Payment:
    found = Payment.objects.filter(id=payment_id).first()
    if found is None:
        raise NotFound
    if party_id not in {found.payer_id, found.payee_id}:
        raise NotFound("It belongs to others.")
    return found


def _judge_all_but_the_session(**said: Any) -> None:
    JUDGE(**{**said, "session_is_live": True})


def _whose_it_is_by_key(request: Any) -> Caller:
    caller = caller_of(request)
    found = Payment.objects.filter(id=identifiers.parse("pay", request.path.rpartition("/")[2])).first()
    return replace(caller, party_id=found.payer_id) if found and caller.key_id else caller


def _judge_all_but_the_role(**said: Any) -> None:
    JUDGE(**{**said, "role": said["role"] or Role.OWNER, "party_is_active": True})


def _anybodys(keys: Keys, item: Item) -> Answer | None:
    for _, digest, _, status, text, _, request_id in keys._stored.rows:
        if bytes(digest) == item.place[1]:
            return Answer(status, text, None, request_id, replayed=True)
    return None


@dataclass(frozen=True, slots=True)
class Fault:
    """A check that is taken away, the operation that then lets somebody through, and what the attack says of it."""

    place: str
    instead: object
    operation: str
    finding: str


FAULTS = {
    "a payment without its owner filter": Fault(
        "paysettle.payments.queries.payments_of", _of_everybody, "get_payment", "other_person is told yes"
    ),
    "a list without its owner filter": Fault(
        "paysettle.payments.queries.payments_of", _of_everybody, "list_payments", "other_person sees pay_"
    ),
    "a batch without its owner filter": Fault(
        "paysettle.payments.queries.batches_of",
        lambda _party_id: PaymentBatch.objects.all(),
        "get_payment_batch",
        "other_organisation is told yes",
    ),
    "a member of another organisation": Fault(
        "paysettle.identity.operations.members._member",
        lambda _party_id, member_id: Membership.objects.select_related("user", "party").get(id=member_id),
        "remove_member",
        "foreign mem is told yes",
    ),
    "a key without its owner filter": Fault(
        "paysettle.payments.api.payments.caller_of",
        _whose_it_is_by_key,
        "get_payment",
        "another's key with a foreign pay is told yes",
    ),
    "staff who see everything": Fault(
        "paysettle.payments.queries.payments_of", _of_everybody, "list_payments", "staff_auditor for themself sees pay_"
    ),
    "staff who belong to everybody": Fault(
        "paysettle.identity.standing._judge", _judge_all_but_the_role, "list_payments", "staff_support is told yes"
    ),
    "a foreign id that is told from an absent one": Fault(
        "paysettle.payments.queries._payment", _says_whose_it_is, "get_payment", "a foreign pay is told"
    ),
    "an idempotency key of everybody": Fault(
        "paysettle.kernel.idempotency.Keys.find", _anybodys, "create_payment", "sees pay_"
    ),
    "no role": Fault("paysettle.identity.roles.allows", lambda *_: True, "create_payment", "viewer is told yes"),
    "no role in the view": Fault(
        "paysettle.identity.authentication.needed_by", lambda *_: None, "mark_inbox_read", "viewer is told yes"
    ),
    "no session": Fault("paysettle.identity.standing.check", lambda *_, **__: None, "me", "ended_session is told yes"),
    "no session in the batch": Fault(
        "paysettle.identity.standing._judge", _judge_all_but_the_session, "create_payment", "ended_session is told yes"
    ),
    "no end to a token's life": Fault(
        "paysettle.identity.tokens._check_times", lambda *_: None, "me", "expired_token is told yes"
    ),
}


@pytest.mark.parametrize("missing", FAULTS)
def test_control_with_one_check_taken_away_somebody_comes_through(
    missing: str, attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = FAULTS[missing]
    monkeypatch.setattr(fault.place, fault.instead)
    assert any(fault.finding in finding for finding in attack.findings(fault.operation))


@pytest.mark.parametrize("parameter", ["reference", "cursor", "state"])
def test_control_a_filter_without_its_owner_finds_the_others(
    parameter: str, attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "paysettle.payments.queries.payments_of",
        lambda _party, filters: queries._filtered(Payment.objects.all(), filters),
    )
    found = attack.filtered("list_payments")
    assert any(f"?{parameter} sees pay_" in finding for finding in found)
    assert any(f"?{parameter} sees canary-" in finding for finding in found)


def test_control_an_answer_with_the_name_of_the_payee_is_seen(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = identity_documents.verification

    def with_the_name(found: Party, result: Agreement) -> dict[str, Any]:
        return {**shown(found, result), "name": personal.name_of(found)}

    monkeypatch.setattr(identity_documents, "verification", with_the_name)
    assert any("sees canary-" in finding for finding in attack.named("verify_payee"))
