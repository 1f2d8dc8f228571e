"""The one table of how often anybody may do what, and how views ask it.

Signing in counts addresses and accounts (`identity/sign_in_attempts.py` says how they go together); what signed-in
people do counts the person, whatever party or session they use; an API key counts for itself, and all that a person has
made count together, too; how people show once more who is there counts the session. The setting THROTTLE_FACTOR
multiplies all.
"""

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

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

# By person, for all API keys that they have made: ten times what one may, so that who has stolen one leaves the others
# nine tenths.
READ_BY_KEYS = Limit("read.keys", 10 * READ.most, MINUTE_S, portion=24)
WRITE_BY_KEYS = Limit("write.keys", 10 * WRITE.most, MINUTE_S, portion=6)
PAYMENTS_BY_KEYS = Buckets(rate_per_s=500, burst=2000)


def count(request: Request, subject: str, *, by_keys: bool = False) -> None:
    """Count a request to a DRF view for somebody, as a read or a write, or as one by their keys. Raises Throttled."""
    reads, writes = (READ_BY_KEYS, WRITE_BY_KEYS) if by_keys else (READ, WRITE)
    throttles.take(reads if request.method in {"GET", "HEAD", "OPTIONS"} else writes, subject)


def count_payment(*, user_id: UUID | None, key_id: UUID | None) -> None:
    """Count an order on the hot route, in this process: for a person, or one of their keys. Raises Throttled."""
    PAYMENTS.take(key_id or user_id)
    if key_id:
        PAYMENTS_BY_KEYS.take(user_id)


class NamedThrottle(BaseThrottle):
    """Counts what is allowed: by the limit that a view names for the method in its `limits`, else as READ or WRITE.

    Whatever is refused was counted before, for the session, the API key or the address alone
    (`identity/authentication.py`). Of what is allowed nothing is counted for the person but what all their keys may,
    nor where a view ends sessions or keys (`ends_credentials`): who has got hold of one keeps nobody from ending it.
    Where a view is open to everybody, the address is counted.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        limits: Mapping[str, Limit] = getattr(view, "limits", {})
        limit, user = limits.get(str(request.method)), cast(Any, request.user)
        subject = str(user.pk) if user else peer.network_of(peer.address_of(request._request))
        if limit is not None:
            throttles.take(limit, subject)
        elif user and user.by_key:
            count(request, f"keys of {subject}", by_keys=True)
        elif not (user and getattr(view, "ends_credentials", False)):
            count(request, subject)
        return True
