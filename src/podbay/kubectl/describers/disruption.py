"""Pod disruption budgets, described.

Pure. Source: upstream's describer, whose lines these are.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from podbay.api.disruption import selector_of
from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import NONE, Description, Object

_COUNTS: Final = {
    "Allowed disruptions": "disruptionsAllowed",
    "Current": "currentHealthy",
    "Desired": "desiredHealthy",
    "Total": "expectedPods",
}


def describe_budget(budget: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of a budget."""
    out = Description(now)
    spec, status = budget.get("spec") or {}, budget.get("status") or {}
    out.write(0, f"Name:\t{budget['metadata']['name']}\n")
    out.write(0, f"Namespace:\t{budget['metadata']['namespace']}\n")
    if spec.get("minAvailable") is not None:
        out.write(0, f"Min available:\t{spec['minAvailable']}\n")
    elif spec.get("maxUnavailable") is not None:
        out.write(0, f"Max unavailable:\t{spec['maxUnavailable']}\n")
    selector = "<unset>" if spec.get("selector") is None else str(selector_of(budget)) or NONE
    out.write(0, f"Selector:\t{selector}\n")
    out.write(0, "Status:\n")
    for title, field in _COUNTS.items():
        out.write(2, f"{title}:\t{status.get(field, 0)}\n")
    if events is not None:
        write_events(out, events)
    return out.text()
