"""E-mail addresses as digests: what makes a verified address unique without storing it a second time."""

import hashlib
import hmac
import unicodedata

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.encoding import force_bytes

HOW_TO_WRITE_IT = "An e-mail address in plain ASCII is expected; a domain of another script in its xn-- form."

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
    """Tell whether an address has one spelling, but for case: where it goes as written, its normal form goes too.

    Beyond ASCII two spellings here may be one for a mail server, and two there one here. Before the `@` there may be a
    mailbox for the long s (U+017F) and another for `s`, which are one letter to us (CVE-2019-19844). A domain is
    sent as IDNA has it, whose tables drop characters and are older than ours (RFC 3490): it is written in that form,
    with `xn--`. Quotes before the `@` (RFC 5322, 3.2.4) and addresses of machines after it have many spellings, too.
    """
    return address.isascii() and '"' not in address and "[" not in address


def validate(address: str) -> None:
    """Raise ValidationError for what is no address of one mailbox."""
    validate_email(address)
    if not is_one_mailbox(address):
        raise ValidationError(HOW_TO_WRITE_IT, code="invalid")


def normal(address: str) -> str:
    """Return the form of an address that is compared: NFKC, case folded, without surrounding blanks."""
    return unicodedata.normalize("NFKC", address).casefold().strip()
