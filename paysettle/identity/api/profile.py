"""What a person says of themself, over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.api.payee_documents import PROFILE, PROFILE_ORDER
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import profiles
from paysettle.identity.personal import FULL_NAME_LENGTH_MAX


class ProfileView(APIView):
    """The person's own profile."""

    needs = Needs(get=None, post=None, fresh=True)  # the person's own business, whomever they act for

    @extend_schema(operation_id="get_profile", responses=schemas.answers(200, PROFILE, 401, 403))
    def get(self, request: Request) -> Response:
        """Return the person's name, and whether they may be found by their e-mail address."""
        person = queries.person(caller_of(request).person_id)
        return Response(documents.profile(queries.profile(person.own_party_id)))

    @extend_schema(
        operation_id="change_profile",
        request=PROFILE_ORDER,
        responses=schemas.answers(200, PROFILE, 400, 401, 403, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Change the person's name, or whether they may be found by their e-mail address; what is left out stays."""
        sent = body.read_optional(request._request)
        fields = Fields(sent)
        name = fields.text("name", longest=FULL_NAME_LENGTH_MAX, required=False)
        findable = fields.flag("findable_by_email")
        fields.check()
        changed = profiles.change(
            by=caller_of(request),
            name=name if "name" in sent else None,
            findable_by_email=findable if "findable_by_email" in sent else None,
        )
        return Response(documents.profile(changed))
