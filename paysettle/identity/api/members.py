"""The members of an organisation over HTTP. The organisation in the address is the party acted for."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.api.documents import HAND_OVER_ORDER, MEMBER, MEMBER_PAGE, ROLE_ORDER, ROLES
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import members
from paysettle.identity.roles import Permission, Role

ID_LENGTH_MAX = 40


class Members(APIView):
    """Who acts for an organisation."""

    needs = Needs(get=Permission.ORGANISATION_READ)

    @extend_schema(
        operation_id="list_members",
        parameters=schemas.PAGE,
        responses=schemas.answers(200, MEMBER_PAGE, 401, 403, 404, 422),
    )
    def get(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002 - the party acted for
        """Return a page of the members, those who joined last first."""
        pagination.check_parameters(request, "limit", "cursor")
        return Response(pagination.page(request, queries.members_of(caller_of(request)), documents.members))


class MemberRole(APIView):
    """The role of one member."""

    needs = Needs(post=Permission.MEMBERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="change_member_role",
        request=ROLE_ORDER,
        responses=schemas.answers(200, MEMBER, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str, member_id: str) -> Response:  # noqa: ARG002
        """Give a member another role, from their next call on. Only owners make owners, and change them."""
        wanted = schemas.path_id("mem", member_id)
        fields = Fields(body.read(request._request))
        role = read_role(fields)
        fields.check()
        changed = members.change_role(by=caller_of(request), member_id=wanted, role=role)
        return Response(documents.members([changed])[0])


class MemberRemove(APIView):
    """The end of one membership."""

    needs = Needs(post=Permission.MEMBERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="remove_member",
        request=None,
        responses=schemas.answers(204, None, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str, member_id: str) -> Response:  # noqa: ARG002
        """Remove a member: their very next call is refused. Only owners remove owners."""
        Fields(body.read_optional(request._request)).check()
        members.remove(by=caller_of(request), member_id=schemas.path_id("mem", member_id))
        return Response(status=204)


class Leave(APIView):
    """The end of one's own membership."""

    needs = Needs(post=None, fresh=True)  # whoever belongs to it may leave

    @extend_schema(
        operation_id="leave_organisation",
        request=None,
        responses=schemas.answers(204, None, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002
        """Leave an organisation; its last owner cannot."""
        Fields(body.read_optional(request._request)).check()
        members.leave(by=caller_of(request))
        return Response(status=204)


class HandOver(APIView):
    """Ownership passes on."""

    needs = Needs(post=Permission.OWNERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="hand_over_organisation",
        request=HAND_OVER_ORDER,
        responses=schemas.answers(200, MEMBER, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002
        """Make another member an owner and oneself an admin, in one step."""
        fields = Fields(body.read(request._request))
        named = fields.text("member", longest=ID_LENGTH_MAX)
        fields.check()
        owner = members.hand_over(by=caller_of(request), member_id=schemas.path_id("mem", named))
        return Response(documents.members([owner])[0])


def read_role(fields: Fields) -> Role:
    """Read which role is meant; what is wrong is noted in `fields`, whose `check` comes after."""
    return Role(fields.choice("role", ROLES) or Role.VIEWER)
