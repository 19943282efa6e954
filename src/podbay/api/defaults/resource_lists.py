"""Defaults of resource lists: amounts are stored in whole thousandths.

Takes the mapping of a ``requests``, ``limits``, ``capacity`` or ``allocatable``; changes it in place.
Invariant: what cannot be parsed is left for validation to refuse.
Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from typing import Any

from podbay.api.quantity import Quantity


def round_up(resources: dict[str, Any] | None) -> None:
    """Round each amount up to thousandths and spell it canonically."""
    if not resources:
        return
    for name, amount in resources.items():
        try:
            resources[name] = str(Quantity.parse(amount).rounded_up_to_milli())
        except (ValueError, TypeError):
            continue
