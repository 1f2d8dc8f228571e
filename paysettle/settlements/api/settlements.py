"""Settlements over HTTP: ask, look, approve, reject, withdraw."""

from collections.abc import Callable
from typing import TypeVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, parameters, problems, request_ids, schemas
from paysettle.api.preconditions import etag, expected_version
from paysettle.api.validators import Fields, idempotency_key
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.roles import Permission
from paysettle.kernel.idempotency import Answer, fingerprint
from paysettle.kernel.lane import lane
from paysettle.settlements import queries
from paysettle.settlements.api.documents import DECISION, SETTLEMENT, SETTLEMENT_ORDER, SETTLEMENT_PAGE
from paysettle.settlements.lifecycle import Verb
from paysettle.settlements.operations.moves import SettlementDecision, SettlementRequest, move_settlement
from paysettle.settlements.rules import REASON_LENGTH_MAX

DEBTOR_LENGTH_MAX = 40

Post = TypeVar("Post", bound=Callable[..., HttpResponse])


class Settlements(APIView):
    """The settlements of the acting party."""

    needs = Needs(get=Permission.SETTLEMENT_READ, post=Permission.SETTLE_ASK)

    @extend_schema(
        operation_id="list_settlements",
        parameters=[
            schemas.ACTING_PARTY,
            *schemas.PAGE,
            parameters.by_key("the settlement that was asked for or moved"),
        ],
        responses=schemas.answers(200, SETTLEMENT_PAGE, 400, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of settlements that the acting party is part of, newest first."""
        pagination.check_parameters(request, "limit", "cursor", parameters.BY_KEY)
        party_id = caller_of(request).party_id
        rows = queries.settlements_of(party_id)
        rows = parameters.made_with_key(request, rows, queries.OPERATION, party_id=party_id)
        return Response(pagination.page(request, rows, queries.settlement_documents))

    @extend_schema(
        operation_id="request_settlement",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=SETTLEMENT_ORDER,
        responses=schemas.answers(201, SETTLEMENT, 400, 401, 403, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> HttpResponse:
        """Ask the debtor for an amount, with a reason; the acting party is the creditor."""
        key = idempotency_key(request)
        fields = Fields(body.read(request._request))
        debtor = fields.text("debtor", longest=DEBTOR_LENGTH_MAX)
        money = fields.money("amount")
        reason = fields.text("reason", longest=REASON_LENGTH_MAX)
        fields.check()
        caller = caller_of(request)
        order = SettlementRequest(
            party_id=caller.party_id,
            key=key,
            fingerprint=fingerprint("v1", "request", debtor, money.amount_minor, money.currency, reason),
            request_id=request_ids.current(),
            by=caller,
            debtor=debtor,
            money=money,
            reason=reason,
        )
        return _answer(lane.call(move_settlement, order))


class SettlementDetail(APIView):
    """One settlement of the acting party."""

    needs = Needs(get=Permission.SETTLEMENT_READ)

    @extend_schema(
        operation_id="get_settlement",
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, SETTLEMENT, 401, 403, 404),
    )
    def get(self, request: Request, settlement_id: str) -> Response:
        """Return a settlement with its history; its ETag is its version."""
        wanted = schemas.path_id("set", settlement_id)
        found = queries.settlement(party_id=caller_of(request).party_id, settlement_id=wanted)
        return Response(found, headers={"ETag": etag(found["version"])})


class _Decision(APIView):
    """What approving, rejecting and withdrawing have in common."""

    what: Verb
    version_required = False

    def decide(self, request: Request, settlement_id: str) -> HttpResponse:
        """Read the decision and hand it to the lane."""
        key = idempotency_key(request)
        wanted = schemas.path_id("set", settlement_id)
        version = expected_version(request, required=self.version_required)
        fields = Fields(body.read_optional(request._request))
        reason = fields.text("reason", longest=REASON_LENGTH_MAX, required=False)
        fields.check()
        caller = caller_of(request)
        order = SettlementDecision(
            party_id=caller.party_id,
            key=key,
            fingerprint=fingerprint(
                "v1", self.what.value, str(wanted), version, reason, str(caller.person_id)
            ),  # what another person decides is another request
            request_id=request_ids.current(),
            by=caller,
            what=self.what,
            settlement_id=wanted,
            reason=reason,
            expected_version=version,
        )
        return _answer(lane.call(move_settlement, order))


def _decision_schema(operation_id: str, *, version_required: bool) -> Callable[[Post], Post]:
    decorator: Callable[[Post], Post] = extend_schema(
        operation_id=operation_id,
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY, schemas.if_match(required=version_required)],
        request=DECISION,
        responses=schemas.answers(
            200, SETTLEMENT, 400, 401, 403, 404, 409, 412, 413, 415, 422, *([428] if version_required else []), 503
        ),
    )
    return decorator


class Approve(_Decision):
    """Approve a settlement: the debtor pays."""

    needs = Needs(post=Permission.SETTLE_DECIDE, fresh_if_large=True)
    what = Verb.APPROVE
    version_required = True  # one approves what one has seen

    @_decision_schema("approve_settlement", version_required=True)
    def post(self, request: Request, settlement_id: str) -> HttpResponse:
        """Approve the settlement as it stood at the version in If-Match: the money moves at once."""
        return self.decide(request, settlement_id)


class Reject(_Decision):
    """Reject a settlement."""

    needs = Needs(post=Permission.SETTLE_DECIDE)
    what = Verb.REJECT

    @_decision_schema("reject_settlement", version_required=False)
    def post(self, request: Request, settlement_id: str) -> HttpResponse:
        """Refuse to pay; the reason is seen by both."""
        return self.decide(request, settlement_id)


class Withdraw(_Decision):
    """Withdraw a settlement that one has asked for."""

    needs = Needs(post=Permission.SETTLE_ASK)
    what = Verb.WITHDRAW

    @_decision_schema("withdraw_settlement", version_required=False)
    def post(self, request: Request, settlement_id: str) -> HttpResponse:
        """Take the request back."""
        return self.decide(request, settlement_id)


def _answer(answer: Answer) -> HttpResponse:
    response = problems.answer_response(answer)
    if answer.object_id is not None:
        response.headers["ETag"] = etag(answer.document()["version"])
    return response
