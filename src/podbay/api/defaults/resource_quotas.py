"""Defaults of resource quotas: every amount is rounded.

Takes a quota; changes it in place. Source: upstream's SetDefaults_ResourceList.
"""

from typing import Any

from podbay.api.defaults.resource_lists import round_up


def default_resource_quota(quota: dict[str, Any]) -> None:
    """Round what a quota limits and what it says is used."""
    round_up((quota.get("spec") or {}).get("hard"))
    for part in ("hard", "used"):
        round_up((quota.get("status") or {}).get(part))
