"""Invitations over HTTP: make, list, take back; accept. The organisation in the address is the party acted for."""

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas, throttling
from paysettle.api.validators import Fields
from paysettle.identity import addresses, documents, queries
from paysettle.identity.api.documents import (
    ACCEPTANCE,
    EMAIL_LENGTH_MAX,
    INVITATION,
    INVITATION_ORDER,
    INVITATION_PAGE,
    ORGANISATION,
    TOKEN_LENGTH_MAX,
)
from paysettle.identity.api.members import read_role
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import invitations
from paysettle.identity.roles import Permission
from paysettle.kernel import throttles


class Invitations(APIView):
    """The open invitations of an organisation."""

    needs = Needs(get=Permission.MEMBERS_MANAGE, post=Permission.MEMBERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="list_invitations",
        parameters=schemas.PAGE,
        responses=schemas.answers(200, INVITATION_PAGE, 401, 403, 404, 422),
    )
    def get(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002 - the party acted for
        """Return a page of the invitations that can be accepted, newest first."""
        pagination.check_parameters(request, "limit", "cursor")
        rows = queries.open_invitations_of(caller_of(request))
        return Response(pagination.page(request, rows, documents.invitations))

    @extend_schema(
        operation_id="invite_member",
        request=INVITATION_ORDER,
        responses=schemas.answers(201, INVITATION, 400, 401, 403, 404, 413, 415, 422, 429, 503),
    )
    def post(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002
        """Send an invitation, good for once and for seven days, to an address; the one before it is replaced.

        Whether the address belongs to somebody makes no difference. Only owners make owners.
        """
        fields = Fields(body.read(request._request))
        email = read_email(fields)
        role = read_role(fields)
        fields.check()
        caller, subject = caller_of(request), f"invitation {addresses.normal(email)}"
        person = str(caller.person_id)
        with throttles.taken(
            (throttling.INVITATION, person),
            # By who invites first: nobody uses up alone what all may send to an address.
            (throttling.MAIL_FROM_SENDER, f"{subject} {person}"),
            (throttling.MAIL, subject),
        ):
            made = invitations.make(by=caller, email=email, role=role)
        return Response(documents.invitations([made])[0], status=201)


class InvitationRevoke(APIView):
    """The end of an invitation."""

    needs = Needs(post=Permission.MEMBERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="revoke_invitation",
        request=None,
        responses=schemas.answers(200, INVITATION, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str, invitation_id: str) -> Response:  # noqa: ARG002
        """Take an open invitation back; one that was accepted or taken back stays as it is."""
        wanted = schemas.path_id("inv", invitation_id)
        Fields(body.read_optional(request._request)).check()
        found = invitations.revoke(by=caller_of(request), invitation_id=wanted)
        return Response(documents.invitations([found])[0])


class InvitationAccept(APIView):
    """Joining an organisation."""

    needs = Needs(post=None)  # the person's own business, whomever they act for

    @extend_schema(
        operation_id="accept_invitation",
        request=ACCEPTANCE,
        responses=schemas.answers(201, ORGANISATION, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Join the organisation that a token from a mail is for; one must have verified the address of that mail."""
        fields = Fields(body.read(request._request))
        token = fields.text("token", longest=TOKEN_LENGTH_MAX)
        fields.check()
        joined = invitations.accept(by=caller_of(request), token=token)
        return Response(documents.organisations([joined])[0], status=201)


def read_email(fields: Fields, *, required: bool = True) -> str:
    """Read an address; what is wrong is noted in `fields`, whose `check` comes after."""
    email = fields.text("email", longest=EMAIL_LENGTH_MAX, required=required)
    if email:
        try:
            addresses.validate(email)
        except ValidationError:
            fields.refuse("email", "not_an_address", addresses.HOW_TO_WRITE_IT)
    return email
