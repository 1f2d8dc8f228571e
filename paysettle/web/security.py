"""Content security: what a page may load and run. The strictest rule is for all, exceptions stand in a table."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

_OURS_ALONE = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

STRICT = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'self'; connect-src 'self'; "
    + _OURS_ALONE
)

# The staff's pages: Alpine evaluates the attributes of Unfold's templates, which also carry inline styles.
STAFF = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "script-src 'self' 'unsafe-eval'; connect-src 'self'; " + _OURS_ALONE
)

# Swagger UI starts from a script in the page, styles inline and draws with data: images.
API_DOCS = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "script-src 'self' 'unsafe-inline'; connect-src 'self'; " + _OURS_ALONE
)

POLICIES = {"/admin/": STAFF, "/api/docs/": API_DOCS}
"""Which paths begin with a looser policy. No page loads anything from another host under any of them."""


class ContentSecurityPolicyMiddleware:
    """Give every response the policy of its path."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        policy = next((loose for start, loose in POLICIES.items() if request.path.startswith(start)), STRICT)
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
