"""The table of nodes. Pure. Source: upstream's printNode."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from podbay.wire.table.columns import AGE, NAME, Cells, age, column

_ROLE: Final = "node-role.kubernetes.io/"
COLUMNS: Final = (
    NAME,
    column("Status"),
    column("Roles"),
    AGE,
    column("Version", about="The kubelet's version."),
    column("Internal-IP", wide=True),
    column("External-IP", wide=True),
    column("OS-Image", wide=True),
    column("Kernel-Version", wide=True),
    column("Container-Runtime", wide=True),
)


def cells(node: Mapping[str, Any], now: datetime) -> Cells:
    """Return one node's cells."""
    status = node.get("status") or {}
    info = status.get("nodeInfo") or {}
    conditions = [c["status"] for c in status.get("conditions") or () if c.get("type") == "Ready"]
    told = ["Ready" if value == "True" else "NotReady" for value in conditions] or ["Unknown"]
    if (node.get("spec") or {}).get("unschedulable"):
        told.append("SchedulingDisabled")
    labels = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and len(key) > len(_ROLE)}
    roles |= {labels["kubernetes.io/role"]} if labels.get("kubernetes.io/role") else set()
    return [
        node["metadata"]["name"],
        ",".join(told),
        ",".join(sorted(roles)) or "<none>",
        age(node, now),
        info.get("kubeletVersion", ""),
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        info.get("osImage") or "<unknown>",
        info.get("kernelVersion") or "<unknown>",
        info.get("containerRuntimeVersion") or "<unknown>",
    ]


def _address(status: Mapping[str, Any], kind: str) -> str:
    return next((a["address"] for a in status.get("addresses") or () if a.get("type") == kind), "<none>")
