"""The fields of each kind that a field selector may name, and their values in an object.

Takes a resource and an object; gives names and values to lists, watches and their index. Invariant: each name in
``selectable_fields`` is accepted and none else; a value is text, as selectors compare it.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from podbay.api import resources
from podbay.api.resources import Resource
from podbay.api.selectors import FieldSelector

_NAME: Final = frozenset({"metadata.name"})
_NAME_AND_NAMESPACE: Final = frozenset({"metadata.name", "metadata.namespace"})
_REFERENCE: Final = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_POD: Final = frozenset({
    "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
    "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
})  # fmt: skip


def selectable_fields(resource: Resource) -> frozenset[str]:
    """Return the names of the fields that can be selected."""
    if (resource.group, resource.kind) in _OWN_FIELDS:
        base = _NAME_AND_NAMESPACE if resource.namespaced else _NAME
        return base | _OWN_FIELDS[resource.group, resource.kind]
    return _NAME_AND_NAMESPACE


def converted(resource: Resource, selector: FieldSelector) -> FieldSelector:
    """Return the selector in today's field names. Raises ValueError with upstream's message for unknown ones."""
    known = selectable_fields(resource)
    requirements = []
    for requirement in selector.requirements:
        field = requirement.field
        if resource is resources.PODS and field == "spec.host":
            field = "spec.nodeName"  # the name that clients of long ago send
        if field not in known:
            if (resource.group, resource.kind) in _OWN_FIELDS:
                raise ValueError(f"field label not supported: {field}")
            raise ValueError(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')
        requirements.append(requirement._replace(field=field))
    return FieldSelector(tuple(requirements))


def field_values(resource: Resource, obj: Mapping[str, Any]) -> dict[str, str]:
    """Return the selectable fields' values of an object."""
    metadata = obj.get("metadata") or {}
    values = {"metadata.name": metadata.get("name", "")}
    if resource.namespaced:
        values["metadata.namespace"] = metadata.get("namespace", "")
    own = _VALUES.get((resource.group, resource.kind))
    if own is not None:
        values.update(own(obj))
    return values


def _pod(obj: Mapping[str, Any]) -> dict[str, str]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    addresses = status.get("podIPs") or ()
    return {
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.restartPolicy": spec.get("restartPolicy", ""),
        "spec.schedulerName": spec.get("schedulerName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "spec.hostNetwork": _bool(spec.get("hostNetwork")),
        "status.phase": status.get("phase", ""),
        "status.podIP": addresses[0].get("ip", "") if addresses else status.get("podIP", ""),
        "status.nominatedNodeName": status.get("nominatedNodeName", ""),
    }


def _node(obj: Mapping[str, Any]) -> dict[str, str]:
    return {"spec.unschedulable": _bool((obj.get("spec") or {}).get("unschedulable"))}


def _namespace(obj: Mapping[str, Any]) -> dict[str, str]:
    return {"status.phase": (obj.get("status") or {}).get("phase", "")}


def _secret(obj: Mapping[str, Any]) -> dict[str, str]:
    return {"type": obj.get("type", "")}


def _event(obj: Mapping[str, Any]) -> dict[str, str]:
    about = obj.get("involvedObject") or {}
    reporting = obj.get("reportingComponent", "")
    return {f"involvedObject.{name}": about.get(name, "") for name in _REFERENCE} | {
        "reason": obj.get("reason", ""),
        "reportingComponent": reporting,
        "source": (obj.get("source") or {}).get("component") or reporting,
        "type": obj.get("type", ""),
    }


def _event_v1(obj: Mapping[str, Any]) -> dict[str, str]:
    about = obj.get("regarding") or {}
    return {f"regarding.{name}": about.get(name, "") for name in _REFERENCE} | {
        "reason": obj.get("reason", ""),
        "reportingController": obj.get("reportingController", ""),
        "type": obj.get("type", ""),
    }


def _bool(value: object) -> str:
    return "true" if value else "false"


_VALUES: Final[dict[tuple[str, str], Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    ("", "Pod"): _pod,
    ("", "Node"): _node,
    ("", "Namespace"): _namespace,
    ("", "Secret"): _secret,
    ("", "Event"): _event,
    ("events.k8s.io", "Event"): _event_v1,
}
_OWN_FIELDS: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("", "Pod"): _POD,
    ("", "Node"): frozenset({"spec.unschedulable"}),
    ("", "Namespace"): frozenset({"status.phase"}),
    ("", "Secret"): frozenset({"type"}),
    ("", "Event"): frozenset(_event({})),
    ("events.k8s.io", "Event"): frozenset(_event_v1({})),
}
