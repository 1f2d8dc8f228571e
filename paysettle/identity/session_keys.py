"""Django's session keys: known to the client alone, a digest to us.

The table of Django sessions holds the first 40 hex digits of the key's SHA-256 in place of the key, a LoginSession
holds all of it. So a stolen table opens no session, and the sessions of a person can be ended without their keys.
"""

import hashlib

_ROW_KEY_LENGTH = 40  # the width of Django's column; 160 bits


def digest(session_key: str) -> bytes:
    """Return the digest of a session key that a LoginSession stores."""
    return hashlib.sha256(session_key.encode()).digest()


def row_key(key_digest: bytes) -> str:
    """Return what Django's session table holds for this digest."""
    return key_digest.hex()[:_ROW_KEY_LENGTH]
