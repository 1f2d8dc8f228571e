"""The API keys of the acting party over HTTP: make, list, look at, rotate, revoke."""

import ipaddress
from datetime import timedelta

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from paysettle.api import body, pagination, schemas
from paysettle.api.validators import Fields
from paysettle.identity import documents, queries
from paysettle.identity.api.documents import (
    API_KEY,
    API_KEY_MADE,
    API_KEY_ORDER,
    API_KEY_PAGE,
    API_KEY_ROTATION_ORDER,
)
from paysettle.identity.authentication import Needs, caller_of
from paysettle.identity.operations import api_keys
from paysettle.identity.operations.api_keys import NAME_LENGTH_MAX, NETWORKS_MAX, OVERLAP_DEFAULT, OVERLAP_MAX, NewKey
from paysettle.identity.roles import FOR_KEYS, Permission

DAYS_DEFAULT = 90

_PERMISSIONS = [permission.value for permission in Permission]

_MANAGED = Needs(get=Permission.KEYS_MANAGE, post=Permission.KEYS_MANAGE, fresh=True)


class ApiKeys(APIView):
    """The API keys of the acting party."""

    needs = _MANAGED

    @extend_schema(
        operation_id="list_api_keys",
        parameters=[schemas.ACTING_PARTY, *schemas.PAGE],
        responses=schemas.answers(200, API_KEY_PAGE, 401, 403, 422),
    )
    def get(self, request: Request) -> Response:
        """Return a page of keys, newest first, those that have ended included; a secret is never shown again."""
        pagination.check_parameters(request, "limit", "cursor")
        rows = queries.api_keys_of(caller_of(request).party_id)
        return Response(pagination.page(request, rows, documents.api_keys))

    @extend_schema(
        operation_id="create_api_key",
        parameters=[schemas.ACTING_PARTY],
        request=API_KEY_ORDER,
        responses=schemas.answers(201, API_KEY_MADE, 400, 401, 403, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request) -> Response:
        """Make a key for a machine. Its secret is in this answer and nowhere else."""
        fields = Fields(body.read(request._request))
        name = fields.text("name", longest=NAME_LENGTH_MAX)
        scopes = _scopes(fields)
        networks = _networks(fields)
        life = _life(fields) or timedelta(days=min(DAYS_DEFAULT, settings.API_KEY_DAYS_MAX))
        fields.check()
        made = api_keys.make(by=caller_of(request), name=name, scopes=scopes, networks=networks, life=life)
        return _shown_once(made)


class ApiKeyDetail(APIView):
    """One API key of the acting party."""

    needs = _MANAGED

    @extend_schema(
        operation_id="get_api_key",
        parameters=[schemas.ACTING_PARTY],
        responses=schemas.answers(200, API_KEY, 401, 403, 404),
    )
    def get(self, request: Request, key_id: str) -> Response:
        """Return a key, without its secret."""
        found = queries.api_key(party_id=caller_of(request).party_id, key_id=schemas.path_id("key", key_id))
        return Response(documents.api_keys([found])[0])


class ApiKeyRotate(APIView):
    """Another secret in place of one."""

    needs = _MANAGED

    @extend_schema(
        operation_id="rotate_api_key",
        parameters=[schemas.ACTING_PARTY],
        request=API_KEY_ROTATION_ORDER,
        responses=schemas.answers(201, API_KEY_MADE, 400, 401, 403, 404, 409, 413, 415, 422, 503),
    )
    def post(self, request: Request, key_id: str) -> Response:
        """Make a key with the same name, scopes and networks. The old one works on until the overlap ends."""
        wanted = schemas.path_id("key", key_id)
        fields = Fields(body.read_optional(request._request))
        overlap_s = fields.whole(
            "overlap_s",
            least=0,
            most=int(OVERLAP_MAX.total_seconds()),
            default=int(OVERLAP_DEFAULT.total_seconds()),
        )
        life = _life(fields)
        fields.check()
        overlap = timedelta(seconds=overlap_s or 0)
        return _shown_once(api_keys.rotate(by=caller_of(request), key_id=wanted, overlap=overlap, life=life))


class ApiKeyRevoke(APIView):
    """The end of one API key."""

    needs = _MANAGED
    ends_credentials = True

    @extend_schema(
        operation_id="revoke_api_key",
        parameters=[schemas.ACTING_PARTY],
        request=None,
        responses=schemas.answers(200, API_KEY, 400, 401, 403, 404, 413, 415, 422, 503),
    )
    def post(self, request: Request, key_id: str) -> Response:
        """Revoke a key: the very next call with it is refused. One that has ended stays as it is."""
        wanted = schemas.path_id("key", key_id)
        Fields(body.read_optional(request._request)).check()
        found = api_keys.revoke(by=caller_of(request), key_id=wanted)
        return Response(documents.api_keys([found])[0])


def _shown_once(made: NewKey) -> Response:
    return Response({**documents.api_keys([made.key])[0], "secret": made.secret}, status=201)


def _scopes(fields: Fields) -> frozenset[Permission]:
    named = fields.entries("scopes", most=len(_PERMISSIONS))
    if not all(name in _PERMISSIONS for name in named):
        fields.refuse("scopes", "not_a_choice", f"A list of {', '.join(sorted(FOR_KEYS))} is expected.")
    return frozenset(Permission(name) for name in named if name in _PERMISSIONS)


def _networks(fields: Fields) -> list[str]:
    """Read networks in CIDR form, each in its usual writing; none if the field is left out.

    None that no caller could come from: a caller has no zone, and an IPv4 address in IPv6 is known as what it is.
    """
    named = fields.entries("networks", most=NETWORKS_MAX, required=False)
    found: dict[str, None] = {}
    for text in named:
        network = _network(text) if type(text) is str else None  # a number would be taken for an address as well
        if network is None:
            fields.refuse("networks", "not_a_network", "Networks like 203.0.113.0/24 or 2001:db8::/32 are expected.")
        else:
            found[network] = None
    return list(found)


def _network(text: str) -> str | None:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    _, slash, bits = text.partition("/")
    is_mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None
    # `%` names a zone, and anything but a number behind the slash a mask.
    return None if "%" in text or (slash and not bits.isdigit()) or is_mapped else str(network)


def _life(fields: Fields) -> timedelta | None:
    """Return how long the key is asked to live, None where nothing is said."""
    days = fields.whole("expires_in_days", least=1, most=settings.API_KEY_DAYS_MAX, default=None)
    return None if days is None else timedelta(days=days)
