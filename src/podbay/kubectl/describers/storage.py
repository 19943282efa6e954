"""Persistent volumes, claims and storage classes, described.

Pure. Takes the object, for a claim also the pods that use it, and events; gives text.
Source: upstream's describers, whose lines these are.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from podbay.api.volume_binding import class_of, is_default, storage_of
from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import NONE, Description, Object
from podbay.wire.table.storage import access_modes


def describe_volume(volume: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a persistent volume."""
    out = Description(now)
    spec, status, metadata = volume["spec"], volume.get("status") or {}, volume["metadata"]
    out.write(0, f"Name:\t{metadata['name']}\n")
    out.labels("Labels", metadata.get("labels"))
    out.annotations(metadata.get("annotations"))
    out.write(0, f"Finalizers:\t{_list(metadata.get('finalizers'))}\n")
    out.write(0, f"StorageClass:\t{class_of(volume)}\n")
    out.write(0, f"Status:\t{_status(out, volume)}\n")
    claim = spec.get("claimRef")
    shown = f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim is not None else ""
    out.write(0, f"Claim:\t{shown}\n")
    out.write(0, f"Reclaim Policy:\t{spec.get('persistentVolumeReclaimPolicy', '')}\n")
    out.write(0, f"Access Modes:\t{access_modes(spec.get('accessModes'))}\n")
    if spec.get("volumeMode") is not None:
        out.write(0, f"VolumeMode:\t{spec['volumeMode']}\n")
    out.write(0, f"Capacity:\t{storage_of(spec.get('capacity'))}\n")
    _write_affinity(out, spec.get("nodeAffinity"))
    out.write(0, f"Message:\t{status.get('message', '')}\n")
    out.write(0, "Source:\n")
    _write_source(out, spec)
    if events is not None:
        write_events(out, events)
    return out.text()


def describe_claim(claim: Object, pods: Sequence[Object], events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a claim. ``pods`` are those that use it."""
    out = Description(now)
    write_claim(out, claim, is_template=False)
    out.lines("Used By", [pod["metadata"]["name"] for pod in pods])
    out.conditions((claim.get("status") or {}).get("conditions"), "LastProbeTime")
    if events is not None:
        write_events(out, events)
    return out.text()


def write_claim(out: Description, claim: Object, *, is_template: bool) -> None:
    """Write what is claimed; a template has no name and no state."""
    spec, status, metadata = claim.get("spec") or {}, claim.get("status") or {}, claim.get("metadata") or {}
    if not is_template:
        out.write(0, f"Name:\t{metadata['name']}\n")
        out.write(0, f"Namespace:\t{metadata['namespace']}\n")
    out.write(0, f"StorageClass:\t{class_of({'metadata': metadata, 'spec': spec})}\n")
    if not is_template:
        out.write(0, f"Status:\t{_status(out, claim)}\n")
    volume = spec.get("volumeName") or ""
    out.write(0, f"Volume:\t{volume}\n")
    out.labels("Labels", metadata.get("labels"))
    out.annotations(metadata.get("annotations"))
    if not is_template:
        out.write(0, f"Finalizers:\t{_list(metadata.get('finalizers'))}\n")
    out.write(0, f"Capacity:\t{storage_of(status.get('capacity')) if volume else ''}\n")
    out.write(0, f"Access Modes:\t{access_modes(status.get('accessModes')) if volume else ''}\n")
    if spec.get("volumeMode") is not None:
        out.write(0, f"VolumeMode:\t{spec['volumeMode']}\n")


def describe_storage_class(obj: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a storage class."""
    out = Description(now)
    out.write(0, f"Name:\t{obj['metadata']['name']}\n")
    out.write(0, f"IsDefaultClass:\t{'Yes' if is_default(obj) else 'No'}\n")
    out.write(0, f"Annotations:\t{_pairs(obj['metadata'].get('annotations'))}\n")
    out.write(0, f"Provisioner:\t{obj.get('provisioner', '')}\n")
    out.write(0, f"Parameters:\t{_pairs(obj.get('parameters'))}\n")
    grows = obj.get("allowVolumeExpansion")
    out.write(0, f"AllowVolumeExpansion:\t{'<unset>' if grows is None else str(bool(grows))}\n")
    out.write(0, f"MountOptions:\t{NONE}\n")  # no class with any is stored
    for field, title in (("reclaimPolicy", "ReclaimPolicy"), ("volumeBindingMode", "VolumeBindingMode")):
        if obj.get(field) is not None:
            out.write(0, f"{title}:\t{obj[field]}\n")
    terms = obj.get("allowedTopologies")
    if terms is not None:
        out.write(0, "AllowedTopologies:\t\n" if terms else f"AllowedTopologies:\t{NONE}\n")
        for i, term in enumerate(terms):
            found = [f"{one['key']} in [{', '.join(one['values'])}]" for one in term.get("matchLabelExpressions") or ()]
            _write_term(out, 1, i, found)
    if events is not None:
        write_events(out, events)
    return out.text()


def _status(out: Description, obj: Object) -> str:
    deleted = obj["metadata"].get("deletionTimestamp")
    return f"Terminating (lasts {out.since(deleted)})" if deleted else (obj.get("status") or {}).get("phase", "")


def _write_affinity(out: Description, affinity: Object | None) -> None:
    required = (affinity or {}).get("required")
    if required is None:
        out.write(0, f"Node Affinity:\t{NONE}\n")
        return
    out.write(0, "Node Affinity:\t\n")
    terms = required.get("nodeSelectorTerms") or ()
    out.write(1, "Required Terms:\t\n" if terms else f"Required Terms:\t{NONE}\n")
    for i, term in enumerate(terms):
        found = []
        for one in term.get("matchExpressions") or ():
            values = f" [{', '.join(one['values'])}]" if one.get("values") else ""
            found.append(f"{one.get('key', '')} {one.get('operator', '').lower()}{values}")
        _write_term(out, 2, i, found)


def _write_term(out: Description, level: int, number: int, expressions: Sequence[str]) -> None:
    out.write(level, f"Term {number}:\t")
    for i, expression in enumerate(expressions or (NONE,)):
        if i:
            out.write(level, "\t")
        out.write(0, f"{expression}\n")


def _write_source(out: Description, spec: Object) -> None:
    if spec.get("hostPath") is not None:
        source = spec["hostPath"]
        lines = [
            "Type:\tHostPath (bare host directory volume)",
            f"Path:\t{source.get('path', '')}",
            f"HostPathType:\t{NONE if source.get('type') is None else source['type']}",
        ]
    elif spec.get("local") is not None:
        lines = [
            "Type:\tLocalVolume (a persistent volume backed by local storage on a node)",
            f"Path:\t{spec['local'].get('path', '')}",
        ]
    else:
        out.write(1, "<unknown>\n")
        return
    for line in lines:
        out.write(2, f"{line}\n")


def _list(values: Sequence[str] | None) -> str:
    return f"[{' '.join(values or ())}]"


def _pairs(pairs: Mapping[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((pairs or {}).items())) or NONE
