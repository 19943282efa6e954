"""``top pod``: what pods use, or each of their containers."""

import sys
from datetime import UTC, datetime
from typing import Any, Final

from podbay.api.resources import POD_METRICS, PODS
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.session import Session
from podbay.kubectl.top import asking, measured
from podbay.kubectl.top.asking import NOT_YET, ask, wanted
from podbay.wire.durations import go_duration
from podbay.wire.times import parse_time

FLAGS: Final = (
    *asking.FLAGS,
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="containers", kind="bool", default=False),
    Flag(name="field-selector", default=""),
    Flag(name="sum", kind="bool", default=False),
)
_HEAD: Final = ("NAME", "CPU(cores)", "MEMORY(bytes)")
_PATIENCE_S: Final = 120.0  # a pod that is younger may not have been measured yet
_RULE: Final = "________"


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    what = wanted(flags, "pod", called="selector")
    session = Session(flags)
    namespace = "" if flags["all-namespaces"] and not what.name else session.namespace
    found = ask(session, POD_METRICS, namespace, what)
    if not found:
        pods = session.list(PODS, namespace, what.selectors)["items"]
        for pod in pods:
            _check_age(pod)
        if pods:
            raise CommandError(NOT_YET)
        where = "" if flags["all-namespaces"] else f" in {namespace} namespace."
        sys.stderr.write(f"No resources found{where}\n")
        return 0
    sys.stdout.write(measured.text(_rows(flags, found)))
    return 0


def _check_age(pod: Any) -> None:
    """Raise CommandError for a pod that should have been measured by now."""
    age = datetime.now(UTC) - parse_time(pod["metadata"]["creationTimestamp"])
    if age.total_seconds() > _PATIENCE_S:
        place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        raise CommandError(f"Metrics not available for pod {place}, age: {go_duration(age.total_seconds())}")


def _rows(flags: Parsed, found: list[Any]) -> list[list[str]]:
    everywhere, each_container = flags["all-namespaces"], flags["containers"]
    before = (["NAMESPACE"] if everywhere else []) + (["POD"] if each_container else [])
    rows = [] if flags["no-headers"] else [[*before, *_HEAD]]

    def named(pod: Any) -> tuple[str, str]:
        metadata = pod["metadata"]
        return (metadata["namespace"] if everywhere else "", metadata["name"])

    for pod in sorted(found, key=measured.order(flags["sort-by"], _of_pod, named)):
        metadata = pod["metadata"]
        place = [metadata["namespace"]] if everywhere else []
        if not each_container:
            rows.append([*place, metadata["name"], *measured.cells(_of_pod(pod))])
            continue
        by = measured.order(flags["sort-by"], measured.usage_of, lambda container: container["name"])
        for container in sorted(pod["containers"], key=by):
            cells = measured.cells(measured.usage_of(container))
            rows.append([*place, metadata["name"], container["name"], *cells])
    if flags["sum"]:
        width = len(_HEAD) + (len(before) if not flags["no-headers"] else 0)
        rows.append([*[""] * (width - 2), _RULE, _RULE])
        total = measured.together(_of_pod(pod) for pod in found)
        rows.append([*[""] * (width - 3), "", *measured.cells(total)])
    return rows


def _of_pod(pod: Any) -> measured.Usage:
    return measured.together(measured.usage_of(container) for container in pod["containers"])
