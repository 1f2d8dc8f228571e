"""Tokens made by hand: any header, any claims, any key. joserfc would refuse to make most of them."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey

from paysettle.identity import jwt_keys, tokens


def ours() -> ECKey:
    """Return the key that signs our tokens."""
    return jwt_keys.current().signing


def stranger() -> ECKey:
    """Return a key that is not ours."""
    return ECKey.generate_key("P-256")


def header(**changes: Any) -> dict[str, Any]:
    """Return the header of our tokens, changed."""
    return {"alg": "ES256", "typ": tokens.TYPE, "kid": ours().kid, **changes}


def es256(head: Any, claims: Any, key: ECKey | None = None) -> str:
    """Return a token signed with ES256; head and claims are objects, or the very text of one."""
    signing_input = f"{_part(head)}.{_part(claims)}"
    private = (key or ours()).private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(private.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signing_input}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def hs256(head: Any, claims: Any, secret: bytes) -> str:
    """Return a token with an HMAC."""
    signing_input = f"{_part(head)}.{_part(claims)}"
    return f"{signing_input}.{_base64(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def rs256(head: Any, claims: Any) -> str:
    """Return a token signed with an RSA key that nobody knows."""
    signing_input = f"{_part(head)}.{_part(claims)}"
    key = rsa.generate_private_key(65537, 2048)
    return f"{signing_input}.{_base64(key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def unsigned(head: Any, claims: Any) -> str:
    """Return a token without a signature."""
    return f"{_part(head)}.{_part(claims)}."


def _part(value: Any) -> str:
    return _base64((value if isinstance(value, str) else json.dumps(value)).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
