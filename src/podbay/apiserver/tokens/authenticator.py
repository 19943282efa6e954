"""Whose a bearer token is: one of the file's, or a service account's.

Takes a token and the audiences that ask; gives an identity and which of these audiences the token is for, or
TokenProblem. Holds the key that signs.
Invariant: a service account's token counts only with the cluster's signature, for an audience that asks, in its time,
and while what it is bound to is there.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.resources import Resource
from podbay.apiserver.identity import Identity, find_token
from podbay.apiserver.storage.objects import Objects
from podbay.apiserver.tokens.claims import ISSUER, TokenProblem, holder, shared_audiences
from podbay.apiserver.tokens.jwt import NotSigned, issuer_of, verified
from podbay.apiserver.tokens.keys import SigningKey
from podbay.lib.clock import Clock

AUDIENCES: Final = (ISSUER,)
_UNKNOWN: Final = "invalid bearer token"


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose a token is, and for whom it was meant."""

    identity: Identity
    audiences: tuple[str, ...]


class TokenAuthenticator:
    """See the module."""

    def __init__(self, tokens: Mapping[str, Identity], key: SigningKey, objects: Objects, clock: Clock) -> None:
        self.key = key
        self._tokens = tokens
        self._objects = objects
        self._clock = clock

    def bearer(self, token: str) -> Identity | None:
        """Return who may come in by a token, or None."""
        try:
            return self.authenticate(token, AUDIENCES).identity
        except TokenProblem:
            return None

    def authenticate(self, token: str, audiences: Sequence[str]) -> Authenticated:
        """Return whose a token is. Raises TokenProblem."""
        known = find_token(token, self._tokens)
        if known is not None:
            return Authenticated(known, self._own(audiences))
        if issuer_of(token) != ISSUER:
            raise TokenProblem(_UNKNOWN)
        try:
            claims = verified(token, self.key)
            shared = shared_audiences(claims, audiences)
            identity = holder(claims, self._clock.now(), self._look_up)
        except NotSigned:
            raise TokenProblem(f"[{_UNKNOWN}, go-jose/go-jose: error in cryptographic primitive]") from None
        except TokenProblem as problem:
            raise TokenProblem(f"[{_UNKNOWN}, {problem}]") from None
        return Authenticated(identity, tuple(shared))

    def _own(self, audiences: Sequence[str]) -> tuple[str, ...]:
        """Return which of some audiences the API server is: the file's tokens are for it alone."""
        found = tuple(audience for audience in AUDIENCES if audience in audiences)
        if not found:
            raise TokenProblem(_UNKNOWN)
        return found

    def _look_up(self, resource: Resource, namespace: str, name: str) -> dict[str, Any] | None:
        entry = self._objects.cache.of(resource).entries.get(self._objects.key(resource, namespace, name))
        return None if entry is None else entry.object()
