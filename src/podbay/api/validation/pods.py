"""Rules of pods: on create, on update (where almost all of the spec is fixed) and of their status.

Takes defaulted pods; gives causes. Invariant: what cannot change is compared after defaults, so that saying a default
aloud is no change.
Source: https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
"""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.mirror_pods import MIRROR
from podbay.api.pod_containers import KINDS, is_sidecar
from podbay.api.validation.containers import image_causes, one_of, validate_containers, validate_init_containers
from podbay.api.validation.ephemeral import validate_ephemeral_containers
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
)
from podbay.api.validation.health import validate_stop_signal
from podbay.api.validation.host_names import validate_host_names
from podbay.api.validation.metadata import (
    IMMUTABLE,
    validate_core_finalizers,
    validate_labels,
    validate_metadata,
    validate_metadata_update,
)
from podbay.api.validation.neighbours import validate_pod_affinity, validate_topology_spread
from podbay.api.validation.placement import (
    validate_node_affinity,
    validate_tolerations,
    validate_tolerations_update,
)
from podbay.api.validation.resource_requirements import validate_resize_policies
from podbay.api.validation.scheduling_gates import (
    validate_gates,
    validate_gates_on_create,
    validate_gates_update,
    with_gated_fields_of,
)
from podbay.api.validation.security import validate_container_security, validate_pod_security
from podbay.api.validation.unsupported import VALUE_TEXT, unsupported_in_pod
from podbay.api.validation.volumes import validate_volumes

