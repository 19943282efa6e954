"""What pods have besides the common verbs: binding to a node; and how a namespace is finalized.

Takes a call with a Binding or a Namespace in its body; gives a Status, or the namespace.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
"""

from typing import Any

from podbay.api import resources
from podbay.api.errors import BadRequest, Conflict
from podbay.api.validation import validate_create
from podbay.apiserver import strategy
from podbay.apiserver.bodies import decode_object, field_validation
from podbay.apiserver.storage.objects import conflict
from podbay.apiserver.verbs.call import Call, respond, respond_bytes, respond_entry
from podbay.apiserver.verbs.write import raise_invalid
from podbay.wire import json
from podbay.wire.http import Response
from podbay.wire.times import format_time


async def bind(call: Call) -> Response:
    """Give a pod its node: once, and only while it lives. Answer 201."""
    binding, warnings = decode_object(call.request, "v1", "Binding", field_validation(call.info.query))
    name = call.info.name or binding["metadata"].get("name", "")
    if binding["metadata"].get("name", name) != name:
        raise BadRequest("name in URL does not match name in Binding object")
    binding["metadata"].setdefault("name", name)
    raise_invalid(resources.BINDINGS, binding, validate_create(resources.BINDINGS, binding))
    node = binding.get("target", {}).get("name", "")
    while True:
        entry = await call.objects.get(resources.PODS, call.info.namespace, name)
        pod = entry.object()
        _bind(pod, binding, node, format_time(call.clock.now()))
        if call.is_dry_run:
            break
        try:
            await call.objects.update(resources.PODS, entry, pod)
            break
        except Conflict:
            continue  # changed meanwhile: look again whether it may be bound
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return respond_bytes(call, json.encode(status), status=201, warnings=warnings)


def _bind(pod: dict[str, Any], binding: dict[str, Any], node: str, now: str) -> None:
    metadata, spec = pod["metadata"], pod["spec"]
    wanted = binding["metadata"].get("uid")
    why = ""
    if wanted and wanted != metadata["uid"]:
        why = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {metadata['uid']}"
    elif "deletionTimestamp" in metadata:
        why = f"pod {metadata['name']} is being deleted, cannot be assigned to a host"
    elif spec.get("nodeName"):
        why = f'pod {metadata["name"]} is already assigned to node "{spec["nodeName"]}"'
    elif spec.get("schedulingGates"):
        why = f"pod {metadata['name']} has non-empty .spec.schedulingGates"
    if why:
        error = conflict(resources.PODS, metadata["name"], why)
        raise Conflict(error.message.replace("on pods ", "on pods/binding ", 1), details=error.details)
    spec["nodeName"] = node
    for part in ("annotations", "labels"):
        added = binding["metadata"].get(part)
        if added:
            metadata[part] = (metadata.get(part) or {}) | added
    conditions = pod.setdefault("status", {}).setdefault("conditions", [])
    scheduled = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    for index, condition in enumerate(conditions):
        if condition["type"] == "PodScheduled":
            conditions[index] = scheduled
            return
    conditions.append(scheduled)


async def finalize_namespace(call: Call) -> Response:
    """Take a namespace's finalizers from the body; a namespace that is going and has none left goes."""
    namespace, warnings = decode_object(call.request, "v1", "Namespace", field_validation(call.info.query))
    entry = await call.objects.get(resources.NAMESPACES, "", call.info.name)
    obj = entry.object()
    version = namespace["metadata"].get("resourceVersion")
    if version and version != str(entry.revision):
        raise conflict(resources.NAMESPACES, entry.name)
    obj["spec"] = {"finalizers": (namespace.get("spec") or {}).get("finalizers") or []}
    if call.is_dry_run:
        return respond(call, json.encode(obj), warnings=warnings)
    if strategy.is_finished(resources.NAMESPACES, obj):
        await call.objects.delete(resources.NAMESPACES, entry)
        return respond(call, json.encode(obj), warnings=warnings)
    return respond_entry(call, await call.objects.update(resources.NAMESPACES, entry, obj), warnings=warnings)
