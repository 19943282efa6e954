"""Who asks: client certificates and bearer tokens become an identity, everything else is 401.

Takes a request's peer certificate (already verified against the cluster's CA by TLS) and its Authorization header;
gives user name and groups. A presented token that is wrong is refused even if a certificate is there.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from podbay.api.errors import Unauthorized
from podbay.wire.http import Request


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and the groups it is in."""

    user: str
    groups: frozenset[str] = frozenset()


def authenticate(request: Request, tokens: Mapping[str, Identity]) -> Identity:
    """Return who sent a request. Raises Unauthorized."""
    authorization = request.headers.get("Authorization")
    if authorization:
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            for token, identity in tokens.items():
                if hmac.compare_digest(token.encode(), presented.strip().encode()):
                    return _authenticated(identity)
        raise Unauthorized("Unauthorized")
    if request.peer is not None and request.peer.common_name:
        return _authenticated(Identity(request.peer.common_name, frozenset(request.peer.organizations)))
    raise Unauthorized("Unauthorized")


def _authenticated(identity: Identity) -> Identity:
    return Identity(identity.user, identity.groups | {"system:authenticated"})
