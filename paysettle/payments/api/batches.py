"""Payment batches over HTTP: up to 10,000 orders in one call, each with its own outcome."""

from concurrent.futures import TimeoutError as StillRunning
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, parameters, problems, request_ids, schemas
from paysettle.api.validators import KEY_LENGTH_MAX, Fields, check_key, idempotency_key
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.caller import Caller
from paysettle.identity.roles import Permission
from paysettle.kernel import batch, compact_json, identifiers
from paysettle.kernel.errors import DomainError, FieldError, InvalidRequest
from paysettle.kernel.idempotency import Answer
from paysettle.payments import bulk_runner, queries
from paysettle.payments.api.documents import BATCH, BATCH_ITEM_PAGE, BATCH_ORDER, BATCH_PAGE
from paysettle.payments.api.orders import payment_order
from paysettle.payments.api.split import split
from paysettle.payments.operations.bulk import (
    ITEMS_MAX,
    PROBLEM_MEMBERS,
    BatchItem,
    BatchOrder,
    batch_order,
    submit_batch,
)

WAIT_S = 30
BODY_SIZE_MAX = 8 * 1024 * 1024


class PaymentBatches(APIView):
    """Many payments in one call."""

    needs = Needs(get=Permission.PAYMENT_READ, post=Permission.PAY, fresh_if_large=True)

    @extend_schema(
        operation_id="list_payment_batches",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE, parameters.by_key("the batch that was sent")],
        responses=schemas.answers(200, BATCH_PAGE, 400, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of the batches of the acting party, newest first, without their items."""
        pagination.check_parameters(request, "limit", "cursor", parameters.BY_KEY)
        party_id = caller_of(request).party_id
        rows = queries.batches_of(party_id)
        rows = parameters.made_with_key(request, rows, submit_batch.name, party_id=party_id)
        return Response(pagination.page(request, rows, queries.batch_summaries))

    @extend_schema(
        operation_id="create_payment_batch",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=BATCH_ORDER,
        responses={
            **schemas.answers(200, BATCH, 400, 401, 403, 409, 413, 415, 422, 503),
            202: BATCH,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Carry out many orders, each for itself. 200 with all outcomes if done in time, else 202: look again later.

        With an `amount` of its own the batch is a split: each order gets its part of it, and the parts add up to it.
        An order that met a fault of ours (500) is not kept under its key: send it by itself with the same key.
        The body has at most 8 MiB: ten thousand orders of some 800 bytes each.
        Limits and approval rules look at each order, step-up at what all of them add up to in a currency.
        """
        caller, key, batch_id = caller_of(request), idempotency_key(request), identifiers.new()
        items = _items(body.read(request._request, size_max=BODY_SIZE_MAX), caller.after_its_session(), batch_id)
        order = batch_order(by=caller, key=key, items=items, request_id=request_ids.current(), batch_id=batch_id)
        (outcome,) = batch.run(submit_batch, [order])
        if isinstance(outcome, DomainError):
            return problems.response(outcome)
        return _answer(outcome, order)


class PaymentBatchDetail(APIView):
    """One batch of the acting party."""

    needs = Needs(get=Permission.PAYMENT_READ)

    @extend_schema(
        operation_id="get_payment_batch",
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, BATCH, 401, 403, 404),
    )
    def get(self, request: Request, batch_id: str) -> HttpResponse:
        """Return how far a batch is; its outcomes when it is done."""
        found = queries.batch(party_id=caller_of(request).party_id, batch_id=schemas.path_id("bat", batch_id))
        return HttpResponse(_text(found), content_type="application/json")


class PaymentBatchItems(APIView):
    """The items of a batch."""

    needs = Needs(get=Permission.PAYMENT_READ)

    @extend_schema(
        operation_id="list_payment_batch_items",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE],
        responses=schemas.answers(200, BATCH_ITEM_PAGE, 401, 403, 404, 422),
    )
    def get(self, request: Request, batch_id: str) -> Response:
        """Return a page of items in the order in which they were sent, with the outcomes so far."""
        pagination.check_parameters(request, "limit", "cursor")
        found = queries.batch(party_id=caller_of(request).party_id, batch_id=schemas.path_id("bat", batch_id))
        limit, after = pagination.limit_of(request), pagination.number_cursor(request, "item")
        rows = queries.batch_items(found.id, after=-1 if after is None else after, limit=limit + 1)
        more = len(rows) > limit
        rows = rows[:limit]
        link = pagination.link(request, pagination.encode_cursor("item", str(rows[-1]["n"]))) if more else None
        return Response({"data": rows, "next": link})


def _items(sent: body.Body, caller: Caller, batch_id: UUID) -> list[BatchItem]:
    """Read the items of a batch; what is wrong with one is its outcome, what is wrong with the whole is raised."""
    fields = Fields(sent)
    entries = fields.entries("items", most=ITEMS_MAX)
    whole = fields.money_or_none("amount")
    fields.check()
    if whole is not None:
        entries = split(whole, entries)
    name = identifiers.show("bat", batch_id)
    return [_read(n, entry, caller, request_id=f"{name}.{n}") for n, entry in enumerate(entries)]


def _read(n: int, entry: Any, caller: Caller, *, request_id: str) -> BatchItem:
    key = ""
    try:
        if not isinstance(entry, dict):
            raise InvalidRequest([FieldError(f"/items/{n}", "not_an_object", "An object is expected.")])
        fields = Fields(entry, at=f"/items/{n}")
        key = fields.text("key", longest=KEY_LENGTH_MAX)
        order = payment_order(fields, by=caller, key=key, request_id=request_id)
        fields.check()
        check_key(key)
    except DomainError as refusal:
        document = refusal.problem(request_id=request_id)
        kept = {name: document[name] for name in ("status", *PROBLEM_MEMBERS) if name in document}
        return BatchItem(key, None, kept)
    return BatchItem(key, order, None)


def _answer(stored: Answer, order: BatchOrder) -> HttpResponse:
    """Wait for the outcomes of the batch that was stored now or before, and answer with them."""
    if stored.object_id is None:
        return problems.answer_response(stored)
    found = queries.batch(party_id=order.party_id, batch_id=stored.object_id)
    if not stored.replayed:
        with suppress(StillRunning):
            bulk_runner.start(found.id, order).result(timeout=WAIT_S)
        found.refresh_from_db()
    status = HTTPStatus.ACCEPTED if found.finished_at is None else HTTPStatus.OK
    response = HttpResponse(_text(found), status=status, content_type="application/json")
    response.headers["Location"] = f"/api/v1/payment-batches/{identifiers.show('bat', found.id)}"
    if stored.replayed:
        problems.mark_replayed(response, stored)
    return response


def _text(found: Any) -> str:
    """Return the document of a batch as JSON; what is stored of its outcomes goes out as it is."""
    (summary,) = queries.batch_summaries([found])
    outcomes = [] if found.finished_at is None else queries.batch_outcomes(found.id)
    return compact_json.dumps({**summary, "items": compact_json.joined(outcomes)})
