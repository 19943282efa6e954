"""Where a list that was cut into pages goes on: the token that a page gives and the next request brings back.

Takes a revision and the next object's key; gives text that means nothing to clients, and back.
Invariant: a token never leads outside of the list that it is presented to.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

import base64
import binascii
import posixpath
from typing import Final

from podbay.api.errors import BadRequest, Expired
from podbay.store.interface import Revision
from podbay.wire import json

LATEST: Final = Revision(-1)  # the rest of a list whose own revision is gone, as it is now
_VERSION: Final = "meta.k8s.io/v1"
_GONE: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without"
    " the continue parameter, or use the continue token in this response to retrieve the remainder of the results."
    " Continuing with the provided token results in an inconsistent list - objects that were created, modified, or"
    " deleted between the time the first chunk was returned and now may show up in the list."
)


def encode_token(revision: Revision, prefix: str, key: str) -> str:
    """Return the token for a list under a prefix that goes on at a key."""
    token = json.encode({"v": _VERSION, "rv": revision, "start": key.removeprefix(prefix)})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def decode_token(token: str, prefix: str) -> tuple[Revision, str]:
    """Return revision (or LATEST) and key. Raises BadRequest."""
    try:
        parts = json.decode(base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise _refused(f": {error}") from None
    if not isinstance(parts, dict):
        raise _refused(": it holds no object")
    if parts.get("v") != _VERSION:
        raise _refused(f": server does not recognize this encoded version {parts.get('v', '')}")
    revision, start = parts.get("rv", 0), parts.get("start", "")
    if not isinstance(revision, int) or not revision:
        raise _refused(f": incorrect encoded start resourceVersion (version {_VERSION})")
    if not isinstance(start, str) or not start:
        raise _refused(f": encoded start key empty (version {_VERSION})")
    if posixpath.normpath(f"/{start}") not in (f"/{start}", f"/{start}".rstrip("/")) or start.startswith("/"):
        raise _refused(f": {start}")
    return (Revision(revision) if revision > 0 else LATEST), prefix + start


def gone(prefix: str, key: str) -> Expired:
    """Return the error for a token whose revision is gone, with one that goes on from the same place regardless."""
    return Expired(_GONE, metadata={"continue": encode_token(LATEST, prefix, key)})


def _refused(why: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid{why}")
