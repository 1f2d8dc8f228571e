"""Who am I, and for whom may I act: `GET /api/v1/me`."""

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import schemas
from paysettle.identity import documents
from paysettle.identity.caller import Caller


class PartyOut(serializers.Serializer[Any]):
    """A party that the person may act for."""

    id = serializers.CharField()
    handle = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.CharField()


class MeOut(serializers.Serializer[Any]):
    """The person who is signed in."""

    id = serializers.CharField()
    handle = serializers.CharField()
    party = serializers.CharField(help_text="The party that the person is.")
    acting_party = serializers.CharField(help_text="The party acted for in this request.")
    parties = PartyOut(many=True)


class MeView(APIView):
    """The person who is signed in."""

    @extend_schema(operation_id="me", responses=schemas.answers(200, MeOut, 401, 403))
    def get(self, request: Request) -> Response:
        caller = cast("Caller", request.auth)
        assert caller.user_id is not None  # noqa: S101 - a token names its user
        return Response(documents.me(caller, caller.user_id))
