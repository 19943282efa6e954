"""Base64 for URLs without padding, as JSON Web Tokens and Keys have it.

Takes and gives bytes and text. Invariant: what decodes is what was encoded, in the one way that there is.
Source: RFC 7515, section 2.
"""

import base64
import re
from typing import Final

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


def encode(data: bytes) -> str:
    """Return bytes as text."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Return the bytes of a text. Raises ValueError."""
    if not _ALPHABET.fullmatch(text):
        raise ValueError("not base64 for URLs")
    found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode(found) != text:
        raise ValueError("not base64 for URLs in its one form")
    return found
