"""How many mails somebody gets because anybody asked for them, whether or not the address belongs to somebody.

Only where its owner has signed in before more is allowed, for them to reset their password whoever else asks for it;
decision 17 names the price.
"""

from django.http import HttpRequest

from paysettle.api import peer, throttling
from paysettle.identity import addresses, sign_in_attempts
from paysettle.kernel import throttles

_COUNTED = "paysettle_mail_counted"


def take(request: HttpRequest, *, what: str, email: str) -> None:
    """Count the mail that a request sends, once for each request; raise Throttled if there were too many.

    For each address and each thing that is asked for apart, and by place first: who asks for one cannot use up the
    other, nor alone all. Nor do many together keep somebody from a reset at a place where they have signed in before:
    there the place alone counts. What was counted for a request that sends none is to be given back.
    """
    if hasattr(request, _COUNTED):
        return
    subject, place = f"{what} {addresses.normal(email)}", peer.network_of(peer.address_of(request))
    counted = [(throttling.MAIL_FROM_ADDRESS, f"{subject} {place}")]
    if not sign_in_attempts.is_known(place, email=email):
        counted.append((throttling.MAIL, subject))
    setattr(request, _COUNTED, throttles.take_all(*counted))


def give_back(request: HttpRequest) -> None:
    """Uncount the mail of a request that was refused, if one was counted."""
    throttles.give_back(*getattr(request, _COUNTED, ()))
