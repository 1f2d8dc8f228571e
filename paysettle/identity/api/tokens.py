"""Renewing the access token."""

from dataclasses import asdict
from types import MappingProxyType
from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import schemas, throttling
from paysettle.api.body import Body
from paysettle.api.validators import Fields
from paysettle.identity.operations import refresh_tokens

_LENGTH_MAX = 128


class RefreshIn(serializers.Serializer[Any]):
    """A refresh token that has not been spent."""

    refresh_token = serializers.CharField(max_length=_LENGTH_MAX)


class TokenPairOut(serializers.Serializer[Any]):
    """A new access token and the refresh token that renews it next time."""

    access_token = serializers.CharField()
    refresh_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


class RefreshView(APIView):
    """Exchange a refresh token for a new pair of tokens. The refresh token itself is the credential."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    limits = MappingProxyType({"POST": throttling.REFRESH})

    @extend_schema(
        operation_id="refresh_tokens",
        request=RefreshIn,
        responses=schemas.answers(200, TokenPairOut, 400, 401, 409, 413, 415, 422),
        auth=[],
    )
    def post(self, request: Request) -> Response:
        fields = Fields(cast("Body", request.data))
        refresh_token = fields.text("refresh_token", longest=_LENGTH_MAX)
        fields.check()
        return Response(asdict(refresh_tokens.spend(refresh_token)))
