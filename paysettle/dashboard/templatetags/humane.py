"""Numbers and times as people read them."""

from datetime import datetime

from django import template

from paysettle.dashboard import show

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """Return a number with its thousands apart: `12 345`, with a space that does not break."""
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")


@register.filter
def utc(at: datetime) -> str:
    """Return a time in UTC, to the second."""
    return show.moment(at)


@register.filter
def age(seconds: float) -> str:
    """Return a duration in its largest unit: `42 s`, `5 min`, `3 h`, `2 d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
