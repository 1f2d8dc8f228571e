"""Payments over HTTP. The hot route is one plain async view; it shares its parts with the DRF views of `api/`."""

from functools import partial
from types import MappingProxyType

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, negotiation, pagination, parameters, problems, request_ids, schemas, throttling
from paysettle.api.validators import Fields, idempotency_key
from paysettle.identity.authentication import Needs, caller_of, caller_on_loop
from paysettle.identity.roles import Permission
from paysettle.kernel.errors import DomainError
from paysettle.kernel.lane import lane
from paysettle.payments import queries
from paysettle.payments.api import filters
from paysettle.payments.api.documents import PAYMENT, PAYMENT_ORDER, PAYMENT_PAGE, PREVIEW
from paysettle.payments.api.orders import payment_order
from paysettle.payments.operations.moves import move_payment
from paysettle.payments.operations.preview import preview
from paysettle.payments.operations.send import PaymentOrder, send_payment


async def create_payment(request: HttpRequest) -> HttpResponse:
    """Pay someone: read the order, hand it to the lane, answer after COMMIT."""
    try:
        answer = await lane.answer(send_payment, await _order(request))
    except DomainError as refusal:
        return problems.response(refusal)
    except Exception:
        return problems.fault("payment_failed")
    return problems.answer_response(answer)


async def _order(request: HttpRequest) -> PaymentOrder:
    negotiation.require_json(request)
    caller = await caller_on_loop(request)
    throttling.count_payment(user_id=caller.user_id, key_id=caller.key_id)
    key = idempotency_key(request)
    fields = Fields(body.read(request))
    order = payment_order(fields, by=caller, key=key, request_id=request_ids.current())
    fields.check()
    return order


class Payments(APIView):
    """The payments of the acting party."""

    needs = Needs(get=Permission.PAYMENT_READ, post=Permission.PAY, fresh_if_large=True)

    @extend_schema(
        operation_id="list_payments",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE, *filters.PARAMETERS],
        responses=schemas.answers(200, PAYMENT_PAGE, 400, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of payments made or received, newest first."""
        pagination.check_parameters(request, "limit", "cursor", *filters.NAMES)
        party_id = caller_of(request).party_id
        rows = queries.payments_of(party_id, filters.read(request))
        rows = parameters.made_with_key(request, rows, send_payment.name, move_payment.name, party_id=party_id)
        return Response(pagination.page(request, rows, partial(queries.payment_documents, seen_by=party_id)))

    @extend_schema(
        operation_id="create_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=PAYMENT_ORDER,
        responses=schemas.answers(201, PAYMENT, 400, 401, 403, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> HttpResponse:
        """Pay someone; the answer comes after the payment is committed. Routed straight to `create_payment`."""
        return async_to_sync(create_payment)(request._request)


class PaymentPreview(APIView):
    """What would happen."""

    needs = Needs(post=Permission.PAY)
    limits = MappingProxyType({"POST": throttling.LOOK_UP})  # it tells whether there is such a payee

    @extend_schema(
        operation_id="preview_payment",
        parameters=[schemas.ACTING_PARTY],
        request=PAYMENT_ORDER,
        responses=schemas.answers(200, PREVIEW, 400, 401, 403, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Say what would happen if this were paid now, balance afterwards included; nothing is changed or kept."""
        fields = Fields(body.read(request._request))
        request_id = request_ids.current()
        order = payment_order(fields, by=caller_of(request), key="preview", request_id=request_id)
        fields.check()
        found = preview(order)
        return Response(
            {
                "outcome": "refused" if found.refusal else "accepted",
                "payment": None if found.payment is None else {**found.payment, "id": None},
                "problem": found.refusal.problem(request_id=request_id) if found.refusal else None,
                "booked_after": found.booked.document() if found.booked else None,
                "available_after": found.available.document() if found.available else None,
            }
        )


class PaymentDetail(APIView):
    """One payment of the acting party."""

    needs = Needs(get=Permission.PAYMENT_READ)

    @extend_schema(
        operation_id="get_payment",
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, PAYMENT, 401, 403, 404),
    )
    def get(self, request: Request, payment_id: str) -> Response:
        """Return a payment that the acting party made or received."""
        found = queries.payment(party_id=caller_of(request).party_id, payment_id=schemas.path_id("pay", payment_id))
        return Response(found)
