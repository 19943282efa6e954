"""CREATE of pods/eviction: a deletion that says on the pod that somebody asked it to go.

Takes a call with an Eviction in its body; gives a Status. Disruption budgets, which could say no, are not served yet.
Invariant: a pod that is ending or has ended gets no condition; its deletion is asked for all the same.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import BadRequest, Conflict
from podbay.apiserver.bodies import decode_object
from podbay.apiserver.options import delete_options
from podbay.apiserver.verbs.call import Call, respond_success
from podbay.apiserver.verbs.delete import check_preconditions, delete_object
from podbay.wire.http import Response
from podbay.wire.times import format_time

_TRIES: Final = 5
_CONDITION: Final = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
    "lastProbeTime": None,
}


async def evict(call: Call) -> Response:
    """Mark a pod as a target of disruption, and delete it. Raises BadRequest, NotFound, Conflict."""
    eviction, warnings = decode_object(call.request, resources.EVICTIONS, call.options.field_validation)
    name = eviction["metadata"].get("name") or ""
    if name and name != call.info.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = delete_options(eviction.get("deleteOptions") or {}, call.info.query)
    if call.options.dry_run:
        options["dryRun"] = ["All"]
    if not options.get("dryRun"):
        await _mark(call, options)
    await delete_object(call, call.info.namespace, call.info.name, options)
    return respond_success(call, warnings)


async def _mark(call: Call, options: dict[str, Any]) -> None:
    for attempt in range(_TRIES):
        entry = await call.objects.get(resources.PODS, call.info.namespace, call.info.name)
        check_preconditions(call, entry, options)
        pod = entry.object()
        status: dict[str, Any] = pod.setdefault("status", {})
        if "deletionTimestamp" in pod["metadata"] or status.get("phase") in ("Succeeded", "Failed"):
            return
        others = [condition for condition in status.get("conditions") or () if condition["type"] != "DisruptionTarget"]
        status["conditions"] = [*others, {**_CONDITION, "lastTransitionTime": format_time(call.clock.now())}]
        try:
            marked = await call.objects.update(resources.PODS, entry, pod)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
        else:
            if (options.get("preconditions") or {}).get("resourceVersion") is not None:
                options["preconditions"]["resourceVersion"] = str(marked.revision)
            return
