"""Rules of pods that must not be scheduled yet: their gates, and what may change while one is closed.

Takes a pod's spec, or the new one and the old one; gives causes. Invariant: a gate can only be taken away, and a gated
pod's choice of nodes can only become narrower.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import duplicate, each_invalid, forbidden, invalid

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_ONLY_ADDED: Final = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"


def validate_gates(spec: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a pod's gates."""
    causes, seen = [], set()
    for i, gate in enumerate(spec.get("schedulingGates") or ()):
        name = gate.get("name") or ""
        causes += each_invalid(f"spec.schedulingGates[{i}]", name, names.qualified_name_problems(name))
        if name in seen:
            causes.append(duplicate(f"spec.schedulingGates[{i}]", name))
        seen.add(name)
    return causes


def validate_gates_on_create(spec: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new pod that is gated and placed at once."""
    if spec.get("nodeName") and spec.get("schedulingGates"):
        return [forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")]
    return []


def validate_gates_update(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of gates, and of what a gated pod may change."""
    known = {gate["name"] for gate in before.get("schedulingGates") or ()}
    causes = [
        forbidden("spec.schedulingGates", f"only deletion is allowed, but found new scheduling gate '{gate['name']}'")
        for gate in now.get("schedulingGates") or ()
        if gate["name"] not in known
    ]
    if not known:
        return causes
    selector: Mapping[str, str] = now.get("nodeSelector") or {}
    if any(selector.get(key) != value for key, value in (before.get("nodeSelector") or {}).items()):
        causes.append(invalid("spec.nodeSelector", dict(selector), _ONLY_ADDED))
    return causes + _affinity_update(_terms(now), _terms(before))


def with_gated_fields_of(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the new spec with what only a gated pod may change taken from the old one."""
    fixed = dict(now)
    if before.get("schedulingGates"):
        fixed["nodeSelector"] = before.get("nodeSelector")
        affinity = {kind: rules for kind, rules in (now.get("affinity") or {}).items() if kind != "nodeAffinity"}
        if kept := (before.get("affinity") or {}).get("nodeAffinity"):
            affinity["nodeAffinity"] = kept
        fixed["affinity"] = affinity or None
    return fixed


def _terms(spec: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    node_affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return (node_affinity.get(_REQUIRED) or {}).get("nodeSelectorTerms") or ()


def _affinity_update(now: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> list[Cause]:
    path = f"spec.affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms"
    if before and len(before) != len(now):
        detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
        return [invalid(path, list(now), detail)]
    return [
        invalid(f"{path}[{i}]", dict(new), "only additions are allowed (no mutations or deletions)")
        for i, (new, old) in enumerate(zip(now, before, strict=False))
        if not _only_adds(new, old)
    ]


def _only_adds(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    if not old.get("matchExpressions") and not old.get("matchFields"):
        return not new.get("matchExpressions") and not new.get("matchFields")  # such a term selects no node
    return all(
        list(new.get(name) or ())[: len(old.get(name) or ())] == list(old.get(name) or ())
        for name in ("matchExpressions", "matchFields")
    )
