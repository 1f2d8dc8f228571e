"""The id of the request that is being answered: accepted from the caller or made here, and known to every log line."""

import re

from structlog.contextvars import bind_contextvars, get_contextvars

from paysettle.kernel import identifiers

_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def begin(offered: str) -> str:
    """Start a request: take the id that was offered when it is well-formed, else make one."""
    request_id = offered if _ACCEPTED.fullmatch(offered) else identifiers.show("req", identifiers.new())
    bind_contextvars(request_id=request_id)
    return request_id


def current() -> str:
    """Return the id of the request that is being answered; outside of one, a new id."""
    found = get_contextvars().get("request_id")
    return str(found) if found else identifiers.show("req", identifiers.new())
