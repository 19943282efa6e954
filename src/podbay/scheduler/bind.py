"""What the scheduler writes: a pod's node, or why it has none.

Takes a pod and a decision; gives a Binding or a PodScheduled condition to the API server, for the very pod that was
decided on: its uid goes along as a precondition.
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


async def write_condition(rest: Rest, pod: Object, condition: Object) -> None:
    """Set one condition of a pod, unless it is gone. Raises StatusError, TransportError."""
    metadata = pod["metadata"]
    changes = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [condition]}}
    try:
        await rest.patch(PODS, metadata["name"], changes, namespace=metadata["namespace"], subresource="status")
    except (NotFound, Conflict):
        return  # it is gone, or another pod has its name
