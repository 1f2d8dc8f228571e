"""Closing an account for good, over HTTP: one's own, or an organisation's."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents
from paysettle.identity.api.payee_documents import CLOSED_ACCOUNT
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import closing
from paysettle.identity.roles import Permission


class AccountClose(APIView):
    """The end of one's own account."""

    needs = Needs(post=None, fresh=True)  # the person's own business, whomever they act for

    @extend_schema(
        operation_id="close_account",
        request=None,
        responses=schemas.answers(200, CLOSED_ACCOUNT, 400, 401, 403, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Close the account of the person who calls, for good: every session ends with the answer.

        Refused while money, holds or anything else is open; `reasons` names all of it. The handle is never given to
        anybody else.
        """
        Fields(body.read_optional(request._request)).check()
        return Response(documents.closed(closing.close_own(by=caller_of(request))))


class OrganisationClose(APIView):
    """The end of an organisation's account."""

    needs = Needs(post=Permission.OWNERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="close_organisation",
        request=None,
        responses=schemas.answers(200, CLOSED_ACCOUNT, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002 - the party acted for
        """Close an organisation, for good: nobody acts for it any more, and open invitations are taken back."""
        Fields(body.read_optional(request._request)).check()
        return Response(documents.closed(closing.close_organisation(by=caller_of(request))))