_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_OPERATING_SYSTEMS: Final = ("linux", "windows")
_SYSTEM_CONDITIONS: Final = ("PodScheduled", "Ready", "Initialized")
_MOST_SECONDS: Final = 2**31 - 1
_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_UPDATABLE: Final = ",".join((
    "`spec.containers[*].image`",
    "`spec.initContainers[*].image`",
    "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
))  # fmt: skip
_IP_TEXT: Final = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def validate_pod(pod: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new pod."""
    causes = validate_metadata_and_spec(pod) + validate_gates_on_create(pod.get("spec") or {})
    if (pod.get("spec") or {}).get("ephemeralContainers"):
        causes.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    return causes


def validate_pod_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a pod by its user."""
    causes = validate_metadata_update(new, old) + validate_metadata_and_spec(new) + _mirror_update(new, old)
    now, before = new.get("spec") or {}, old.get("spec") or {}
    for kind in ("containers", "initContainers"):
        if len(now.get(kind) or ()) != len(before.get(kind) or ()):
            return [*causes, forbidden(f"spec.{kind}", "pod updates may not add or remove containers")]
    causes += _deadline_update(now, before)
    old_tolerations = before.get("tolerations") or ()
    causes += validate_tolerations_update(now.get("tolerations") or (), old_tolerations, "spec.tolerations")
    causes += validate_gates_update(now, before)
    changes = list(_changes(with_gated_fields_of(_with_updatable_of(now, before), before), before, "spec"))
    if changes:
        detail = f"pod updates may not change fields other than {_UPDATABLE}\n" + "".join(changes)
        causes.append(forbidden("spec", detail))
    return _unique(causes)


def validate_pod_status_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a pod's status, which only its kubelet and scheduler make."""
    causes = validate_metadata_update(new, old) + _mirror_update(new, old)
    now, before = new.get("status") or {}, old.get("status") or {}
    for i, condition in enumerate(now.get("conditions") or ()):
        kind = condition.get("type") or ""
        if kind not in _SYSTEM_CONDITIONS:
            path = f"metadata.conditions[{i}].Type"  # upstream's path, which is not where conditions are
            causes += each_invalid(path, kind, names.qualified_name_problems(kind))
    if (new.get("spec") or {}).get("nodeName") != (old.get("spec") or {}).get("nodeName"):
        causes.append(forbidden("status.nodeName", "may not be changed directly"))
    nominated = now.get("nominatedNodeName") or ""
    if nominated and nominated != before.get("nominatedNodeName"):
        problems = names.dns1123_subdomain_problems(nominated)
        causes += each_invalid("status.nominatedNodeName", nominated, problems)
    if now.get("qosClass") != before.get("qosClass"):
        causes.append(invalid("status.qosClass", now.get("qosClass", ""), IMMUTABLE))
    causes += _restarts(now, before, (old.get("spec") or {}).get("restartPolicy", "Always"))
    for field in ("podIPs", "hostIPs"):
        causes += _addresses(now.get(field) or (), f"status.{field}")
    return causes


def validate_pod_binding(binding: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a binding of a pod to a node."""
    target, causes = binding.get("target") or {}, []
    if target.get("kind") not in (None, "", "Node"):
        causes.append(not_supported("target.kind", target["kind"], ("Node", "<empty>")))
    if not target.get("name"):
        causes.append(required("target.name"))
    return causes


def validate_metadata_and_spec(pod: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a pod as it would be stored, whatever it was before."""
    causes = validate_metadata(pod, names.dns1123_subdomain_problems, namespaced=True)
    causes += validate_core_finalizers(pod)
    spec = pod.get("spec") or {}
    causes += validate_pod_annotations(
        (pod.get("metadata") or {}).get("annotations") or {}, spec, "metadata.annotations"
    )
    causes += validate_pod_spec(spec, is_template=False, name=(pod.get("metadata") or {}).get("name") or "")
    for kind in KINDS:
        for i, container in enumerate(spec.get(kind) or ()):
            causes += image_causes(container, f"spec.{kind}[{i}]")
    return causes + [cause for cause in unsupported_in_pod(pod) if not _is_refused_already(cause, causes)]


def _is_refused_already(unsupported: Cause, causes: Sequence[Cause]) -> bool:
    """Tell whether upstream forbids a field, or knows of no such value, so that nothing of ours is to be added."""
    return any(
        f"{unsupported.field}.".startswith(f"{cause.field}.")
        and (cause.reason == "FieldValueForbidden" or unsupported.message.endswith(VALUE_TEXT))
        for cause in causes
    )


def validate_pod_annotations(annotations: Mapping[str, str], spec: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with the annotations that mean something to pods."""
    causes = []
    if MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        causes.append(invalid(f"{path}[{MIRROR}]", annotations[MIRROR], detail))
    cost = annotations.get(_DELETION_COST)
    if cost is not None and not (re.fullmatch("0|-?[1-9][0-9]*", cost) and -(2**31) <= int(cost) < 2**31):
        causes.append(invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer"))
    return causes


def _mirror_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    now = ((new.get("metadata") or {}).get("annotations") or {}).get(MIRROR)
    before = ((old.get("metadata") or {}).get("annotations") or {}).get(MIRROR)
    if now == before:
        return []
    change = "add" if before is None else "remove or update"
    return [forbidden(f"metadata.annotations[{MIRROR}]", f"may not {change} mirror pod annotation")]


def validate_pod_spec(spec: Mapping[str, Any], *, is_template: bool, name: str = "") -> list[Cause]:
    """Return what is wrong with a pod's spec; in a template, some things may be settled when a pod is made."""
    causes = [] if spec.get("terminationGracePeriodSeconds") is not None else [
        required("spec.terminationGracePeriodSeconds")
    ]  # fmt: skip
    volumes, found = validate_volumes(spec.get("volumes") or (), "spec.volumes", name)
    causes += found
    if not is_template:
        for i, volume in enumerate(spec.get("volumes") or ()):
            if volume.get("image") is not None and not volume["image"].get("reference"):
                causes.append(required(f"spec.volumes[{i}].image.reference"))
    containers, grace_s = spec.get("containers") or (), spec.get("terminationGracePeriodSeconds")
    causes += validate_containers(containers, volumes, grace_s, "spec.containers")
    causes += validate_ephemeral_containers(spec, volumes, "spec.ephemeralContainers")
    init = spec.get("initContainers") or ()
    causes += validate_init_containers(init, containers, volumes, grace_s, "spec.initContainers")
    causes += _host_network_ports(spec, may_be_open=is_template)
    causes += one_of(spec.get("restartPolicy") or "", _RESTART_POLICIES, "spec.restartPolicy")
    causes += one_of(spec.get("dnsPolicy") or "", _DNS_POLICIES, "spec.dnsPolicy")
    causes += validate_labels(spec.get("nodeSelector"), "spec.nodeSelector")
    causes += validate_host_names(spec, "spec")
    causes += validate_pod_security(spec, "spec")
    for kind in ("initContainers", "containers"):
        for i, container in enumerate(spec.get(kind) or ()):
            host_users = spec.get("hostUsers") is not False
            causes += validate_container_security(container, f"spec.{kind}[{i}]", host_users=host_users)
            if kind == "containers" or is_sidecar(container):
                causes += validate_stop_signal(container, (spec.get("os") or {}).get("name"), f"spec.{kind}[{i}]")
                policies, here = container.get("resizePolicy") or (), f"spec.{kind}[{i}].resizePolicy"
                causes += validate_resize_policies(policies, spec.get("restartPolicy") or "", here)
    affinity = spec.get("affinity") or {}
    if affinity.get("nodeAffinity") is not None:
        causes += validate_node_affinity(affinity["nodeAffinity"], "spec.affinity.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        if affinity.get(kind) is not None:
            causes += validate_pod_affinity(affinity[kind], f"spec.affinity.{kind}")
    causes += validate_topology_spread(spec.get("topologySpreadConstraints") or (), "spec.topologySpreadConstraints")
    causes += validate_gates(spec)
    causes += _names(spec)
    for i, gate in enumerate(spec.get("readinessGates") or ()):
        kind = gate.get("conditionType") or ""
        causes += each_invalid(f"spec.readinessGates[{i}].conditionType", kind, names.qualified_name_problems(kind))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MOST_SECONDS:
        detail = names.range_problem(1, _MOST_SECONDS)
        causes.append(invalid("spec.activeDeadlineSeconds", deadline, detail))
    causes += validate_tolerations(spec.get("tolerations") or (), "spec.tolerations")
    policy = spec.get("preemptionPolicy")
    if policy is not None:
        causes += one_of(policy, ("PreemptLowerPriority", "Never"), "spec.preemptionPolicy")
    system = spec.get("os")
    if system is not None and not system.get("name"):
        causes.append(required("spec.os.name", "cannot be empty"))
    elif system is not None and system["name"] not in _OPERATING_SYSTEMS:
        causes.append(not_supported("spec.os", system["name"], _OPERATING_SYSTEMS))
    return causes


def _names(spec: Mapping[str, Any]) -> list[Cause]:
    causes = []
    for field in ("serviceAccountName", "nodeName", "priorityClassName", "runtimeClassName"):
        name = spec.get(field) or ""
        if name:
            causes += each_invalid(f"spec.{field}", name, names.dns1123_subdomain_problems(name))
    for field in ("hostname", "subdomain"):
        name = spec.get(field) or ""
        if name:
            causes += each_invalid(f"spec.{field}", name, names.dns1123_label_problems(name))
    return causes


def _host_network_ports(spec: Mapping[str, Any], *, may_be_open: bool) -> list[Cause]:
    if not spec.get("hostNetwork"):
        return []
    detail = "must match `containerPort` when `hostNetwork` is true"
    return [
        invalid(f"spec.{kind}[{i}].ports[{j}].hostPort", port.get("hostPort") or 0, detail)
        for kind in ("containers", "initContainers")
        for i, container in enumerate(spec.get(kind) or ())
        for j, port in enumerate(container.get("ports") or ())
        if (port.get("hostPort") or 0) != (port.get("containerPort") or 0) and (port.get("hostPort") or not may_be_open)
    ]


def _deadline_update(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[Cause]:
    path = "spec.activeDeadlineSeconds"
    deadline, previous = now.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if deadline is None:
        if previous is None:
            return []
        return [invalid(path, None, "must not update from a positive integer to nil value")]
    if not 0 <= deadline <= _MOST_SECONDS:
        return [invalid(path, deadline, names.range_problem(0, _MOST_SECONDS))]
    if previous is not None and previous < deadline:
        return [invalid(path, deadline, "must be less than or equal to previous value")]
    return []


def _with_updatable_of(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new spec with everything that may change taken from the old one."""
    fixed = dict(now)
    for field in ("activeDeadlineSeconds", "tolerations", "schedulingGates"):
        fixed[field] = before.get(field)
    for kind in ("containers", "initContainers"):
        pairs = zip(now.get(kind) or (), before.get(kind) or (), strict=True)
        fixed[kind] = [{**container, "image": previous.get("image")} for container, previous in pairs]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and now.get("terminationGracePeriodSeconds") == 1:
        fixed["terminationGracePeriodSeconds"] = before["terminationGracePeriodSeconds"]
    return fixed


def _changes(now: Any, before: Any, path: str) -> Iterator[str]:
    """Yield a line for each value that is gone (-) and each that is new (+); empty and absent are the same."""
    if now == before or (now in (None, "", [], {}) and before in (None, "", [], {})):
        return
    if isinstance(now, Mapping) and isinstance(before, Mapping):
        for name in sorted({*now, *before}):
            yield from _changes(now.get(name), before.get(name), f"{path}.{name}")
    elif isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        for i, (one, other) in enumerate(zip(now, before, strict=True)):
            yield from _changes(one, other, f"{path}[{i}]")
    else:
        yield f"- {path}: {json.dumps(before, ensure_ascii=False)}\n+ {path}: {json.dumps(now, ensure_ascii=False)}\n"


def _restarts(now: Mapping[str, Any], before: Mapping[str, Any], restart_policy: str) -> list[Cause]:
    """Return the containers that would live again though their pod's policy says no."""
    if restart_policy == "Always":
        return []
    alive = {
        status.get("name")
        for status in now.get("containerStatuses") or ()
        if not (status.get("state") or {}).get("terminated")
    }
    causes = []
    for i, status in enumerate(before.get("containerStatuses") or ()):
        ended = (status.get("state") or {}).get("terminated")
        may_restart = ended is None or (ended.get("exitCode") and restart_policy == "OnFailure")
        if not may_restart and status.get("name") in alive:
            path = f"status.containerStatuses[{i}].state"
            causes.append(forbidden(path, "may not be transitioned to non-terminated state"))
    return causes


def _addresses(addresses: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    causes, seen, families = [], set(), []
    for i, address in enumerate(addresses):
        text = address.get("ip") or ""
        try:
            families.append(ipaddress.ip_address(text).version)
        except ValueError:
            causes.append(invalid(f"{path}[{i}]", text, _IP_TEXT))
        if text in seen:
            causes.append(duplicate(f"{path}[{i}]", dict(address)))
        seen.add(text)
    if len(addresses) > 1 and len(set(families)) != len(families):
        causes.append(invalid(path, list(addresses), "may specify no more than one IP for each IP family"))
    return causes


def _unique(causes: Sequence[Cause]) -> list[Cause]:
    return list(dict.fromkeys(causes))
