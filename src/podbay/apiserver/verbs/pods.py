"""What pods have besides the common verbs: binding to a node.

Takes a call with a Binding in its body; gives a Status. Invariant: a pod gets one node, once, while it lives.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
"""

from typing import Any

from podbay.api import resources
from podbay.api.errors import BadRequest, Conflict
from podbay.api.validation import validate_create
from podbay.apiserver.storage.objects import conflict
from podbay.apiserver.verbs.call import Call, decode_body, respond_success
from podbay.apiserver.verbs.write import check_namespace, raise_invalid
from podbay.wire.http import Response
from podbay.wire.times import format_time


async def bind(call: Call) -> Response:
    """Give a pod its node: once, and only while it lives. Answer 201."""
    binding, warnings = decode_body(call, resources.BINDINGS)
    name = binding["metadata"].get("name", "")
    if call.info.name and call.info.name != name:
        raise BadRequest("name in URL does not match name in Binding object")
    if not name:
        raise BadRequest("Name parameter required.")
    check_namespace(resources.BINDINGS, binding, call.info.namespace)
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
    return respond_success(call, warnings)


def _bind(pod: dict[str, Any], binding: dict[str, Any], node: str, now: str) -> None:
    metadata, spec = pod["metadata"], pod["spec"]
    for field, what in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted, found = binding["metadata"].get(field), metadata[field]
        if wanted and wanted != found:
            why = f"Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {found}"
            raise conflict(resources.PODS, metadata["name"], why)
    why = ""
    if "deletionTimestamp" in metadata:
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
