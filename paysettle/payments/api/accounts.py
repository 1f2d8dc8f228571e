"""The wallets of the acting party: balances and statements."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import pagination, schemas
from paysettle.identity import queries as people
from paysettle.identity.authentication import caller_of
from paysettle.kernel import identifiers, times
from paysettle.kernel.errors import NotFound
from paysettle.ledger import queries as ledger
from paysettle.payments.api.documents import ACCOUNT_LIST, STATEMENT_PAGE
from paysettle.payments.documents import party

_SUBJECT_PREFIXES = {"payment": "pay", "refund": "ref", "settlement": "set", "treasury_move": "trs"}


class Accounts(APIView):
    """The wallets of the acting party."""

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

    @extend_schema(
        operation_id="get_statement",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE],
        responses=schemas.answers(200, STATEMENT_PAGE, 401, 403, 404, 422),
    )
    def get(self, request: Request, account_id: str) -> Response:
        """Return a page of lines, newest first; each has the balance after it."""
        pagination.check_parameters(request, "limit", "cursor")
        wanted = schemas.path_id("acc", account_id)
        if not ledger.owns(caller_of(request).party_id, wanted):
            raise NotFound
        limit, before = pagination.limit_of(request), pagination.number_cursor(request, "line")
        lines = ledger.statement(wanted, before=before, limit=limit + 1)
        more = len(lines) > limit
        lines = lines[:limit]
        handles = people.handles(line.other_owner_id for line in lines)
        after = pagination.encode_cursor("line", str(lines[-1].sequence)) if more else None
        return Response(
            {
                "data": [_line(line, handles.get(line.other_owner_id)) for line in lines],
                "next": pagination.link(request, after) if after else None,
            }
        )


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
