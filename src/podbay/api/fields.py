"""Fields by which objects can be selected, per kind, and their values in an object.

Pure. Used by the API server for ``fieldSelector``. Source: upstream's registry strategies and conversion functions.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from podbay.api.resources import Resource


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _pod(pod: Mapping[str, Any]) -> dict[str, str]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    ips = status.get("podIPs") or ()
    return {
        "spec.nodeName": _text(spec.get("nodeName")),
        "spec.restartPolicy": _text(spec.get("restartPolicy")),
        "spec.schedulerName": _text(spec.get("schedulerName")),
        "spec.serviceAccountName": _text(spec.get("serviceAccountName")),
        "spec.hostNetwork": _text(bool(spec.get("hostNetwork"))),
        "status.phase": _text(status.get("phase")),
        "status.podIP": _text(ips[0].get("ip") if ips else status.get("podIP")),
        "status.nominatedNodeName": _text(status.get("nominatedNodeName")),
    }


def _node(node: Mapping[str, Any]) -> dict[str, str]:
    return {"spec.unschedulable": _text(bool((node.get("spec") or {}).get("unschedulable")))}


def _namespace(namespace: Mapping[str, Any]) -> dict[str, str]:
    return {
        "status.phase": _text((namespace.get("status") or {}).get("phase")),
        "name": _text(namespace.get("metadata", {}).get("name")),
    }


def _secret(secret: Mapping[str, Any]) -> dict[str, str]:
    return {"type": _text(secret.get("type"))}


def _event(event: Mapping[str, Any]) -> dict[str, str]:
    involved = event.get("involvedObject") or {}
    source = event.get("source") or {}
    fields = {
        f"involvedObject.{name}": _text(involved.get(name))
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    }
    fields["reason"] = _text(event.get("reason"))
    fields["reportingComponent"] = _text(event.get("reportingComponent"))
    fields["source"] = _text(source.get("component")) or _text(event.get("reportingComponent"))
    fields["type"] = _text(event.get("type"))
    return fields


def _event_v1(event: Mapping[str, Any]) -> dict[str, str]:
    regarding = event.get("regarding") or {}
    fields = {
        f"regarding.{name}": _text(regarding.get(name))
        for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    }
    fields["reason"] = _text(event.get("reason"))
    fields["reportingController"] = _text(event.get("reportingController"))
    fields["type"] = _text(event.get("type"))
    return fields


_OF_KIND: Final[dict[tuple[str, str], Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    ("", "Pod"): _pod,
    ("", "Node"): _node,
    ("", "Namespace"): _namespace,
    ("", "Secret"): _secret,
    ("", "Event"): _event,
    ("events.k8s.io", "Event"): _event_v1,
}


def field_values(resource: Resource, obj: Mapping[str, Any]) -> dict[str, str]:
    """Return the value of every field that a selector may name, as text."""
    metadata = obj.get("metadata") or {}
    fields = {"metadata.name": _text(metadata.get("name"))}
    if resource.namespaced:
        fields["metadata.namespace"] = _text(metadata.get("namespace"))
    special = _OF_KIND.get((resource.group, resource.kind))
    return fields | special(obj) if special else fields


def selectable_fields(resource: Resource) -> frozenset[str]:
    """Return the names of the fields that a selector may name for this resource."""
    return frozenset(field_values(resource, {}))
