"""The heading of a staff page: the steps that lead to it, as links.

Unfold builds its own from the names of Django's applications and from what `str` makes of a record; our template
`unfold/helpers/header_title.html` takes ours instead.
"""

from dataclasses import dataclass

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Step:
    """A name, and where it leads; the last one leads nowhere."""

    title: str
    link: str = ""


def set_trail(request: HttpRequest, *steps: Step) -> None:
    """Name the steps that lead to the page which answers this request."""
    request.trail = steps  # type: ignore[attr-defined]
