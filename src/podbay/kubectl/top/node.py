"""``top node``: what nodes use, and how much that is of what they have."""

import sys
from typing import Any, Final

from podbay.api.quantity import Quantity
from podbay.api.resources import NODE_METRICS, NODES
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.session import Session
from podbay.kubectl.top import asking, measured
from podbay.kubectl.top.asking import NOT_YET, ask, wanted

FLAGS: Final = (*asking.FLAGS, Flag(name="show-capacity", kind="bool", default=False))
_HEAD: Final = ("NAME", "CPU(cores)", "CPU(%)", "MEMORY(bytes)", "MEMORY(%)")


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    what = wanted(flags, "node", called="--selector")
    session = Session(flags)
    found = ask(session, NODE_METRICS, "", what)
    if not found:
        raise CommandError(NOT_YET)
    nodes = [session.get(NODES, what.name)] if what.name else session.list(NODES, "", what.selectors)["items"]
    which = "capacity" if flags["show-capacity"] else "allocatable"
    has = {node["metadata"]["name"]: (node.get("status") or {}).get(which) or {} for node in nodes}
    by_name = measured.order(flags["sort-by"], measured.usage_of, lambda each: each["metadata"]["name"])
    rows = [] if flags["no-headers"] else [list(_HEAD)]
    for each in sorted(found, key=by_name):
        of_node = has.pop(each["metadata"]["name"], {})
        rows.append([each["metadata"]["name"], *_cells(each, of_node)])
    rows += [[missing, *[measured.UNKNOWN] * 4] for missing in has]
    sys.stdout.write(measured.text(rows))
    return 0


def _cells(each: Any, has: dict[str, str]) -> list[str]:
    usage = measured.usage_of(each)
    row = []
    for resource, shown in zip(measured.RESOURCES, measured.cells(usage), strict=True):
        row.append(shown)
        if resource in has:
            most = Quantity.parse(has[resource])
            row.append(f"{int(usage[resource].milli / most.milli * 100) if most else 0}%")
    return row
