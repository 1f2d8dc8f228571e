"""What a caller accepts, for views that DRF does not ask for."""

from django.http import HttpRequest

from paysettle.api.problems import NotAcceptable

_JSON = {"*/*", "application/*", "application/json"}


def require_json(request: HttpRequest) -> None:
    """Raise NotAcceptable if the caller wants no JSON; weights count for nothing, as with DRF."""
    accepted = request.META.get("HTTP_ACCEPT", "*/*")
    if accepted != "*/*" and not any(part.partition(";")[0].strip().lower() in _JSON for part in accepted.split(",")):
        raise NotAcceptable
