"""DELETE and deletecollection: with preconditions, grace period and finalizers.

Takes a call with DeleteOptions; gives the object that is going, or a Status.
Invariant: an object with finalizers, or a pod with a grace period, is only marked; it goes when nothing holds it.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/ ,
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import BadRequest, Cause, Conflict, Invalid, NotFound
from podbay.apiserver import strategy
from podbay.apiserver.admission import admit_delete
from podbay.apiserver.bodies import decode_options
from podbay.apiserver.storage.entry import Entry, converted
from podbay.apiserver.storage.objects import conflict
from podbay.apiserver.verbs.call import Call, respond, respond_bytes
from podbay.apiserver.verbs.read import list_
from podbay.apiserver.verbs.selection import selection
from podbay.store.interface import prefix_end
from podbay.wire import json
from podbay.wire.http import Response

_POLICIES: Final = ("Orphan", "Background", "Foreground")
_TRIES: Final = 8


async def delete(call: Call) -> Response:
    """Delete one object, or begin to."""
    options = _options(call)
    admit_delete(call.resource, call.info.name)
    gone, data = await _delete(call, call.info.namespace, call.info.name, options)
    if gone and not strategy.returns_deleted_object(call.resource):
        return respond_bytes(call, json.encode(_status(call, json.decode(data))))
    return respond(call, data)


async def delete_collection(call: Call) -> Response:
    """Delete every selected object; answer with the list of them."""
    options = _options(call)
    wanted = selection(call.resource, call.info)
    answer = await list_(call)
    prefix = call.objects.key(call.resource, wanted.namespace, "")
    entries = call.objects.cache.of(call.resource).between(prefix, prefix_end(prefix))
    found = [(entry.namespace, entry.name) for entry in entries if wanted.matches(entry)]
    for namespace, name in found:
        try:
            await _delete(call, namespace, name, options)
        except NotFound:
            continue  # somebody was quicker
    return answer


async def _delete(call: Call, namespace: str, name: str, options: dict[str, Any]) -> tuple[bool, bytes]:
    """Delete or mark one object; return whether it is gone, and its bytes."""
    resource = call.resource
    for attempt in range(_TRIES):
        entry = await call.objects.get(resource, namespace, name)
        _check_preconditions(call, entry, options)
        obj = entry.object()
        grace_s = strategy.grace_period_s(resource, obj, options.get("gracePeriodSeconds"))
        now = call.clock.now()
        held = bool(obj["metadata"].get("finalizers"))
        if resource is resources.NAMESPACES:
            held = held or bool(obj.get("spec", {}).get("finalizers"))
        if call.is_dry_run or options.get("dryRun"):  # clients say it in either place
            return not (held or grace_s), entry.data_as(resource)
        try:
            if not held and not grace_s:
                await call.objects.delete(resource, entry)
                return True, entry.data_as(resource)
            if not strategy.mark_deleted(obj, grace_s, now):
                return False, entry.data_as(resource)
            if resource is resources.NAMESPACES:
                obj["metadata"].pop("deletionGracePeriodSeconds", None)
                obj.setdefault("status", {})["phase"] = "Terminating"
            marked = await call.objects.update(resource, entry, converted(obj, resource.storage))
        except Conflict:
            if attempt == _TRIES - 1:
                raise
            continue
        return False, marked.data_as(resource)
    raise AssertionError("unreachable")


def _options(call: Call) -> dict[str, Any]:
    options = decode_options(call.request, call.resource)
    query = call.info.query
    if not call.request.body:
        for name in ("gracePeriodSeconds", "propagationPolicy"):
            if name in query:
                options[name] = _seconds(query[name]) if name == "gracePeriodSeconds" else query[name]
    problems = []
    policy = options.get("propagationPolicy")
    if policy is not None and policy not in _POLICIES:
        message = f'Unsupported value: "{policy}": supported values: "Orphan", "Background", "Foreground"'
        problems.append(Cause("FieldValueNotSupported", message, "propagationPolicy"))
    wrong = [value for value in options.get("dryRun", ()) if value != "All"]
    if wrong:
        message = f'Unsupported value: "{wrong[0]}": supported values: "All"'
        problems.append(Cause("FieldValueNotSupported", message, "dryRun"))
    if problems:
        raise Invalid(
            f'DeleteOptions.meta.k8s.io "" is invalid: {problems[0].field}: {problems[0].message}',
            details={"group": "meta.k8s.io", "kind": "DeleteOptions"},
            causes=problems,
        )
    return options


def _seconds(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _check_preconditions(call: Call, entry: Entry, options: dict[str, Any]) -> None:
    wanted = options.get("preconditions") or {}
    metadata = entry.object()["metadata"]
    uid, version = wanted.get("uid"), wanted.get("resourceVersion")
    if uid and uid != metadata["uid"]:
        raise conflict(
            call.resource,
            entry.name,
            f"Precondition failed: UID in precondition: {uid}, UID in object meta: {metadata['uid']}",
        )
    if version and version != metadata["resourceVersion"]:
        raise conflict(
            call.resource,
            entry.name,
            f"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta:"
            f" {metadata['resourceVersion']}",
        )


def _status(call: Call, obj: dict[str, Any]) -> dict[str, Any]:
    resource = call.resource
    details = {"name": obj["metadata"]["name"], "kind": resource.plural, "uid": obj["metadata"]["uid"]}
    if resource.group:
        details["group"] = resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
