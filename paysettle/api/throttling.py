"""The one table of how often anybody may do what, and how views ask it.

Signing in counts addresses and accounts (`identity/sign_in_attempts.py` says how they go together); what signed-in
people do counts the person, whatever party or session they use, and an API key counts for itself; how they show once
more who is there counts the session. The setting THROTTLE_FACTOR multiplies all.
"""

from collections.abc import Mapping
from typing import Any, cast

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from paysettle.api import peer
from paysettle.kernel import throttles
from paysettle.kernel.throttles import Buckets, Limit

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

# By address. An address may be that of many honest people.
SIGN_IN = Limit("sign-in", 300, 5 * MINUTE_S)
SIGN_UP = Limit("sign-up", 20, 5 * MINUTE_S)
RESET = Limit("reset", 30, 5 * MINUTE_S)
CODE = Limit("code", 60, 5 * MINUTE_S)
REFRESH = Limit("refresh", 300, MINUTE_S, portion=6)
OTHER_SIGN_IN = Limit("other-sign-in", 300, 5 * MINUTE_S)

# By the e-mail address that a mail goes to: from one place, from one person, and whoever asks for it.
MAIL_FROM_ADDRESS = Limit("mail.address", 5, HOUR_S)
MAIL_FROM_SENDER = Limit("mail.sender", 5, HOUR_S)
MAIL = Limit("mail", 30, HOUR_S)

# Wrong passwords.
WRONG_FROM_ADDRESS_TO_ACCOUNT = Limit("wrong.address-account", 5, 5 * MINUTE_S)
WRONG_FROM_ADDRESS = Limit("wrong.address", 50, 5 * MINUTE_S)
WRONG_TO_ACCOUNT = Limit("wrong.account", 50, HOUR_S)

# Wrong codes of a second factor: by person after a right password, by session where there is one.
WRONG_CODE = Limit("wrong.code", 5, 5 * MINUTE_S)

# Wrong passwords of whoever is signed in, by session.
WRONG_PASSWORD_AGAIN = Limit("wrong.password-again", 5, 5 * MINUTE_S)

# Wrong codes of mails, by the mail; as many as allauth takes one after the other.
MAILED_CODE = Limit("mailed-code", 3, HOUR_S)
USED_CODE = Limit("used-code", 1, DAY_S)

# By person; what is read and written also by session or API key.
INVITATION = Limit("invitation", 100, DAY_S)
LOOK_UP = Limit("look-up", 60, MINUTE_S)
READ = Limit("read", 1200, MINUTE_S, portion=24)
WRITE = Limit("write", 300, MINUTE_S, portion=6)

# By person, or API key, and process: the hot route has no time for a table.
PAYMENTS = Buckets(rate_per_s=50, burst=200)


def count(request: Request, subject: str) -> None:
    """Count a request to a DRF view for somebody, whatever becomes of it: READ or WRITE. Raises Throttled."""
    throttles.take(READ if request.method in {"GET", "HEAD", "OPTIONS"} else WRITE, subject)


class NamedThrottle(BaseThrottle):
    """Counts what is allowed: by the limit that a view names for the method in its `limits`, else as READ or WRITE.

    Whatever is refused was counted before, for the session, the API key or the address alone
    (`identity/authentication.py`), and nothing else is counted for reads and writes by a key, nor where a view ends
    sessions or keys (`ends_credentials`): who has got hold of one keeps nobody from ending it. Where a view is open to
    everybody, the address is counted.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        limits: Mapping[str, Limit] = getattr(view, "limits", {})
        limit, user = limits.get(str(request.method)), cast(Any, request.user)
        subject = str(user.pk) if user else peer.network_of(peer.address_of(request._request))
        if limit is not None:
            throttles.take(limit, subject)
        elif not (user and (user.by_key or getattr(view, "ends_credentials", False))):
            count(request, subject)
        return True
