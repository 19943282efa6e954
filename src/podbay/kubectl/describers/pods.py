"""A pod, described.

Source: upstream's describer, whose lines these are.
"""

from collections.abc import Sequence
from datetime import datetime

from podbay.api.qos import qos_class
from podbay.api.selectors import LabelSelector
from podbay.kubectl.describers.containers import write_containers
from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import NONE, Description, Object, full_time
from podbay.kubectl.describers.volumes import write_volumes


def describe_pod(pod: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a pod; events of None are left out."""
    out = Description(now)
    spec, status = pod["spec"], pod.get("status") or {}
    _head(out, pod, spec, status)
    if spec.get("initContainers"):
        write_containers(out, "Init Containers", spec["initContainers"], status.get("initContainerStatuses"), pod)
    write_containers(out, "Containers", spec["containers"], status.get("containerStatuses"), pod)
    if spec.get("ephemeralContainers"):
        ephemeral = spec["ephemeralContainers"]
        write_containers(out, "Ephemeral Containers", ephemeral, status.get("ephemeralContainerStatuses"), pod)
    conditions = status.get("conditions") or ()
    if spec.get("readinessGates"):
        out.write(0, "Readiness Gates:\n  Type\tStatus\n")
        for gate in spec["readinessGates"]:
            found = next((c["status"] for c in conditions if c["type"] == gate["conditionType"]), NONE)
            out.write(1, f"{gate['conditionType']} \t{found} \n")
    if conditions:
        out.write(0, "Conditions:\n  Type\tStatus\n")
        for condition in conditions:
            out.write(1, f"{condition['type']} \t{condition['status']} \n")
    write_volumes(out, spec.get("volumes") or ())
    out.write(0, f"QoS Class:\t{status.get('qosClass') or qos_class(pod)}\n")
    out.labels("Node-Selectors", spec.get("nodeSelector"))
    tolerations = sorted(spec.get("tolerations") or (), key=lambda t: str(t.get("key", "")))
    out.lines("Tolerations", [toleration_text(toleration) for toleration in tolerations])
    if spec.get("topologySpreadConstraints"):
        spread = sorted(spec["topologySpreadConstraints"], key=lambda constraint: str(constraint["topologyKey"]))
        out.lines("Topology Spread Constraints", [spread_text(constraint) for constraint in spread])
    if events is not None:
        write_events(out, events)
    return out.text()


def _head(out: Description, pod: Object, spec: Object, status: Object) -> None:
    metadata = pod["metadata"]
    out.write(0, f"Name:\t{metadata['name']}\n")
    out.write(0, f"Namespace:\t{metadata['namespace']}\n")
    if spec.get("priority") is not None:
        out.write(0, f"Priority:\t{spec['priority']}\n")
    for title, field in (
        ("Priority Class Name", "priorityClassName"), ("Runtime Class Name", "runtimeClassName"),
        ("Service Account", "serviceAccountName"),
    ):  # fmt: skip
        if spec.get(field):
            out.write(0, f"{title}:\t{spec[field]}\n")
    node = f"{spec['nodeName']}/{status.get('hostIP', '')}" if spec.get("nodeName") else NONE
    out.write(0, f"Node:\t{node}\n")
    if status.get("startTime"):
        out.write(0, f"Start Time:\t{full_time(status['startTime'])}\n")
    out.labels("Labels", metadata.get("labels"))
    out.annotations(metadata.get("annotations"))
    phase = status.get("phase", "")
    if metadata.get("deletionTimestamp") and phase not in ("Failed", "Succeeded"):
        out.write(0, f"Status:\tTerminating (lasts {out.since(metadata['deletionTimestamp'])})\n")
        out.write(0, f"Termination Grace Period:\t{metadata.get('deletionGracePeriodSeconds', 0)}s\n")
    else:
        out.write(0, f"Status:\t{phase}\n")
    for title, field in (("Reason", "reason"), ("Message", "message")):
        if status.get(field):
            out.write(0, f"{title}:\t{status[field]}\n")
    profile = (spec.get("securityContext") or {}).get("seccompProfile")
    if profile:
        out.write(0, f"SeccompProfile:\t{profile.get('type', '')}\n")
        if profile.get("type") == "Localhost":
            out.write(0, f"LocalhostProfile:\t{profile.get('localhostProfile', '')}\n")
    out.write(0, f"IP:\t{status.get('podIP', '')}\n")
    addresses = status.get("podIPs") or ()
    out.write(0, "IPs:\n" if addresses else f"IPs:\t{NONE}\n")
    for address in addresses:
        out.write(1, f"IP:\t{address.get('ip', '')}\n")
    owner = next((o for o in metadata.get("ownerReferences") or () if o.get("controller")), None)
    if owner:
        out.write(0, f"Controlled By:\t{owner['kind']}/{owner['name']}\n")
    if status.get("nominatedNodeName"):
        out.write(0, f"NominatedNodeName:\t{status['nominatedNodeName']}\n")


def spread_text(constraint: Object) -> str:
    """Return a topology spread constraint in one line."""
    text = (
        f"{constraint['topologyKey']}:{constraint.get('whenUnsatisfiable', '')}"
        f" when max skew {constraint.get('maxSkew', 0)} is exceeded"
    )
    if constraint.get("labelSelector") is None:
        return text
    return f"{text} for selector {LabelSelector.of_object(constraint['labelSelector']) or NONE}"


def toleration_text(toleration: Object) -> str:
    """Return a toleration in one line."""
    key, value, effect = (toleration.get(field) or "" for field in ("key", "value", "effect"))
    text = key + (f"={value}" if value else "") + (f":{effect}" if effect else "")
    if toleration.get("operator") == "Exists" and not value:
        text += " op=Exists" if key or effect else "op=Exists"
    if toleration.get("tolerationSeconds") is not None:
        text += f" for {toleration['tolerationSeconds']}s"
    return text
