"""Organisations over HTTP: make one, and those that one belongs to."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.api.documents import ORGANISATION, ORGANISATION_ORDER, ORGANISATION_PAGE, REGISTRATION_ORDER
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import organisations
from paysettle.identity.personal import LEGAL_NAME_LENGTH_MAX, REGISTRATION_NUMBER_LENGTH_MAX, Registration
from paysettle.identity.roles import Permission
from paysettle.kernel.countries import COUNTRIES

HANDLE_LENGTH_MAX = 30


class Organisations(APIView):
    """The organisations of the person who calls."""

    needs = Needs(get=None, post=None)  # the person's own business, whomever they act for

    @extend_schema(
        operation_id="list_organisations",
        parameters=schemas.PAGE,
        responses=schemas.answers(200, ORGANISATION_PAGE, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of the organisations that the person belongs to, those joined last first."""
        pagination.check_parameters(request, "limit", "cursor")
        rows = queries.organisations_of(caller_of(request).person_id)
        return Response(pagination.page(request, rows, documents.organisations))

    @extend_schema(
        operation_id="create_organisation",
        request=ORGANISATION_ORDER,
        responses=schemas.answers(201, ORGANISATION, 400, 401, 403, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Make an organisation, which can pay and be paid at once; the person becomes its owner."""
        fields = Fields(body.read(request._request))
        handle = fields.text("handle", longest=HANDLE_LENGTH_MAX)
        registration = _registration(fields)
        fields.check()
        made = organisations.create(by=caller_of(request), handle=handle.lower(), registration=registration)
        return Response(documents.organisations([made])[0], status=201)


class OrganisationDetail(APIView):
    """One organisation of the person who calls."""

    needs = Needs(get=Permission.ORGANISATION_READ)

    @extend_schema(operation_id="get_organisation", responses=schemas.answers(200, ORGANISATION, 401, 403, 404))
    def get(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002 - the party acted for
        """Return an organisation that the person belongs to."""
        return Response(documents.organisations([queries.organisation(caller_of(request))])[0])


class RegistrationChange(APIView):
    """What the register says of an organisation."""

    needs = Needs(post=Permission.OWNERS_MANAGE, fresh=True)

    @extend_schema(
        operation_id="change_registration",
        request=REGISTRATION_ORDER,
        responses=schemas.answers(200, ORGANISATION, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, organisation_id: str) -> Response:  # noqa: ARG002 - the party acted for
        """Say what the register says now, all of it: a number that is left out is none. The handle stays."""
        fields = Fields(body.read(request._request))
        registration = _registration(fields)
        fields.check()
        changed = organisations.change_registration(by=caller_of(request), registration=registration)
        return Response(documents.organisations([changed])[0])


def _registration(fields: Fields) -> Registration:
    return Registration(
        legal_name=fields.text("legal_name", longest=LEGAL_NAME_LENGTH_MAX),
        country=_country(fields),
        registration_number=fields.text("registration_number", longest=REGISTRATION_NUMBER_LENGTH_MAX, required=False),
    )


def _country(fields: Fields) -> str:
    country = fields.text("country", longest=2)
    if country and country not in COUNTRIES:
        fields.refuse("country", "unknown_country", "An upper-case ISO 3166-1 code like PT is expected.")
    return country
