"""The public keys with which anybody can check our access tokens."""

from django.http import HttpRequest, JsonResponse
from django.utils.cache import patch_cache_control
from django.views import View

from paysettle.identity import jwt_keys

_FRESH_S = 300


class JwksView(View):
    """A JWK set (RFC 7517), public parts only."""

    def get(self, _request: HttpRequest) -> JsonResponse:
        response = JsonResponse(jwt_keys.current().public(), content_type="application/jwk-set+json")
        patch_cache_control(response, public=True, max_age=_FRESH_S)
        return response
