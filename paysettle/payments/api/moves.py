"""What becomes of a payment, over HTTP: approve, reject, withdraw; capture, release, refund."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, parameters, problems, request_ids, schemas
from paysettle.api.validators import Fields, idempotency_key
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.roles import Permission
from paysettle.kernel.idempotency import fingerprint
from paysettle.kernel.lane import lane
from paysettle.payments import queries
from paysettle.payments.api.documents import APPROVAL_PAGE, CAPTURE_ORDER, PAYMENT, REFUND, REFUND_ORDER, REFUND_PAGE
from paysettle.payments.lifecycle import STEPS, Side, Verb
from paysettle.payments.operations.moves import MovePayment, PaymentMove, move_payment, refund_payment
from paysettle.payments.rules import NOTE_LENGTH_MAX

DECISIONS = {verb for verb, step in STEPS.items() if step.by is Side.PAYER}
_REFUSALS = (400, 401, 403, 404, 409, 413, 415, 422, 503)


class Approve(APIView):
    """Approving what somebody else of the organisation has ordered."""

    needs = Needs(post=Permission.PAYMENT_APPROVE, fresh_if_large=True)

    @extend_schema(
        operation_id="approve_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=None,
        responses=schemas.answers(200, PAYMENT, *_REFUSALS),
    )
    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Approve a payment that waits, never one's own; with the last approval that it needs the money moves.

        What is approved cannot change: payee and amount of a payment stay as they were when it was made.
        """
        return _move(request, payment_id, Verb.APPROVE, move_payment)


class Approvals(APIView):
    """What was decided about a payment that waited."""

    needs = Needs(get=Permission.PAYMENT_READ)

    @extend_schema(
        operation_id="list_payment_approvals",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE],
        responses=schemas.answers(200, APPROVAL_PAGE, 401, 403, 404, 422),
    )
    def get(self, request: Request, payment_id: str) -> Response:
        """Return a page of who approved or rejected a payment of the payer's, newest first; the payee is not told."""
        pagination.check_parameters(request, "limit", "cursor")
        rows = queries.approvals(party_id=caller_of(request).party_id, payment_id=schemas.path_id("pay", payment_id))
        return Response(pagination.page(request, rows, queries.approval_documents))


class Reject(APIView):
    """Refusing what somebody else of the organisation has ordered."""

    needs = Needs(post=Permission.PAYMENT_APPROVE)

    @extend_schema(
        operation_id="reject_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=None,
        responses=schemas.answers(200, PAYMENT, *_REFUSALS),
    )
    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Reject a payment that waits: one is enough, and its money is free again."""
        return _move(request, payment_id, Verb.REJECT, move_payment)


class Withdraw(APIView):
    """Taking back what one has ordered."""

    needs = Needs(post=Permission.PAY)

    @extend_schema(
        operation_id="withdraw_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=None,
        responses=schemas.answers(200, PAYMENT, *_REFUSALS),
    )
    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Take back a payment of one's own that still waits for approval."""
        return _move(request, payment_id, Verb.WITHDRAW, move_payment)


class Captures(APIView):
    """Taking authorised money."""

    needs = Needs(post=Permission.CAPTURE)

    @extend_schema(
        operation_id="capture_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=CAPTURE_ORDER,
        responses=schemas.answers(200, PAYMENT, *_REFUSALS),
    )
    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Take what is held, or a part; several captures may follow until `final`, or until nothing is left."""
        return _move(request, payment_id, Verb.CAPTURE, move_payment)


class Release(APIView):
    """Giving authorised money back."""

    needs = Needs(post=Permission.RELEASE)

    @extend_schema(
        operation_id="release_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=None,
        responses=schemas.answers(200, PAYMENT, *_REFUSALS),
    )
    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Give the payer back what is still held."""
        return _move(request, payment_id, Verb.RELEASE, move_payment)


class Refunds(APIView):
    """Refunds of one payment."""

    needs = Needs(get=Permission.PAYMENT_READ, post=Permission.REFUND, fresh_if_large=True)

    @extend_schema(
        operation_id="list_refunds",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE, parameters.by_key("the refund that was made")],
        responses=schemas.answers(200, REFUND_PAGE, 400, 401, 403, 404, 422),
    )
    def get(self, request: Request, payment_id: str) -> Response:
        """Return a page of the refunds of a payment, newest first."""
        pagination.check_parameters(request, "limit", "cursor", parameters.BY_KEY)
        party_id = caller_of(request).party_id
        rows = queries.refunds(party_id=party_id, payment_id=schemas.path_id("pay", payment_id))
        rows = parameters.made_with_key(request, rows, refund_payment.name, party_id=party_id)
        return Response(pagination.page(request, rows, queries.refund_documents))

    @extend_schema(
        operation_id="refund_payment",
        parameters=[schemas.ACTING_PARTY, schemas.IDEMPOTENCY_KEY],
        request=REFUND_ORDER,
        responses=schemas.answers(201, REFUND, *_REFUSALS),
    )
    def post(self, request: Request, payment_id: str) -> HttpResponse:
        """Pay back what was captured, or a part; several refunds may follow, never above the captured sum."""
        return _move(request, payment_id, Verb.REFUND, refund_payment)


def _move(request: Request, payment_id: str, what: Verb, operation: MovePayment) -> HttpResponse:
    key = idempotency_key(request)
    wanted = schemas.path_id("pay", payment_id)
    fields = Fields(body.read_optional(request._request))
    amount = fields.money_or_none("amount") if what in {Verb.CAPTURE, Verb.REFUND} else None
    final = fields.flag("final") if what is Verb.CAPTURE else False
    reason = fields.text("reason", longest=NOTE_LENGTH_MAX, required=False) if what is Verb.REFUND else ""
    fields.check()
    caller = caller_of(request)
    said: list[Any] = [what.value, str(wanted), None if amount is None else amount.document(), final, reason]
    if what in DECISIONS:
        said.append(str(caller.person_id))  # what another person decides is another request
    order = PaymentMove(
        party_id=caller.party_id,
        key=key,
        fingerprint=fingerprint("v1", *said),
        request_id=request_ids.current(),
        by=caller,
        what=what,
        payment_id=wanted,
        amount=amount,
        final=final,
        reason=reason,
    )
    return problems.answer_response(lane.call(operation, order))
