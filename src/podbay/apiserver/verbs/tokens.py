"""CREATE of serviceaccounts/token: a token for an account, bound to a pod, a secret or a node if that is asked.

Takes a call with a TokenRequest in its body; gives it back with the token. Nothing is stored.
Invariant: a token that is bound to a pod is of the account that the pod acts as.
Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/ ; upstream's
``pkg/registry/core/serviceaccount/storage/token.go``.
"""

import uuid
from datetime import timedelta
from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import BadRequest, Conflict, NotFound
from podbay.api.validation.field_errors import invalid
from podbay.api.validation.tokens import validate_token_request
from podbay.apiserver.authorization import node_name
from podbay.apiserver.node_restriction import admit_node_token
from podbay.apiserver.tokens.authenticator import AUDIENCES, TokenAuthenticator
from podbay.apiserver.tokens.claims import Bound, claims_for
from podbay.apiserver.tokens.jwt import signed
from podbay.apiserver.verbs.call import Call, decode_body, respond
from podbay.apiserver.verbs.write import raise_invalid
from podbay.wire import json
from podbay.wire.http import Response
from podbay.wire.times import format_time

_LASTS_S: Final = 3600
_INJECTED_S: Final = 3607  # the life of the token that every pod is given: clients that read it once get a year
_EXTENDED_S: Final = 365 * 24 * 3600


async def request_token(call: Call, tokens: TokenAuthenticator) -> Response:
    """Answer 201 with a token. Raises BadRequest, Invalid, NotFound, Conflict, Forbidden."""
    asked, warnings = decode_body(call, resources.TOKEN_REQUESTS)
    name, namespace, now = call.info.name, call.info.namespace, call.clock.now()
    _check_place(asked, name, namespace)
    account = (await call.objects.get(resources.SERVICE_ACCOUNTS, namespace, name)).object()
    spec = asked["spec"]
    spec["audiences"] = spec.get("audiences") or list(AUDIENCES)
    spec.setdefault("expirationSeconds", _LASTS_S)
    raise_invalid(resources.TOKEN_REQUESTS, {"metadata": {}}, validate_token_request(asked))
    if node := node_name(call.identity):
        await _admit_node(call, node, asked)
    bound = await _bound(call, spec.get("boundObjectRef"))
    lasts_s, warn_after_s = spec["expirationSeconds"], 0
    if bound.pod is not None and lasts_s == _INJECTED_S and set(spec["audiences"]) <= set(AUDIENCES):
        lasts_s, warn_after_s = _EXTENDED_S, lasts_s
    claims = claims_for(
        account,
        bound,
        spec["audiences"],
        now_s=int(now.timestamp()),
        lasts_s=lasts_s,
        warn_after_s=warn_after_s,
        uid=str(uuid.uuid4()),
    )
    given = {
        **asked,
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": format_time(now)},
        "spec": {**spec, "boundObjectRef": spec.get("boundObjectRef")},
        "status": {
            "token": signed(claims, tokens.key),
            "expirationTimestamp": format_time(now + timedelta(seconds=spec["expirationSeconds"])),
        },
    }
    return respond(call, json.encode(given), status=201, warnings=warnings)


def _check_place(asked: dict[str, Any], name: str, namespace: str) -> None:
    for field, wanted, what in (("name", name, "name"), ("namespace", namespace, "namespace")):
        given = asked["metadata"].get(field)
        if given and given != wanted:
            cause = invalid(f"metadata.{field}", given, f"must match the service account {what} if specified")
            raise_invalid(resources.TOKEN_REQUESTS, {"metadata": {"name": name}}, [cause])


async def _bound(call: Call, reference: dict[str, Any] | None) -> Bound:
    """Return what a token is to be bound to, which must be what the reference says."""
    if reference is None:
        return Bound()
    group, _, version = reference.get("apiVersion", "").rpartition("/")
    kind, name, namespace = reference.get("kind", ""), reference.get("name", ""), call.info.namespace
    match group, kind:
        case "", "Pod":
            found = (await call.objects.get(resources.PODS, namespace, name)).object()
            if found["spec"].get("serviceAccountName", "") != call.info.name:
                raise BadRequest(
                    f'cannot bind token for serviceaccount "{call.info.name}" to pod running with different'
                    " serviceaccount name."
                )
            bound = Bound(pod=found, node=await _node_of(call, found))
        case "", "Node":
            found = (await call.objects.get(resources.NODES, "", name)).object()
            bound = Bound(node=found)
        case "", "Secret":
            found = (await call.objects.get(resources.SECRETS, namespace, name)).object()
            bound = Bound(secret=found)
        case _:
            raise BadRequest(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
    uid = reference.get("uid")
    if uid and uid != found["metadata"]["uid"]:
        raise Conflict(
            f'Operation cannot be fulfilled on {kind} "{name}": {_uid_problem(uid)}',
            details={"name": name, "kind": kind},
        )
    return bound


async def _node_of(call: Call, pod: dict[str, Any]) -> dict[str, Any] | None:
    """Return the node that a pod is on; of one that is not there, only its name."""
    node = pod["spec"].get("nodeName")
    if not node:
        return None
    try:
        return (await call.objects.get(resources.NODES, "", node)).object()
    except NotFound:
        return {"metadata": {"name": node}}


async def _admit_node(call: Call, node: str, asked: dict[str, Any]) -> None:
    """Let a node ask only for pods that it runs."""
    reference = asked["spec"].get("boundObjectRef") or {}
    pod = None
    if reference.get("kind") == "Pod" and reference.get("name"):
        pod = (await call.objects.get(resources.PODS, call.info.namespace, reference["name"])).object()
    own = [] if asked["spec"]["audiences"] == list(AUDIENCES) else asked["spec"]["audiences"]
    admit_node_token(node, call.info.name, reference, pod, own)


def _uid_problem(uid: str) -> str:
    return (
        f"the UID in the bound object reference ({uid}) does not match the UID in record. The object might have been"
        " deleted and then recreated"
    )
