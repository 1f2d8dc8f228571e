"""The wallets of the acting party: balances and statements."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import pagination, parameters, schemas
from paysettle.identity import queries as people
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.roles import Permission
from paysettle.kernel import identifiers, times
from paysettle.kernel.errors import NotFound
from paysettle.kernel.money import Money
from paysettle.ledger import queries as ledger
from paysettle.payments.api.documents import ACCOUNT_LIST, PAST_BALANCE, STATEMENT_PAGE
from paysettle.payments.documents import party

_MOMENT = {"type": "string", "format": "date-time"}
_PERIOD = [
    OpenApiParameter("from", _MOMENT, description="From this moment on (RFC 3339, with an offset)."),
    OpenApiParameter("to", _MOMENT, description="Before this moment."),
]
_SUBJECT_PREFIXES = {"payment": "pay", "refund": "ref", "settlement": "set", "treasury_move": "trs"}


class Accounts(APIView):
    """The wallets of the acting party."""

    needs = Needs(get=Permission.STATEMENT_READ)

    @extend_schema(
        operation_id="list_accounts",
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, ACCOUNT_LIST, 401, 403),
    )
    def get(self, request: Request) -> Response:
        """Return every wallet with its booked, held and available balance."""
        pagination.check_parameters(request)
        return Response({"data": [_account(balance) for balance in ledger.wallets(caller_of(request).party_id)]})


class Statement(APIView):
    """The lines of one wallet."""

    needs = Needs(get=Permission.STATEMENT_READ)

    @extend_schema(
        operation_id="get_statement",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE, *_PERIOD],
        responses=schemas.answers(200, STATEMENT_PAGE, 401, 403, 404, 422),
    )
    def get(self, request: Request, account_id: str) -> Response:
        """Return a page of the lines of a period, newest first; opening and lines add up to closing."""
        pagination.check_parameters(request, "limit", "cursor", "from", "to")
        wanted, currency = _own(request, account_id)
        start, end = parameters.moment(request, "from"), parameters.moment(request, "to")
        opening = ledger.mark_before(wanted, start) if start else ledger.Mark(0, 0)
        closing = ledger.mark_before(wanted, end) if end else ledger.mark_now(wanted)
        limit, before = pagination.limit_of(request), pagination.number_cursor(request, "line")
        upto = closing.sequence if before is None else min(before - 1, closing.sequence)
        lines = ledger.statement(wanted, currency, above=opening.sequence, upto=upto, limit=limit + 1)
        more = len(lines) > limit
        lines = lines[:limit]
        handles = people.handles(line.other_owner_id for line in lines)
        after = pagination.encode_cursor("line", str(lines[-1].sequence)) if more else None
        return Response(
            {
                "opening": Money(opening.balance_minor, currency).document(),
                "closing": Money(closing.balance_minor, currency).document(),
                "data": [_line(line, handles.get(line.other_owner_id)) for line in lines],
                "next": pagination.link(request, after) if after else None,
            }
        )


class PastBalance(APIView):
    """What one wallet had booked."""

    needs = Needs(get=Permission.STATEMENT_READ)

    @extend_schema(
        operation_id="get_balance",
        parameters=[schemas.ACTING_PARTY, OpenApiParameter("at", _MOMENT, description="Now, by default.")],
        responses=schemas.answers(200, PAST_BALANCE, 401, 403, 404, 422),
    )
    def get(self, request: Request, account_id: str) -> Response:
        """Return the booked balance at a past instant, that instant included."""
        pagination.check_parameters(request, "at")
        wanted, currency = _own(request, account_id)
        at = parameters.moment(request, "at") or datetime.now(UTC)
        booked = Money(ledger.balance_at(wanted, at), currency)
        return Response({"at": times.show(at), "booked": booked.document()})


def _own(request: Request, account_id: str) -> tuple[UUID, str]:
    """Return the id and the currency of a wallet of the acting party; raise NotFound for any other."""
    wanted = schemas.path_id("acc", account_id)
    currency = ledger.currency_of(wanted, owner_id=caller_of(request).party_id)
    if currency is None:
        raise NotFound
    return wanted, currency


def _account(balance: ledger.Balance) -> dict[str, Any]:
    return {
        "id": identifiers.show("acc", balance.account_id),
        "currency": balance.booked.currency,
        "booked": balance.booked.document(),
        "held": balance.held.document(),
        "available": balance.available.document(),
        "state": balance.state,
    }


def _line(line: ledger.Line, handle: str | None) -> dict[str, Any]:
    return {
        "sequence": line.sequence,
        "booked_at": times.show(line.booked_at),
        "amount": line.amount.document(),
        "balance_after": line.balance_after.document(),
        "transfer": identifiers.show("tra", line.transfer_id),
        "subject": {
            "kind": line.subject_kind,
            "id": identifiers.show(_SUBJECT_PREFIXES[line.subject_kind], line.subject_id),
        },
        # The other side is the world when money came in or left; a party otherwise.
        "counterparty": party(line.other_owner_id, handle) if handle else None,
    }
