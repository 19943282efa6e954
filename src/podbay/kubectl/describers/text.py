"""The text that descriptions are made of: indented lines with tabs, labels, times, ages.

Pure: the present time is given. ``Description`` collects; its text goes through a TabWriter.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from podbay.kubectl.printers.tabwriter import TabWriter
from podbay.wire.table.columns import human_duration
from podbay.wire.times import parse_time

Object = Mapping[str, Any]
NONE: Final = "<none>"
_SKIPPED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_MOST_ANNOTATION: Final = 140


class Description:
    """Lines in the making."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._parts: list[str] = [""]
        self._depth = 0

    def write(self, level: int, text: str) -> None:
        """Add text at an indentation of two spaces per level."""
        self._parts[-1] += "  " * (level + self._depth) + text

    @contextmanager
    def nested(self, levels: int) -> Iterator[None]:
        """Indent whatever is written during a block: each piece of a line, as upstream does."""
        self._depth += levels
        try:
            yield
        finally:
            self._depth -= levels

    def flush(self) -> None:
        """End the columns here: what follows is aligned on its own."""
        self._parts.append("")

    def text(self) -> str:
        """Return everything in columns."""
        return "".join(TabWriter().format(part) for part in self._parts)

    def labels(self, title: str, labels: Mapping[str, str] | None) -> None:
        """Write a map, one pair per line."""
        self.lines(title, [f"{key}={value}" for key, value in sorted((labels or {}).items())])

    def lines(self, title: str, lines: Sequence[str]) -> None:
        """Write a titled list, one item per line."""
        self.write(0, f"{title}:\t")
        for position, line in enumerate(lines or [NONE]):
            if position:
                self.write(0, "")
                self.write(0, "\t")
            self.write(0, f"{line}\n")

    def annotations(self, annotations: Mapping[str, str] | None) -> None:
        """Write annotations; long ones are cut."""
        self.write(0, "Annotations:\t")
        shown = sorted((key, value) for key, value in (annotations or {}).items() if key != _SKIPPED)
        if not shown:
            self.write(0, f"{NONE}\n")
        for position, (key, raw) in enumerate(shown):
            if position:
                self.write(0, "\t")
            value = raw.removesuffix("\n")
            if len(value.encode()) + len(key) + 2 > _MOST_ANNOTATION or "\n" in value:
                self.write(0, f"{key}:\n")
                for line in value.split("\n"):
                    self.write(0, f"\t  {_shorten(line, _MOST_ANNOTATION - 2)}\n")
            else:
                self.write(0, f"{key}: {value}\n")

    def head(self, obj: Object, *, namespaced: bool) -> None:
        """Write name, namespace, labels and annotations."""
        metadata = obj["metadata"]
        self.write(0, f"Name:\t{metadata['name']}\n")
        if namespaced:
            self.write(0, f"Namespace:\t{metadata['namespace']}\n")
        self.labels("Labels", metadata.get("labels"))
        self.annotations(metadata.get("annotations"))

    def conditions(self, conditions: Sequence[Object] | None, seen: str) -> None:
        """Write conditions, if there are any. ``seen`` heads the column that says when each was last looked at."""
        if not conditions:
            return
        self.write(0, f"Conditions:\n  Type\tStatus\t{seen}\tLastTransitionTime\tReason\tMessage\n")
        self.write(1, "----\t------\t-----------------\t------------------\t------\t-------\n")
        for one in conditions:
            last = full_time(one.get(seen[0].lower() + seen[1:]))
            changed = full_time(one.get("lastTransitionTime"))
            told = f"{one.get('reason', '')} \t{one.get('message', '')}"
            self.write(1, f"{one['type']} \t{one['status']} \t{last} \t{changed} \t{told}\n")

    def since(self, text: str | None) -> str:
        """Return how long ago a time was."""
        return human_duration((self.now - parse_time(text)).total_seconds()) if text else "<unknown>"


def full_time(text: str | None) -> str:
    """Return a time in RFC 1123's form with a numeric zone; Go's zero time for none."""
    if not text:
        return "Mon, 01 Jan 0001 00:00:00 +0000"
    moment = parse_time(text)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{days[moment.weekday()]}, {moment.day:02} {months[moment.month - 1]} {moment:%Y %H:%M:%S} +0000"


def _shorten(text: str, most: int) -> str:
    return text[:most] + "..." if len(text) > most else text
