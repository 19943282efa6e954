"""DELETE and deletecollection: with preconditions, grace period and finalizers.

Takes a call with DeleteOptions; gives the object that is going, or a Status.
Invariant: an object with finalizers, or a pod with a grace period, is only marked; it goes when nothing holds it.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/ ,
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

import contextlib
from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import Conflict, NotFound
from podbay.apiserver import strategy
from podbay.apiserver.admission import admit_delete
from podbay.apiserver.bodies import decode_options
from podbay.apiserver.options import delete_options
from podbay.apiserver.priority import admit_class_delete
from podbay.apiserver.storage.entry import Entry, converted
from podbay.apiserver.verbs.call import Call, respond, respond_bytes
from podbay.apiserver.verbs.read import find, respond_list
from podbay.wire import json
from podbay.wire.http import Response

_TRIES: Final = 8


async def delete(call: Call) -> Response:
    """Delete one object, or begin to."""
    options = _options(call)
    admit_delete(call.resource, call.info.name)
    admit_class_delete(call.resource, call.info.name)
    going = call.resource is resources.NAMESPACES
    async with call.objects.gates.closing(call.info.name) if going else contextlib.nullcontext():
        gone, data = await delete_object(call, call.info.namespace, call.info.name, options)
    if gone and not strategy.returns_deleted_object(call.resource):
        return respond_bytes(call, json.encode(_status(call, json.decode(data))))
    accepted = not gone and options.get("orphanDependents") is False  # all that old clients are told of it
    return respond(call, data, status=202 if accepted else 200)


async def delete_collection(call: Call) -> Response:
    """Delete what a list of the same query would show; answer with that list."""
    options = _options(call)
    entries, metadata = await find(call)
    for entry in entries:
        with contextlib.suppress(NotFound):  # somebody was quicker
            await delete_object(call, entry.namespace, entry.name, options)
    return await respond_list(call, entries, metadata)


async def delete_object(call: Call, namespace: str, name: str, options: dict[str, Any]) -> tuple[bool, bytes]:
    """Delete or mark one object; return whether it is gone, and its bytes."""
    resource = call.resource
    for attempt in range(_TRIES):
        entry = await call.objects.get(resource, namespace, name)
        check_preconditions(call, entry, options)
        obj = entry.object()
        grace_s = strategy.grace_period_s(resource, obj, options.get("gracePeriodSeconds"))
        now = call.clock.now()
        held = bool(obj["metadata"].get("finalizers"))
        if resource is resources.NAMESPACES:
            held = held or bool(obj.get("spec", {}).get("finalizers"))
        dry_run = bool(options.get("dryRun"))
        try:
            if not held and not grace_s:
                if not dry_run:
                    await call.objects.delete(resource, entry)
                return True, entry.data_as(resource)
            if not strategy.mark_deleted(obj, grace_s, now):
                return False, entry.data_as(resource)
            if resource is resources.NAMESPACES:
                obj["metadata"].pop("deletionGracePeriodSeconds", None)
                obj.setdefault("status", {})["phase"] = "Terminating"
            if dry_run:
                return False, json.encode(converted(obj, resource))
            marked = await call.objects.update(resource, entry, converted(obj, resource.storage))
        except Conflict:
            if attempt == _TRIES - 1:
                raise
            continue
        return False, marked.data_as(resource)
    raise AssertionError("unreachable")


def _options(call: Call) -> dict[str, Any]:
    query = call.info.query
    given = decode_options(call.request)
    if given is not None:
        call.record.request_object({"kind": "DeleteOptions", "apiVersion": "v1", **given})
    options = delete_options(given, query)
    if not options.get("dryRun") and query.all("dryRun"):  # clients that say it beside a body mean it
        options = delete_options({**options, "dryRun": query.all("dryRun")}, query)
    return options


def check_preconditions(call: Call, entry: Entry, options: dict[str, Any]) -> None:
    """Refuse to delete another object, or version of it, than was meant. Raises Conflict."""
    wanted = options.get("preconditions") or {}
    metadata = entry.object()["metadata"]
    uid, version = wanted.get("uid"), wanted.get("resourceVersion")
    if uid is not None and uid != metadata["uid"]:
        raise _unlike(call, entry, "UID", uid, metadata["uid"], "deleted and then recreated")
    if version is not None and version != metadata["resourceVersion"]:
        raise _unlike(call, entry, "ResourceVersion", version, metadata["resourceVersion"], "modified")


def _unlike(call: Call, entry: Entry, what: str, wanted: str, found: str, perhaps: str) -> Conflict:
    kind = f"{call.resource.kind}.{call.resource.group}" if call.resource.group else call.resource.kind
    why = f"the {what} in the precondition ({wanted}) does not match the {what} in record ({found})."
    details = {"name": entry.name, "kind": call.resource.kind}
    if call.resource.group:
        details["group"] = call.resource.group
    return Conflict(
        f'Operation cannot be fulfilled on {kind} "{entry.name}": {why} The object might have been {perhaps}',
        details=details,
    )


def _status(call: Call, obj: dict[str, Any]) -> dict[str, Any]:
    resource = call.resource
    details = {"name": obj["metadata"]["name"], "kind": resource.plural, "uid": obj["metadata"]["uid"]}
    if resource.group:
        details["group"] = resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
