"""The inbox of the acting party over HTTP."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas
from paysettle.api.validators import Fields
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.roles import Permission
from paysettle.kernel.errors import FieldError, InvalidRequest
from paysettle.notifications import operations, queries
from paysettle.notifications.api.documents import ENTRY, ENTRY_PAGE, READ_UP_TO_ORDER, UNREAD

ID_LENGTH_MAX = 40


class Inbox(APIView):
    """What the acting party has been told."""

    needs = Needs(get=Permission.INBOX_READ)

    @extend_schema(
        operation_id="list_inbox",
        parameters=[
            schemas.ACTING_PARTY,
            *schemas.PAGE,
            OpenApiParameter("unread", bool, description="`true`: only what has not been read."),
        ],
        responses=schemas.answers(200, ENTRY_PAGE, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of entries, newest first."""
        pagination.check_parameters(request, "limit", "cursor", "unread")
        party_id = caller_of(request).party_id
        rows = queries.unread_of(party_id) if _wants_unread(request) else queries.inbox_of(party_id)
        return Response(pagination.page(request, rows, queries.entry_documents))


class InboxEntryRead(APIView):
    """One entry has been read."""

    needs = Needs(post=Permission.INBOX_MARK)

    @extend_schema(
        operation_id="mark_inbox_entry_read",
        request=None,
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, ENTRY, 400, 401, 403, 404, 413, 415, 422),
    )
    def post(self, request: Request, entry_id: str) -> Response:
        """Mark an entry as read; doing so twice changes nothing."""
        Fields(body.read_optional(request._request)).check()
        found = operations.mark_read(by=caller_of(request), entry_id=schemas.path_id("ntf", entry_id))
        return Response(queries.entry_documents([found])[0])


class InboxRead(APIView):
    """The inbox has been read up to an entry."""

    needs = Needs(post=Permission.INBOX_MARK)

    @extend_schema(
        operation_id="mark_inbox_read",
        request=READ_UP_TO_ORDER,
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, UNREAD, 400, 401, 403, 404, 413, 415, 422),
    )
    def post(self, request: Request) -> Response:
        """Mark an entry and all older ones as read; what came in after it stays unread."""
        fields = Fields(body.read(request._request))
        up_to = fields.text("up_to", longest=ID_LENGTH_MAX)
        fields.check()
        unread = operations.mark_read_up_to(by=caller_of(request), entry_id=schemas.path_id("ntf", up_to))
        return Response({"unread": unread})


def _wants_unread(request: Request) -> bool:
    text = request.GET.get("unread", "false")
    if text not in {"true", "false"}:
        raise InvalidRequest([FieldError("?unread", "not_a_boolean", "true or false is expected.")])
    return text == "true"
