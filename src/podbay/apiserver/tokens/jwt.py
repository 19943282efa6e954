"""JSON Web Tokens in their compact form: claims that a key signed.

Pure but for the key. Takes claims, gives a token; takes a token, gives its claims if the key signed them.
Invariant: the algorithm is the key's, whatever a token says of itself.
Source: RFC 7515 and RFC 7519
"""

from collections.abc import Mapping
from typing import Any

from podbay.apiserver.tokens.keys import SigningKey
from podbay.wire import json
from podbay.wire.base64url import decode, encode


class NotSigned(Exception):
    """A token that the key did not sign, or that cannot be read."""


def signed(claims: Mapping[str, Any], key: SigningKey) -> str:
    """Return the token of some claims."""
    head = {"alg": key.algorithm, "kid": key.identifier}
    text = f"{encode(json.encode(head))}.{encode(json.encode(claims))}"
    return f"{text}.{encode(key.sign(text.encode('ascii')))}"


def issuer_of(token: str) -> str:
    """Return who a token says has issued it, unproven; nothing if it is no token at all."""
    parts = token.split(".")
    try:
        claims = json.decode(decode(parts[1])) if len(parts) == 3 else None
    except ValueError:
        return ""
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


def verified(token: str, key: SigningKey) -> dict[str, Any]:
    """Return the claims of a token that the key signed. Raises NotSigned."""
    text, _, signature = token.rpartition(".")
    try:
        head, claims = (json.decode(decode(part)) for part in text.split("."))
        proof = decode(signature)
    except ValueError:
        raise NotSigned from None
    if not isinstance(head, dict) or not isinstance(claims, dict):
        raise NotSigned
    if head.get("alg") != key.algorithm or head.get("kid", key.identifier) != key.identifier or "crit" in head:
        raise NotSigned
    if not key.is_signed(text.encode("ascii"), proof):
        raise NotSigned
    return claims
