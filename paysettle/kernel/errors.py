"""Refusals: what the system says no with. Each is a class with a stable code; `docs/errors.md` lists them all.

A refusal is written beside the code that raises it and named for the outcome. `stored` tells whether the answer is
kept under the idempotency key: it is, when the refusal was decided after execution began (no funds, not allowed in
this state), so that a retry with the same key can never surprise. A request that was never executed (malformed,
unauthenticated, overloaded) is not stored: corrected, it may use the same key.
"""

from dataclasses import dataclass
from typing import Any, ClassVar


class DomainError(Exception):
    """A definite, documented refusal.

    Class attributes: `code` (stable, snake_case), `status` (HTTP), `title` (one sentence for this code), `retryable`
    (the same request may succeed later), `stored` (see the module). The message is the `detail` for this occurrence;
    further keyword arguments become members of the problem document.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    retryable: ClassVar[bool] = False
    stored: ClassVar[bool] = False

    def __init__(self, detail: str = "", **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.members = members

    def problem(self, *, request_id: str) -> dict[str, Any]:
        """Return the RFC 9457 problem document for this refusal; its `instance` is a name and no address."""
        return {
            "type": f"/errors#{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "retryable": self.retryable,
            "request_id": request_id,
            "instance": f"/requests/{request_id}",
            **self.members,
        }


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field: a JSON pointer (RFC 6901) to it, a code, a sentence."""

    pointer: str
    code: str
    message: str

    def document(self) -> dict[str, str]:
        """Return it as it stands in a problem document."""
        return {"pointer": self.pointer, "code": self.code, "message": self.message}


class InvalidRequest(DomainError):
    """The request was read and some of its fields are wrong; `errors` names each."""

    code = "invalid_request"
    status = 422
    title = "Some fields of the request are not valid."

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(errors[0].message if len(errors) == 1 else "", errors=[error.document() for error in errors])


class NotFound(DomainError):
    """There is no such object, or it is not the caller's to see: the two answer alike."""

    code = "not_found"
    status = 404
    title = "There is nothing here that you may see."


class OutcomeUnknown(DomainError):
    """The database went away while it was committing: nobody knows yet. The same key settles it."""

    code = "outcome_unknown"
    status = 503
    title = "The outcome is not known yet: send the same request with the same key again."
    retryable = True


class Unavailable(DomainError):
    """The database cannot be reached or is too busy; nothing was done."""

    code = "unavailable"
    status = 503
    title = "The service cannot answer right now; nothing was done."
    retryable = True


class Overloaded(DomainError):
    """More requests wait than the queue holds; nothing was done."""

    code = "overloaded"
    status = 503
    title = "Too many requests are waiting; nothing was done."
    retryable = True


class InternalError(DomainError):
    """A fault of ours; nothing was done and nothing is stored under the key."""

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side; nothing was done."


def catalogue() -> list[type[DomainError]]:
    """Return every refusal that is defined, sorted by code."""

    def below(cls: type[DomainError]) -> list[type[DomainError]]:
        return [found for sub in cls.__subclasses__() for found in (sub, *below(sub))]

    return sorted((cls for cls in set(below(DomainError)) if "code" in vars(cls)), key=lambda cls: cls.code)
