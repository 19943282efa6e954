"""Who asks: client certificates and bearer tokens become an identity, everything else is 401.

Takes a request's peer certificate (already verified against the cluster's CA by TLS) and its Authorization header;
gives user name and groups. A certificate that names somebody is heard first, whatever token is there, as upstream.
``read_token_file`` takes the tokens from a file in upstream's format.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

import csv
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from podbay.api.errors import Unauthorized
from podbay.wire.http import Request

AUTHENTICATED: Final = "system:authenticated"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and the groups it is in."""

    user: str
    groups: frozenset[str] = frozenset()


def authenticate(request: Request, tokens: Mapping[str, Identity]) -> Identity:
    """Return who sent a request. Raises Unauthorized."""
    if request.peer is not None and request.peer.common_name:
        return _authenticated(Identity(request.peer.common_name, frozenset(request.peer.organizations)))
    authorization = request.headers.get("Authorization")
    if authorization:
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            for token, identity in tokens.items():
                if hmac.compare_digest(token.encode(), presented.strip().encode(errors="surrogateescape")):
                    return _authenticated(identity)
    raise Unauthorized("Unauthorized")


def _authenticated(identity: Identity) -> Identity:
    return Identity(identity.user, identity.groups | {AUTHENTICATED})


def read_token_file(text: str) -> dict[str, Identity]:
    """Return the identities of a file of lines ``token,user,uid[,"group,group"]``. Raises ValueError."""
    tokens: dict[str, Identity] = {}
    for number, record in enumerate(csv.reader(text.splitlines(), skipinitialspace=True), start=1):
        if not record:
            continue
        if len(record) < 3:
            raise ValueError(
                f"line {number} must have at least 3 columns (token, user name, user uid), found {len(record)}"
            )
        token, user, _, *groups = record
        if token:
            tokens[token] = Identity(user, frozenset(groups[0].split(",")) if groups else frozenset())
    return tokens
