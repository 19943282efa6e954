"""Rules of what says where a pod may run by the pods that run already: pod affinity and topology spread.

Takes parts of a pod's spec; gives causes. Invariant: a term that passes can be evaluated by the scheduler without
error.
Source: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/ and
https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import duplicate, each_invalid, forbidden, invalid, not_supported, required
from podbay.api.validation.label_selectors import validate_label_selector

_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_NOT_POSITIVE: Final = "must be greater than zero"
_KINDS: Final = ("DoNotSchedule", "ScheduleAnyway")
_POLICIES: Final = ("Honor", "Ignore")
_TWICE: Final = "exists in both matchLabelKeys and labelSelector"


def validate_pod_affinity(affinity: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with a pod's affinity or anti-affinity to other pods."""
    causes = []
    for i, term in enumerate(affinity.get(_REQUIRED) or ()):
        causes += _term(term, f"{path}.{_REQUIRED}[{i}]")
    for i, weighted in enumerate(affinity.get(_PREFERRED) or ()):
        here, weight = f"{path}.{_PREFERRED}[{i}]", weighted.get("weight") or 0
        if not 1 <= weight <= 100:
            causes.append(invalid(f"{here}.weight", weight, "must be in the range 1-100"))
        causes += _term(weighted.get("podAffinityTerm") or {}, f"{here}.podAffinityTerm")
    return causes


def validate_topology_spread(constraints: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with a pod's topology spread constraints."""
    causes = []
    for i, constraint in enumerate(constraints):
        here = f"{path}[{i}]"
        skew, key = constraint.get("maxSkew") or 0, constraint.get("topologyKey") or ""
        kind, selector = constraint.get("whenUnsatisfiable") or "", constraint.get("labelSelector")
        if skew <= 0:
            causes.append(invalid(f"{here}.maxSkew", skew, _NOT_POSITIVE))
        if not key:
            causes.append(required(f"{here}.topologyKey", "can not be empty"))
        if kind not in _KINDS:
            causes.append(not_supported(f"{here}.whenUnsatisfiable", kind, _KINDS))
        if any((c.get("topologyKey"), c.get("whenUnsatisfiable")) == (key, kind) for c in constraints[i + 1 :]):
            causes.append(duplicate(f"{here}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {kind}}}"))
        causes += _min_domains(constraint.get("minDomains"), kind, f"{here}.minDomains")
        for name in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(name) is not None and constraint[name] not in _POLICIES:
                causes.append(not_supported(f"{here}.{name}", constraint[name], _POLICIES))
        causes += _spread_keys(constraint.get("matchLabelKeys") or (), selector, f"{here}.matchLabelKeys")
        causes += validate_label_selector(selector, f"{here}.labelSelector")
    return causes


def _term(term: Mapping[str, Any], path: str) -> list[Cause]:
    causes = validate_label_selector(term.get("labelSelector"), f"{path}.labelSelector")
    causes += validate_label_selector(term.get("namespaceSelector"), f"{path}.namespaceSelector")
    for namespace in term.get("namespaces") or ():
        causes += each_invalid(f"{path}.namespace", namespace, names.dns1123_label_problems(namespace))
    causes += _affinity_keys(term, path)
    key = term.get("topologyKey") or ""
    if not key:
        causes.append(required(f"{path}.topologyKey", "can not be empty"))
    return causes + each_invalid(f"{path}.topologyKey", key, names.qualified_name_problems(key))


def _affinity_keys(term: Mapping[str, Any], path: str) -> list[Cause]:
    """Check the keys whose values the server has put into the selector by now, as expressions at its end."""
    selector, causes = term.get("labelSelector"), []
    same, other = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    for name, keys in (("matchLabelKeys", same), ("mismatchLabelKeys", other)):
        causes += _keys(keys, selector, f"{path}.{name}")
    seen = set((selector or {}).get("matchLabels") or {})
    for expression in (selector or {}).get("matchExpressions") or ():
        key = expression.get("key")
        if key in same and key in seen:
            causes.append(invalid(f"{path}[{list(same).index(key)}]", key, _TWICE))
        seen.add(key)
    for i, key in enumerate(same):
        if key in other:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            causes.append(invalid(f"{path}.matchLabelKeys[{i}]", key, detail))
    return causes


def _spread_keys(keys: Sequence[str], selector: Mapping[str, Any] | None, path: str) -> list[Cause]:
    causes = _keys(keys, selector, path)
    said = set((selector or {}).get("matchLabels") or {})
    said |= {expression.get("key") for expression in (selector or {}).get("matchExpressions") or ()}
    return causes + [invalid(f"{path}[{i}]", key, _TWICE) for i, key in enumerate(keys) if key in said]


def _keys(keys: Sequence[str], selector: Mapping[str, Any] | None, path: str) -> list[Cause]:
    if keys and selector is None:
        return [forbidden(path, "must not be specified when labelSelector is not set")]
    causes = []
    for i, key in enumerate(keys):
        causes += each_invalid(f"{path}[{i}]", key, names.qualified_name_problems(key))
    return causes


def _min_domains(domains: int | None, kind: str, path: str) -> list[Cause]:
    if domains is None:
        return []
    causes = [invalid(path, domains, _NOT_POSITIVE)] if domains <= 0 else []
    if kind != "DoNotSchedule":
        detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {kind}"
        causes.append(invalid(path, domains, detail))
    return causes
