"""Defaults of nodes: allocatable is capacity, and one pod range is a list of one.

Takes a node; changes it in place. Invariant: ``podCIDR`` is always the first of ``podCIDRs``.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/
"""

from typing import Any

from podbay.api.defaults.resource_lists import round_up


def default_node(node: dict[str, Any]) -> None:
    """Fill allocatable from capacity, and keep the two spellings of the pod range together."""
    spec, status = node.setdefault("spec", {}), node.setdefault("status", {})
    first, ranges = spec.get("podCIDR"), spec.get("podCIDRs")
    if first and (not ranges or ranges[0] != first):
        spec["podCIDRs"] = [first]
    elif ranges:
        spec["podCIDR"] = ranges[0]
    if status.get("allocatable") is None and status.get("capacity") is not None:
        status["allocatable"] = dict(status["capacity"])
    round_up(status.get("capacity"))
    round_up(status.get("allocatable"))
