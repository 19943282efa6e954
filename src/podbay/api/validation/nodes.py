"""Rules of nodes.

Takes defaulted nodes; gives causes. Invariant: a pod range and a provider id, once given, stay.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import duplicate, forbidden, invalid
from podbay.api.validation.metadata import (
    validate_core_finalizers,
    validate_metadata,
    validate_metadata_update,
)
from podbay.api.validation.placement import validate_taints
from podbay.api.validation.resource_requirements import validate_quantity
from podbay.api.validation.unsupported import unsupported_in_node


def validate_node(node: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new node."""
    causes = validate_metadata(node, names.dns1123_subdomain_problems, namespaced=False)
    causes += validate_core_finalizers(node)
    causes += validate_taints((node.get("spec") or {}).get("taints") or (), "metadata.taints")
    return causes + _resources(node) + _pod_ranges(node) + unsupported_in_node(node)


def validate_node_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a node or of its status."""
    causes = validate_metadata_update(new, old) + validate_core_finalizers(new) + _resources(new)
    seen = []
    for i, address in enumerate((new.get("status") or {}).get("addresses") or ()):
        if address in seen:
            causes.append(duplicate(f"status.addresses[{i}]", dict(address)))
        seen.append(address)
    now, before = new.get("spec") or {}, old.get("spec") or {}
    if before.get("podCIDRs"):
        if before["podCIDRs"] != now.get("podCIDRs"):
            detail = 'node updates may not change podCIDR except from "" to valid'
            causes.append(forbidden("spec.podCIDRs", detail))
    else:
        causes += _pod_ranges(new)
    if before.get("providerID") and before["providerID"] != now.get("providerID"):
        detail = 'node updates may not change providerID except from "" to valid'
        causes.append(forbidden("spec.providerID", detail))
    causes += validate_taints(now.get("taints") or (), "metadata.taints")
    if now.get("externalID") != before.get("externalID"):
        causes.append(forbidden("spec.externalID", "may not be updated"))
    return causes + unsupported_in_node(new)


def _resources(node: Mapping[str, Any]) -> list[Cause]:
    causes, status = [], node.get("status") or {}
    for kind in ("capacity", "allocatable"):
        for name, value in sorted((status.get(kind) or {}).items()):
            causes += validate_quantity(name, value, f"status.{kind}.{name}")
    return causes


def _pod_ranges(node: Mapping[str, Any]) -> list[Cause]:
    path, causes, families = "spec.podCIDRs", [], []
    ranges = (node.get("spec") or {}).get("podCIDRs") or ()
    for i, text in enumerate(ranges):
        try:
            if "/" not in text:
                raise ValueError(text)
            families.append(ipaddress.ip_network(text, strict=False).version)
        except ValueError:
            detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
            causes.append(invalid(f"{path}[{i}]", text, detail))
        if text in ranges[:i]:
            causes.append(duplicate(f"{path}[{i}]", text))
    if len(ranges) > 1 and len(set(families)) != len(ranges):
        causes.append(invalid(path, list(ranges), "may specify no more than one CIDR for each IP family"))
    return causes
