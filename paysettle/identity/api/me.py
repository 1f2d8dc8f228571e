"""Who am I, and for whom may I act: `GET /api/v1/me`."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import schemas
from paysettle.identity import documents
from paysettle.identity.authentication import Needs
from paysettle.identity.caller import Caller
from paysettle.identity.roles import Role


class PartyOut(serializers.Serializer[Any]):
    """A party that the person may act for."""

    id = serializers.CharField()
    handle = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()
    role = serializers.ChoiceField(choices=[role.value for role in Role], help_text="What the person is in it.")


class MeOut(serializers.Serializer[Any]):
    """The person who is signed in."""

    id = serializers.CharField()
    handle = serializers.CharField()
    party = serializers.CharField(help_text="The party that the person is.")
    acting_party = serializers.CharField(help_text="The party acted for in this request.")
    parties = PartyOut(many=True)


class MeView(APIView):
    """The person who is signed in."""

    needs = Needs(get=None)  # whatever one may do in a party, one may know it

    @extend_schema(operation_id="me", responses=schemas.answers(200, MeOut, 401, 403))
    def get(self, request: Request) -> Response:
        caller = cast("Caller", request.auth)
        return Response(documents.me(caller))
