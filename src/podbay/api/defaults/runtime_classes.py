"""Defaults of runtime classes: amounts are rounded up as those of pods are.

Takes a runtime class; changes it in place. Source:
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/runtime-class-v1/
"""

from typing import Any

from podbay.api.defaults.resource_lists import round_up


def default_runtime_class(obj: dict[str, Any]) -> None:
    """Fill in every default of a runtime class."""
    round_up((obj.get("overhead") or {}).get("podFixed"))
