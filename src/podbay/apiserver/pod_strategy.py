"""What is special about pods on their way into the store: what a new one is given, and what its subresources change.

Pure. Takes the new pod and the old one; changes the new one in place. Called after decoding and before validation.
Invariant: a new pod says nothing of its own of how it is; what is wanted of a pod changes its generation, through
whichever subresource it comes.
Source: upstream's pod strategies, and its admission of default tolerations.
"""

from typing import Any, Final

from podbay.api.qos import qos_class
from podbay.api.taints import NOT_READY, UNREACHABLE

Object = dict[str, Any]

_GATED: Final = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
    "lastProbeTime": None,
    "lastTransitionTime": None,
}


def prepare_pod(pod: Object) -> None:
    """Reset what a client may not set of a new pod, and settle what is settled once."""
    pod["metadata"]["generation"] = 1
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod)}
    _admit_pod(pod)
    _settle_label_keys(pod)
    if pod.get("spec", {}).get("schedulingGates"):
        pod["status"]["conditions"] = [dict(_GATED)]


def prepare_ephemeral(new: Object, old: Object) -> None:
    """Keep everything but the ephemeral containers."""
    wanted = (new.get("spec") or {}).get("ephemeralContainers") or []
    _begin_with(new, old)
    new["spec"]["ephemeralContainers"] = wanted
    count_generation(new, old)


def prepare_resize(new: Object, old: Object) -> None:
    """Keep everything but what containers ask for and how that may change; who is there is validation's matter."""
    wanted = {kind: (new.get("spec") or {}).get(kind) or [] for kind in ("containers", "initContainers")}
    _begin_with(new, old)
    for kind, containers in wanted.items():
        before = old["spec"].get(kind) or []
        if [each.get("name") for each in containers] != [each.get("name") for each in before]:
            new["spec"][kind] = containers
        elif containers:
            pairs = zip(containers, before, strict=True)
            new["spec"][kind] = [_with_resources(previous, container) for container, previous in pairs]
    count_generation(new, old)


def count_generation(new: Object, old: Object) -> None:
    """Count a change of what is wanted, through whichever subresource it came."""
    if new.get("spec") != old.get("spec"):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _begin_with(new: Object, old: Object) -> None:
    """Make a pod what it was; its metadata and spec can be changed without the old one's."""
    new.clear()
    new |= {**old, "metadata": dict(old["metadata"]), "spec": dict(old["spec"])}


def _with_resources(container: Object, wanted: Object) -> Object:
    fixed = {name: value for name, value in container.items() if name not in ("resources", "resizePolicy")}
    return fixed | {name: wanted[name] for name in ("resources", "resizePolicy") if name in wanted}


def _admit_pod(pod: Object) -> None:
    """Let a pod tolerate a lost node for five minutes, as upstream's default admission does."""
    spec = pod.get("spec", {})
    tolerations = spec.setdefault("tolerations", [])
    for key in (NOT_READY, UNREACHABLE):
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})


def _settle_label_keys(pod: Object) -> None:
    """Put the values that the pod's own labels have into the selectors of its affinity, as they are now."""
    labels = pod["metadata"].get("labels") or {}
    affinity = pod.get("spec", {}).get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        weighted = terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        for term in [
            *(terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ()),
            *(one.get("podAffinityTerm") or {} for one in weighted),
        ]:
            selector = term.get("labelSelector")
            if selector is None:
                continue
            for name, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
                selector["matchExpressions"] = [
                    *(selector.get("matchExpressions") or ()),
                    *(
                        {"key": k, "operator": operator, "values": [labels[k]]}
                        for k in term.get(name) or ()
                        if k in labels
                    ),
                ]
            if not selector["matchExpressions"]:
                del selector["matchExpressions"]


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")
