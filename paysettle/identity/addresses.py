"""E-mail addresses as digests: what makes a verified address unique without storing it a second time."""

import hashlib
import hmac
import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.encoding import force_bytes

_VERIFIED_ADDRESS = b"paysettle.identity.verified-address.v1"


def digest(address: str) -> bytes:
    """Return the keyed digest of an address: HMAC-SHA256 over its normal form, with a key derived from SECRET_KEY.

    Two spellings that differ in case or in Unicode compatibility forms are one address. Without the key a stolen table
    does not tell whether an address is in it. After a change of SECRET_KEY run `manage.py rekey_addresses`.
    """
    return keyed_digest(_VERIFIED_ADDRESS, normal(address))


def keyed_digest(purpose: bytes, text: str) -> bytes:
    """Return HMAC-SHA256 of a text, with a key derived from SECRET_KEY for one purpose alone."""
    key = hmac.digest(force_bytes(settings.SECRET_KEY), purpose, hashlib.sha256)
    return hmac.digest(key, text.encode(), hashlib.sha256)


def is_one_mailbox(address: str) -> bool:
    """Tell whether mail to an address as it is written goes where mail to its normal form goes.

    For letters beyond ASCII before the `@` it need not: a mail server may have a mailbox for the long s (U+017F) and
    another one for `s`, which are one letter here. Whoever has the one must not become the other (CVE-2019-19844).
    """
    return address.rpartition("@")[0].isascii()


def validate(address: str) -> None:
    """Raise ValidationError for what is no address of one mailbox."""
    validate_email(address)
    if not is_one_mailbox(address):
        raise ValidationError("The address may have ASCII letters alone before the @.")


def normal(address: str) -> str:
    """Return the form of an address that is compared: NFKC, case folded, without surrounding blanks."""
    return unicodedata.normalize("NFKC", address).casefold().strip()
