"""A namespace, described.

Source: upstream's describer, whose lines these are.
"""

from collections.abc import Sequence
from datetime import datetime

from podbay.kubectl.describers.limit_ranges import write_limit_ranges
from podbay.kubectl.describers.quotas import write_quotas
from podbay.kubectl.describers.text import Description, Object, full_time


def describe_namespace(
    namespace: Object, quotas: Sequence[Object], limit_ranges: Sequence[Object], now: datetime
) -> str:
    """Return the description of a namespace."""
    out = Description(now)
    out.head(namespace, namespaced=False)
    status = namespace.get("status") or {}
    out.write(0, f"Status:\t{status.get('phase', '')}\n")
    if status.get("conditions"):
        out.write(0, "Conditions:\n")
        out.write(1, "Type\tStatus\tLastTransitionTime\tReason\tMessage\n")
        out.write(1, "----\t------\t------------------\t------\t-------\n")
        for c in status["conditions"]:
            when = full_time(c.get("lastTransitionTime"))
            out.write(1, f"{c['type']}\t{c['status']}\t{when}\t{c.get('reason', '')}\t{c.get('message', '')}\n")
    out.write(0, "\n")
    write_quotas(out, quotas)
    out.write(0, "\n")
    write_limit_ranges(out, limit_ranges)
    return out.text()
