"""What the scheduler writes: a pod's node, or why it has none; and the end of pods that make room.

Takes a pod and a decision; gives a Binding, a PodScheduled condition or a deletion to the API server, for the very pod
that was decided on: its uid goes along as a precondition.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/binding-v1/
"""

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import PODS
from podbay.client.rest import Object, Rest


async def bind(rest: Rest, pod: Object, node: str) -> None:
    """Give a pod its node. Raises StatusError (Conflict if it has one already), TransportError."""
    metadata = pod["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, "namespace": namespace, "uid": metadata["uid"]},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }
    await rest.create(PODS, binding, namespace=namespace, name=name, subresource="binding")


async def write_status(rest: Rest, pod: Object, changed: Object) -> None:
    """Change a pod's status by a strategic merge patch, unless it is gone. Raises StatusError, TransportError."""
    metadata = pod["metadata"]
    changes = {"metadata": {"uid": metadata["uid"]}, "status": changed}
    try:
        await rest.patch(PODS, metadata["name"], changes, namespace=metadata["namespace"], subresource="status")
    except (NotFound, Conflict):
        return  # it is gone, or another pod has its name


async def evict(rest: Rest, victim: Object, preemptor: Object, now: str) -> None:
    """Say on a pod why it has to go, and delete it with its grace period. Raises StatusError, TransportError."""
    metadata = victim["metadata"]
    scheduler = preemptor["spec"].get("schedulerName", "")
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "message": f"{scheduler}: preempting to accommodate a higher priority pod",
        "lastProbeTime": None,
        "lastTransitionTime": now,
    }
    await write_status(rest, victim, {"conditions": [condition]})
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": metadata["uid"]}}
    try:
        await rest.delete(PODS, metadata["name"], namespace=metadata["namespace"], options=options)
    except (NotFound, Conflict):
        return  # it is gone, or another pod has its name
