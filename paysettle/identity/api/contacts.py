"""The contacts of the acting party over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.api.payee_documents import (
    CONTACT,
    CONTACT_NAME,
    CONTACT_ORDER,
    CONTACT_PAGE,
    REFERENCE_LENGTH_MAX,
)
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import contacts
from paysettle.identity.personal import PRIVATE_NAME_LENGTH_MAX
from paysettle.identity.roles import Permission

_CHANGED = schemas.answers(200, CONTACT, 400, 401, 403, 404, 413, 415, 422, 503)


class Contacts(APIView):
    """Whom a party keeps."""

    needs = Needs(get=Permission.CONTACTS_READ, post=Permission.CONTACTS_MANAGE)

    @extend_schema(
        operation_id="list_contacts",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE],
        responses=schemas.answers(200, CONTACT_PAGE, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of the contacts, blocked ones included, those kept last first."""
        pagination.check_parameters(request, "limit", "cursor")
        return Response(pagination.page(request, queries.contacts_of(caller_of(request).party_id), documents.contacts))

    @extend_schema(
        operation_id="keep_contact",
        parameters=[schemas.ACTING_PARTY],
        request=CONTACT_ORDER,
        responses=schemas.answers(201, CONTACT, 400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
    )
    def post(self, request: Request) -> Response:
        """Keep a party, under a name that nobody else sees. Counted as a look-up."""
        fields = Fields(body.read(request._request))
        party = fields.text("party", longest=REFERENCE_LENGTH_MAX)
        name = fields.text("name", longest=PRIVATE_NAME_LENGTH_MAX, required=False)
        fields.check()
        kept = contacts.keep(by=caller_of(request), reference=party, name=name)
        return Response(documents.contacts([kept])[0], status=201)


class ContactDetail(APIView):
    """One contact."""

    needs = Needs(get=Permission.CONTACTS_READ)

    @extend_schema(
        operation_id="get_contact",
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, CONTACT, 401, 403, 404),
    )
    def get(self, request: Request, contact_id: str) -> Response:
        """Return a contact."""
        wanted = schemas.path_id("con", contact_id)
        found = queries.contact(party_id=caller_of(request).party_id, contact_id=wanted)
        return Response(documents.contacts([found])[0])


class ContactRename(APIView):
    """The name of a contact."""

    needs = Needs(post=Permission.CONTACTS_MANAGE)

    @extend_schema(
        operation_id="rename_contact", parameters=[schemas.ACTING_PARTY], request=CONTACT_NAME, responses=_CHANGED
    )
    def post(self, request: Request, contact_id: str) -> Response:
        """Give a contact another name; an empty one shows the handle alone."""
        wanted = schemas.path_id("con", contact_id)
        sent = body.read(request._request)
        fields = Fields(sent)
        name = fields.text("name", longest=PRIVATE_NAME_LENGTH_MAX, required=False)
        if "name" not in sent:
            fields.refuse("name", "required", "This field is required.")
        fields.check()
        changed = contacts.rename(by=caller_of(request), contact_id=wanted, name=name)
        return Response(documents.contacts([changed])[0])


class ContactBlock(APIView):
    """Keeping a contact away."""

    needs = Needs(post=Permission.CONTACTS_MANAGE)

    @extend_schema(operation_id="block_contact", parameters=[schemas.ACTING_PARTY], request=None, responses=_CHANGED)
    def post(self, request: Request, contact_id: str) -> Response:
        """Keep a contact from finding this party and from asking it for money; they are not told."""
        wanted = schemas.path_id("con", contact_id)
        Fields(body.read_optional(request._request)).check()
        return Response(documents.contacts([contacts.block(by=caller_of(request), contact_id=wanted)])[0])


class ContactUnblock(APIView):
    """Letting a contact near again."""

    needs = Needs(post=Permission.CONTACTS_MANAGE)

    @extend_schema(operation_id="unblock_contact", parameters=[schemas.ACTING_PARTY], request=None, responses=_CHANGED)
    def post(self, request: Request, contact_id: str) -> Response:
        """Let a contact find this party and ask it for money again."""
        wanted = schemas.path_id("con", contact_id)
        Fields(body.read_optional(request._request)).check()
        return Response(documents.contacts([contacts.unblock(by=caller_of(request), contact_id=wanted)])[0])


class ContactRemove(APIView):
    """The end of a contact."""

    needs = Needs(post=Permission.CONTACTS_MANAGE)

    @extend_schema(
        operation_id="remove_contact",
        parameters=[schemas.ACTING_PARTY],
        request=None,
        responses=schemas.answers(204, None, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, contact_id: str) -> Response:
        """Take a contact off the list, and its block with it."""
        wanted = schemas.path_id("con", contact_id)
        Fields(body.read_optional(request._request)).check()
        contacts.remove(by=caller_of(request), contact_id=wanted)
        return Response(status=204)
