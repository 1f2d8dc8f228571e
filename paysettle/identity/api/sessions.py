"""The sessions of the person who is signed in: which there are, on which devices, and their ends."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.api.documents import (
    ENDED_SESSIONS,
    SESSION,
    SESSION_NAME_LENGTH_MAX,
    SESSION_ORDER,
    SESSION_PAGE,
)
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import sessions


class Sessions(APIView):
    """The live sessions of the person."""

    needs = Needs(get=None)  # the person's own business, whomever they act for

    @extend_schema(
        operation_id="list_sessions",
        parameters=schemas.PAGE,
        responses=schemas.answers(200, SESSION_PAGE, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of the sessions in which the person is signed in, the newest first."""
        pagination.check_parameters(request, "limit", "cursor")
        caller = caller_of(request)
        rows = queries.live_sessions_of(caller.person_id)
        return Response(pagination.page(request, rows, lambda page: documents.sessions(page, caller)))


class SessionName(APIView):
    """The name of a session."""

    needs = Needs(post=None)

    @extend_schema(
        operation_id="name_session",
        request=SESSION_ORDER,
        responses=schemas.answers(200, SESSION, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, session_id: str) -> Response:
        """Give a session a name of one's own, to know the device by."""
        fields = Fields(body.read(request._request))
        name = fields.text("name", longest=SESSION_NAME_LENGTH_MAX)
        fields.check()
        caller = caller_of(request)
        named = sessions.rename(by=caller, session_id=schemas.path_id("ses", session_id), name=name)
        return Response(documents.sessions([named], caller)[0])


class SessionEnd(APIView):
    """The end of a session."""

    ends_credentials = True
    needs = Needs(post=None, fresh=True)

    @extend_schema(
        operation_id="end_session",
        request=None,
        responses=schemas.answers(204, None, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, session_id: str) -> Response:
        """End a session: its very next call is refused. One that has ended stays so."""
        Fields(body.read_optional(request._request)).check()
        sessions.end(by=caller_of(request), session_id=schemas.path_id("ses", session_id))
        return Response(status=204)


class OtherSessionsEnd(APIView):
    """The end of all sessions but the one that asks."""

    ends_credentials = True
    needs = Needs(post=None, fresh=True)

    @extend_schema(
        operation_id="end_other_sessions",
        request=None,
        responses=schemas.answers(200, ENDED_SESSIONS, 400, 401, 403, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """End all sessions of the person but this one."""
        Fields(body.read_optional(request._request)).check()
        return Response({"ended": sessions.end_others(by=caller_of(request))})
