"""Texts at rest, encrypted so that a copy of the database does not give them: AES-256-GCM, with keys from outside it.

A sealed text names its key, so keys rotate: the first key seals, all of them open. What a text is for is sealed in with
it, so that one that was copied into another place does not open there.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.utils.encoding import force_bytes

_MARK = "sealed1"
_NONCE_BYTES = 12
_LABEL = b"paysettle.kernel.encryption.v1"


class CannotOpen(Exception):
    """A text was not sealed by one of our keys for this purpose, or was changed since."""


def seal(text: str, *, purpose: str) -> str:
    """Return a text encrypted under the first key; equal texts are sealed differently each time."""
    key_id, key = next(iter(_keys().items()))
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, text.encode(), purpose.encode())
    return f"{_MARK}.{key_id}.{base64.urlsafe_b64encode(sealed).decode()}"


def unseal(sealed: str, *, purpose: str) -> str:
    """Return the text that was sealed for this purpose; raise CannotOpen."""
    mark, _, rest = sealed.partition(".")
    key_id, _, encoded = rest.partition(".")
    key = _keys().get(key_id)
    if mark != _MARK or key is None:
        raise CannotOpen
    try:
        found = base64.urlsafe_b64decode(encoded)
        return AESGCM(key).decrypt(found[:_NONCE_BYTES], found[_NONCE_BYTES:], purpose.encode()).decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise CannotOpen from None


def is_under_first_key(sealed: str) -> bool:
    """Tell whether a sealed text needs no other key than the first."""
    return sealed.startswith(f"{_MARK}.{next(iter(_keys()))}.")


def _keys() -> dict[str, bytes]:
    return _named(settings.ENCRYPTION_KEYS, settings.SECRET_KEY)


@lru_cache(maxsize=8)
def _named(given: tuple[bytes, ...], secret_key: str) -> dict[str, bytes]:
    """Return the keys by their names; the one that is derived from SECRET_KEY is last, and first where no other is."""
    derived = hmac.digest(force_bytes(secret_key), _LABEL, hashlib.sha256)
    return {hashlib.sha256(key).hexdigest()[:8]: key for key in (*given, derived)}
