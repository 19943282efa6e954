"""Who asks: client certificates and bearer tokens become an identity, everything else is 401.

Takes a request's peer certificate (already verified against the cluster's CA by TLS) and its Authorization header;
gives user name and groups. A certificate that names somebody is heard first, whatever token is there, as upstream.
``read_token_file`` takes tokens from a file in upstream's format; ``tokens`` knows those of service accounts.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

import csv
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from podbay.api.errors import Unauthorized
from podbay.wire.http import Request

AUTHENTICATED: Final = "system:authenticated"
SERVICE_ACCOUNT_PREFIX: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user, the groups it is in, and what else is known of it."""

    user: str
    groups: frozenset[str] = frozenset()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def as_user_info(self) -> dict[str, Any]:
        """Return it as the API tells it; who is anybody at all comes last of the groups."""
        groups = sorted(self.groups, key=lambda group: (group == AUTHENTICATED, group))
        extra = {key: list(values) for key, values in sorted(self.extra.items())}
        parts = {"username": self.user, "uid": self.uid, "groups": groups, "extra": extra}
        return {name: value for name, value in parts.items() if value}


def authenticate(request: Request, bearer: Callable[[str], Identity | None]) -> Identity:
    """Return who sent a request; ``bearer`` tells whose a token is. Raises Unauthorized."""
    if request.peer is not None and request.peer.common_name:
        return _authenticated(Identity(request.peer.common_name, frozenset(request.peer.organizations)))
    authorization = request.headers.get("Authorization")
    if authorization:
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            found = bearer(presented.strip())
            if found is not None:
                return _authenticated(found)
    raise Unauthorized("Unauthorized")


def find_token(presented: str, tokens: Mapping[str, Identity]) -> Identity | None:
    """Return whose a token of the file is, in a time that does not depend on how much of it is right."""
    given = presented.encode(errors="surrogateescape")
    found = [identity for token, identity in tokens.items() if hmac.compare_digest(token.encode(), given)]
    return _authenticated(found[0]) if found else None


def _authenticated(identity: Identity) -> Identity:
    return replace(identity, groups=identity.groups | {AUTHENTICATED})


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
        token, user, uid, *groups = record
        if token:
            tokens[token] = Identity(user, frozenset(groups[0].split(",")) if groups else frozenset(), uid=uid)
    return tokens
