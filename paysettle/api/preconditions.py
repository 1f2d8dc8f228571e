"""ETag and If-Match: a change is bound to the version that its maker has seen (RFC 9110, section 13)."""

import re

from django.http import HttpRequest

from paysettle.kernel.errors import DomainError

_ETAG = re.compile(r'"([1-9][0-9]{0,8})"')


class PreconditionRequired(DomainError):
    """The change must say which version it is about."""

    code = "precondition_required"
    status = 428
    title = 'The header If-Match is missing: send the ETag of what you have seen, like "1".'


class PreconditionInvalid(DomainError):
    """If-Match is not an ETag of ours."""

    code = "precondition_invalid"
    status = 400
    title = 'The header If-Match must be one ETag, like "1".'


def etag(version: int) -> str:
    """Return the ETag of a version."""
    return f'"{version}"'


def expected_version(request: HttpRequest, *, required: bool) -> int | None:
    """Return the version in If-Match, None without the header; raise one of the refusals above."""
    header = request.headers.get("If-Match")
    if header is None:
        if required:
            raise PreconditionRequired
        return None
    match = _ETAG.fullmatch(header.strip())
    if match is None:
        raise PreconditionInvalid
    return int(match.group(1))
