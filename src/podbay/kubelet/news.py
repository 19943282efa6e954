"""Whether a newer version of a pod is news to its worker.

Pure. Takes two versions of one pod; gives whether the newer asks for something else, and whether somebody else has told
of it what only its kubelet should say. A worker that would act on every version would act on its own words.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions
"""

from collections.abc import Mapping
from typing import Any, Final

Pod = Mapping[str, Any]

_KUBELETS_OWN: Final = ("Initialized", "Ready", "ContainersReady", "PodReadyToStartContainers")


def asks_otherwise(newer: Pod, older: Pod) -> bool:
    """Tell whether there may be something to do: in the spec, the metadata, or the conditions of readiness gates."""
    return bool(_asked(newer) != _asked(older))


def tells_otherwise(newer: Pod, older: Pod) -> bool:
    """Tell whether the kubelet's own conditions changed, as a node's controller changes those of a silent node."""
    return _told(newer) != _told(older)


def _asked(pod: Pod) -> Any:
    metadata, spec = pod["metadata"], pod["spec"]
    gates = {gate["conditionType"] for gate in spec.get("readinessGates") or ()}
    return (
        spec,
        [condition.get("status") for condition in _conditions(pod) if condition["type"] in gates],
        metadata.get("deletionTimestamp"),
        metadata.get("deletionGracePeriodSeconds"),
        metadata.get("labels"),
        metadata.get("annotations"),
    )


def _told(pod: Pod) -> dict[str, str]:
    return {c["type"]: c["status"] for c in _conditions(pod) if c["type"] in _KUBELETS_OWN}


def _conditions(pod: Pod) -> Any:
    return (pod.get("status") or {}).get("conditions") or ()
