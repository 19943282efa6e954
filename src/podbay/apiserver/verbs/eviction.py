"""CREATE of pods/eviction: a deletion that disruption budgets may refuse, and that says on the pod who asked for it.

Takes a call with an Eviction in its body; gives a Status.
Invariant: a pod that is ending or has ended gets no condition, and no budget is asked; its deletion is asked for all
the same. A pod that no budget counts goes only as it was when that was decided.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
"""

from typing import Any, Final

from podbay.api import resources
from podbay.api.errors import BadRequest, Conflict
from podbay.apiserver.disruption import book_disruption, still_processed
from podbay.apiserver.options import delete_options
from podbay.apiserver.verbs.call import Call, decode_body, respond_success
from podbay.apiserver.verbs.delete import check_preconditions, delete_object
from podbay.wire.http import Response
from podbay.wire.times import format_time

_TRIES: Final = 20
_CONDITION: Final = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
    "lastProbeTime": None,
}


async def evict(call: Call) -> Response:
    """Mark a pod as a target of disruption, and delete it. Raises BadRequest, NotFound, Conflict, TooManyRequests."""
    eviction, warnings = decode_body(call, resources.EVICTIONS)
    name = eviction["metadata"].get("name") or ""
    if name and name != call.info.name:
        raise BadRequest("name in URL does not match name in Eviction object")
    options = delete_options(eviction.get("deleteOptions") or {}, call.info.query)
    if call.options.dry_run:
        options["dryRun"] = ["All"]
    if not await _evict_uncounted(call, options):
        await _evict_counted(call, options)
    return respond_success(call, warnings)


async def _evict_uncounted(call: Call, options: dict[str, Any]) -> bool:
    """Evict a pod that no budget counts because it does not run; tell whether it is one."""
    for attempt in range(_TRIES):
        pod = (await call.objects.get(resources.PODS, call.info.namespace, call.info.name)).object()
        is_ending = _is_ending(pod)
        if not is_ending and (pod.get("status") or {}).get("phase") != "Pending":
            break
        try:
            await _delete(call, options if is_ending or _is_pinned(options) else _pinned(options, pod))
        except Conflict:
            # Of one that has not run yet another version may be a ready one: it is looked at anew.
            if _is_pinned(options) or attempt == _TRIES - 1:
                raise
        else:
            return True
    return False


async def _evict_counted(call: Call, options: dict[str, Any]) -> None:
    pod = (await call.objects.get(resources.PODS, call.info.namespace, call.info.name)).object()
    is_dry = bool(options.get("dryRun"))
    only_as_it_is = await book_disruption(call.objects, pod, call.clock.now(), dry_run=is_dry)
    if only_as_it_is is None:
        await _delete(call, options)
        return
    try:
        await _delete(call, _pinned(options, pod))
    except Conflict:
        if _is_pinned(options):
            raise
        raise still_processed(only_as_it_is) from None


async def _delete(call: Call, options: dict[str, Any]) -> None:
    if not options.get("dryRun"):
        options = await _mark(call, options)
    await delete_object(call, call.info.namespace, call.info.name, options)


async def _mark(call: Call, options: dict[str, Any]) -> dict[str, Any]:
    """Mark a pod; return the options with which it can be deleted then."""
    for attempt in range(_TRIES):
        entry = await call.objects.get(resources.PODS, call.info.namespace, call.info.name)
        check_preconditions(call, entry, options)
        pod = entry.object()
        if _is_ending(pod):
            break
        status: dict[str, Any] = pod.setdefault("status", {})
        others = [condition for condition in status.get("conditions") or () if condition["type"] != "DisruptionTarget"]
        status["conditions"] = [*others, {**_CONDITION, "lastTransitionTime": format_time(call.clock.now())}]
        try:
            marked = await call.objects.update(resources.PODS, entry, pod)
        except Conflict:
            if attempt == _TRIES - 1:
                raise
        else:
            return _pinned(options, marked.object()) if _is_pinned(options) else options
    return options


def _is_ending(pod: dict[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"] or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def _is_pinned(options: dict[str, Any]) -> bool:
    """Tell whether only one version of the pod is meant."""
    return (options.get("preconditions") or {}).get("resourceVersion") is not None


def _pinned(options: dict[str, Any], pod: dict[str, Any]) -> dict[str, Any]:
    """Return options that mean this version of the pod."""
    version = pod["metadata"]["resourceVersion"]
    return {**options, "preconditions": {**(options.get("preconditions") or {}), "resourceVersion": version}}
