"""A node, described, with what its pods ask of it.

Source: upstream's describer, whose lines these are.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.api.huge_pages import PREFIX
from podbay.api.pod_resources import pod_amounts
from podbay.api.quantity import Quantity, canonical
from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import NONE, Description, Object, full_time

_ROLE: Final = "node-role.kubernetes.io/"
_INFO: Final = (
    ("Machine ID", "machineID"), ("System UUID", "systemUUID"), ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"), ("OS Image", "osImage"), ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"), ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"), ("Kube-Proxy Version", "kubeProxyVersion"),
)  # fmt: skip
Amounts = dict[str, Quantity]


def describe_node(
    node: Object, pods: Sequence[Object] | None, lease: Object | str, events: Sequence[Object] | None, now: datetime
) -> str:
    """Return the description of a node. ``pods`` of None may not be seen; a ``lease`` of text is why there is none."""
    out = Description(now)
    metadata, spec, status = node["metadata"], node.get("spec") or {}, node.get("status") or {}
    labels = metadata.get("labels") or {}
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)}
    roles |= {labels["kubernetes.io/role"]} if labels.get("kubernetes.io/role") else set()
    out.write(0, f"Name:\t{metadata['name']}\n")
    out.write(0, f"Roles:\t{','.join(sorted(roles)) or NONE}\n")
    out.labels("Labels", labels)
    out.annotations(metadata.get("annotations"))
    out.write(0, f"CreationTimestamp:\t{full_time(metadata.get('creationTimestamp'))}\n")
    taints = sorted(spec.get("taints") or (), key=lambda taint: f"{taint.get('effect', '')},{taint['key']}")
    out.lines("Taints", [_taint(taint) for taint in taints])
    out.write(0, f"Unschedulable:\t{'true' if spec.get('unschedulable') else 'false'}\n")
    _lease(out, lease)
    out.conditions(status.get("conditions"), "LastHeartbeatTime")
    out.write(0, "Addresses:\n")
    for address in status.get("addresses") or ():
        out.write(1, f"{address['type']}:\t{address['address']}\n")
    for title, field in (("Capacity", "capacity"), ("Allocatable", "allocatable")):
        if status.get(field):
            out.write(0, f"{title}:\n")
            for name in sorted(status[field]):
                out.write(1, f"{name}:\t{canonical(status[field][name])}\n")
    out.write(0, "System Info:\n")
    info = status.get("nodeInfo") or {}
    for title, field in _INFO:
        out.write(1, f"{title}:\t{info.get(field, '')}\n")
    if spec.get("podCIDR"):
        out.write(0, f"PodCIDR:\t{spec['podCIDR']}\n")
    if spec.get("podCIDRs"):
        out.write(0, f"PodCIDRs:\t{','.join(spec['podCIDRs'])}\n")
    if spec.get("providerID"):
        out.write(0, f"ProviderID:\t{spec['providerID']}\n")
    if pods is None:
        out.write(0, "Pods:\tnot authorized\n")
    else:
        _pods(out, pods, status)
    if events is not None:
        write_events(out, events)
    return out.text()


def pod_resources(pod: Object, field: str) -> Amounts:
    """Return what a pod requests at most, or is limited to, with its overhead."""
    spec = pod["spec"]
    total: Amounts = pod_amounts(spec, lambda container: _amounts(container, field))
    for name, value in (spec.get("overhead") or {}).items():
        if field == "requests" or name in total:
            _add(total, {name: Quantity.parse(value)})
    return total


def _amounts(container: Object, field: str) -> Amounts:
    found = (container.get("resources") or {}).get(field) or {}
    return {name: Quantity.parse(value) for name, value in found.items()}


def _add(total: Amounts, more: Mapping[str, Quantity]) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _pods(out: Description, pods: Sequence[Object], status: Object) -> None:
    out.write(0, f"Non-terminated Pods:\t({len(pods)} in total)\n")
    out.write(1, "Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge\n")
    out.write(1, "---------\t----\t\t------------\t----------\t---------------\t-------------\t---\n")
    allocatable = status.get("allocatable") or status.get("capacity") or {}
    totals: dict[str, Amounts] = {"requests": {}, "limits": {}}
    for pod in pods:
        own = {field: pod_resources(pod, field) for field in totals}
        for field, amounts in own.items():
            _add(totals[field], amounts)
        cells = [
            _share(own[field].get(name), allocatable.get(name), name)
            for name in ("cpu", "memory")
            for field in ("requests", "limits")
        ]
        metadata = pod["metadata"]
        age = out.since(metadata.get("creationTimestamp"))
        out.write(1, f"{metadata['namespace']}\t{metadata['name']}\t\t" + "\t".join([*cells, age]) + "\n")
    out.write(0, "Allocated resources:\n  (Total limits may be over 100 percent, i.e., overcommitted.)\n")
    out.write(1, "Resource\tRequests\tLimits\n")
    out.write(1, "--------\t--------\t------\n")
    standard = ["cpu", "memory", "ephemeral-storage"]
    for name in standard + sorted(n for n in allocatable if n.startswith(PREFIX)):
        shares = [_share(totals[field].get(name), allocatable.get(name), name) for field in totals]
        out.write(1, f"{name}\t" + "\t".join(shares) + "\n")
    for name in sorted(n for n in allocatable if n not in (*standard, "pods") and not n.startswith(PREFIX)):
        shown = [str(totals[field].get(name) or "0") for field in totals]
        out.write(1, f"{name}\t" + "\t".join(shown) + "\n")


def _share(amount: Quantity | None, whole: str | None, name: str) -> str:
    if amount is None:
        return "0 (0%)"
    against = Quantity.parse(whole or "0")
    part, all_of_it = (amount.milli, against.milli) if name == "cpu" else (amount.value, against.value)
    return f"{amount} ({int(part / all_of_it * 100) if all_of_it else 0}%)"


def _taint(taint: Object) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint.get('effect', '')}"


def _lease(out: Description, lease: Any) -> None:
    if isinstance(lease, str):
        out.write(0, f"Lease:\tFailed to get lease: {lease}\n")
        return
    spec = lease.get("spec") or {}
    out.write(0, "Lease:\n")
    out.write(1, f"HolderIdentity:\t{spec.get('holderIdentity') or '<unset>'}\n")
    for title, field in (("AcquireTime", "acquireTime"), ("RenewTime", "renewTime")):
        out.write(1, f"{title}:\t{full_time(spec[field]) if spec.get(field) else '<unset>'}\n")
