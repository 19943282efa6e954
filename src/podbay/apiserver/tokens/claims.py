"""What a token claims, and whether that is still so.

Pure. Takes an account and what its token is bound to; gives claims. Takes claims, the time and a way to look objects
up; gives who shows the token, or TokenProblem with upstream's words.
Invariant: a token is worth nothing once its account, or the object that it is bound to, is gone or another one has its
name.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens ;
upstream's ``pkg/serviceaccount/claims.go``.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from podbay.api.resources import NODES, PODS, SECRETS, SERVICE_ACCOUNTS, Resource
from podbay.apiserver.identity import AUTHENTICATED, SERVICE_ACCOUNT_PREFIX, Identity
from podbay.wire.times import parse_time

Object = Mapping[str, Any]
Lookup = Callable[[Resource, str, str], Object | None]

ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
LEEWAY_S: Final = 60
_OWN: Final = "kubernetes.io"
_EXTRA: Final = "authentication.kubernetes.io/"
_INVALIDATED: Final = "service account token has been invalidated"


class TokenProblem(Exception):
    """Why a token is not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a token is bound to besides its account: a pod with its node, a secret, or a node."""

    pod: Object | None = None
    secret: Object | None = None
    node: Object | None = None


def claims_for(
    account: Object, bound: Bound, audiences: Sequence[str], *, now_s: int, lasts_s: int, warn_after_s: int, uid: str
) -> dict[str, Any]:
    """Return the claims of a new token. ``warn_after_s`` 0 is no warning."""
    metadata = account["metadata"]
    own: dict[str, Any] = {"namespace": metadata["namespace"], "serviceaccount": _reference(account)}
    for kind in ("node", "pod", "secret"):
        obj = getattr(bound, kind)
        if obj is not None:
            own[kind] = _reference(obj)
    if warn_after_s:
        own["warnafter"] = now_s + warn_after_s
    return {
        "aud": list(audiences),
        "exp": now_s + lasts_s,
        "iat": now_s,
        "iss": ISSUER,
        "jti": uid,
        _OWN: dict(sorted(own.items())),
        "nbf": now_s,
        "sub": f"{SERVICE_ACCOUNT_PREFIX}{metadata['namespace']}:{metadata['name']}",
    }


def shared_audiences(claims: Object, wanted: Sequence[str]) -> list[str]:
    """Return the audiences that a token is for and somebody speaks for. Raises TokenProblem if there are none."""
    own = claims.get("aud") or list(wanted)
    own = [own] if isinstance(own, str) else own
    found = [audience for audience in own if audience in wanted]
    if not found:
        raise TokenProblem(f"token audiences {_listed(own)} is invalid for the target audiences {_listed(wanted)}")
    return found


def holder(claims: Object, now: datetime, look_up: Lookup) -> Identity:
    """Return who shows a token. Raises TokenProblem."""
    now_s = now.timestamp()
    if claims.get("exp") is None or claims["exp"] < now_s - LEEWAY_S:
        raise TokenProblem("service account token has expired")
    if claims.get("nbf", 0) > now_s + LEEWAY_S:
        raise TokenProblem("service account token is not valid yet")
    own = claims.get(_OWN) or {}
    namespace, account = own.get("namespace", ""), own.get("serviceaccount") or {}
    name = account.get("name", "")
    found = look_up(SERVICE_ACCOUNTS, namespace, name)
    if found is None:
        raise TokenProblem(f'serviceaccounts "{name}" not found')
    uid = found["metadata"]["uid"]
    if uid != account.get("uid"):
        raise TokenProblem(f"service account UID ({uid}) does not match claim ({account.get('uid', '')})")
    if _is_past(found, now):
        raise TokenProblem(f"service account {namespace}/{name} has been deleted")
    pod, secret, node = own.get("pod"), own.get("secret"), own.get("node")
    _check_bound(SECRETS, secret, namespace, now, look_up)
    _check_bound(PODS, pod, namespace, now, look_up)
    if not pod:
        _check_bound(NODES, node, "", now, look_up)
    extra = {f"{_EXTRA}credential-id": (f"JTI={claims['jti']}",)} if claims.get("jti") else {}
    for kind, reference in (("node", node), ("pod", pod)):
        for part in ("name", "uid"):
            if reference and reference.get(part):
                extra[f"{_EXTRA}{kind}-{part}"] = (reference[part],)
    groups = {"system:serviceaccounts", f"system:serviceaccounts:{namespace}", AUTHENTICATED}
    return Identity(
        f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}", frozenset(groups), uid=account.get("uid", ""), extra=extra
    )


def _check_bound(resource: Resource, reference: Object | None, namespace: str, now: datetime, look_up: Lookup) -> None:
    """See that what a token is bound to is there and the same. Raises TokenProblem."""
    if not reference:
        return
    found = look_up(resource, namespace, reference.get("name", ""))
    if found is None:
        raise TokenProblem(_INVALIDATED)
    uid, said, kind = found["metadata"]["uid"], reference.get("uid", ""), resource.singular
    if uid != said:
        raise TokenProblem(f"{kind} UID ({uid}) does not match service account {kind} ref claim ({said})")
    if _is_past(found, now):
        raise TokenProblem(_INVALIDATED)


def _is_past(obj: Object, now: datetime) -> bool:
    """Tell whether an object should have been gone for a while."""
    until = obj["metadata"].get("deletionTimestamp")
    return until is not None and parse_time(until) < now - timedelta(seconds=LEEWAY_S)


def _reference(obj: Object) -> dict[str, str]:
    metadata = obj["metadata"]
    return {"name": metadata["name"]} | ({"uid": metadata["uid"]} if metadata.get("uid") else {})


def _listed(audiences: Sequence[str]) -> str:
    """Return a list as Go prints quoted ones."""
    return f"[{' '.join(json.dumps(audience) for audience in audiences)}]"
