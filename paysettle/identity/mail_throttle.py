"""How many mails somebody gets because anybody asked for them, whether or not the address belongs to somebody."""

from django.http import HttpRequest

from paysettle.api import peer, throttling
from paysettle.identity import addresses
from paysettle.identity.sign_in_attempts import network_of
from paysettle.kernel import throttles

_COUNTED = "paysettle_mail_counted"


def take(request: HttpRequest, *, what: str, email: str) -> None:
    """Count the mail that a request sends, once for each request; raise Throttled if there were too many.

    For each address and each thing that is asked for apart, and by place first: who asks for one cannot use up the
    other, nor alone all.
    """
    if hasattr(request, _COUNTED):
        return
    subject = f"{what} {addresses.normal(email)}"
    throttles.take(throttling.MAIL_FROM_ADDRESS, f"{subject} {network_of(peer.address_of(request))}")
    throttles.take(throttling.MAIL, subject)
    setattr(request, _COUNTED, True)
