"""Acting as somebody else: who may speak for all others may ask as one of them, as ``kubectl --as`` does.

Takes the authenticated identity and a request's headers; gives the identity that the request is judged by.
Invariant: nobody but ``system:masters`` becomes anybody else, and nothing of the own rights goes along.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
"""

from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from podbay.api.errors import Forbidden, InternalError
from podbay.apiserver.identity import AUTHENTICATED, SERVICE_ACCOUNT_PREFIX, Identity
from podbay.wire.http import Headers

_EXTRA: Final = "impersonate-extra-"
_UID: Final = "impersonate-uid"
_UNAUTHENTICATED: Final = "system:unauthenticated"
_ANONYMOUS: Final = "system:anonymous"


def impersonated(identity: Identity, headers: Headers) -> Identity:
    """Return who the request is judged as. Raises Forbidden, InternalError."""
    user, groups = headers.get("Impersonate-User"), headers.get_all("Impersonate-Group")
    others = [name for name, _ in headers.items() if name.lower() == _UID or name.lower().startswith(_EXTRA)]
    if not user:
        if groups or others:
            raise InternalError("Internal error occurred: groups, uid or extra were requested without a user")
        return identity
    if "system:masters" not in identity.groups:
        raise _forbidden(identity, user)
    wanted = set(groups or _groups_of(user))
    if user == _ANONYMOUS:
        wanted.add(_UNAUTHENTICATED)
    elif _UNAUTHENTICATED not in wanted:
        wanted.add(AUTHENTICATED)
    return Identity(user, frozenset(wanted), uid=headers.get(_UID), extra=_extra(headers))


def _extra(headers: Headers) -> dict[str, tuple[str, ...]]:
    """Return what else is said of the user; a key is in lower case, and percent-encoded where a header's name must."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in headers.items():
        if name.lower().startswith(_EXTRA):
            key = unquote(name.lower().removeprefix(_EXTRA))
            found[key] = (*found.get(key, ()), value)
    return found


def _groups_of(user: str) -> Iterator[str]:
    """Yield the groups that a service account is in; nobody else's are known."""
    namespace, _, name = user.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
    if user.startswith(SERVICE_ACCOUNT_PREFIX) and namespace and name:
        yield "system:serviceaccounts"
        yield f"system:serviceaccounts:{namespace}"


def _forbidden(identity: Identity, user: str) -> Forbidden:
    namespace, _, account = user.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
    if user.startswith(SERVICE_ACCOUNT_PREFIX) and namespace and account:
        kind, name, place = "serviceaccounts", account, f'in the namespace "{namespace}"'
    else:
        kind, name, place = "users", user, "at the cluster scope"
    return Forbidden(
        f'{kind} "{name}" is forbidden: User "{identity.user}" cannot impersonate resource "{kind}" in API group ""'
        f" {place}",
        details={"name": name, "kind": kind},
    )
