"""What ``top node`` and ``top pod`` ask for: their flags, what these rule out, and the metrics API's answer.

Takes parsed flags; gives NodeMetrics and PodMetrics. What makes no sense is refused before a server is asked.
"""

from typing import Final, NamedTuple

from podbay.api.errors import NotFound
from podbay.api.resources import Resource
from podbay.api.selectors import parse_field_selector, parse_label_selector
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed
from podbay.kubectl.session import Object, Session
from podbay.kubectl.top.measured import RESOURCES

FLAGS: Final = (
    Flag(name="no-headers", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="sort-by", default=""),
    Flag(name="use-protocol-buffers", kind="bool", default=True),
)
NOT_YET: Final = "metrics not available yet"


class Wanted(NamedTuple):
    """What is asked for: one object by its name, or all that selectors choose."""

    name: str
    selectors: dict[str, str]


def wanted(flags: Parsed, which: str, *, called: str) -> Wanted:
    """Return what flags ask for. ``called`` is what kubectl calls the selectors. Raises CommandError."""
    given = {"labelSelector": flags["selector"], "fieldSelector": flags.values.get("field-selector", "")}
    selectors = {kind: text for kind, text in given.items() if text}
    if len(flags.words) > 1:
        raise UsageError(f"{which} [NAME | -l label]", command=f"top {which}")
    if flags["sort-by"] not in ("", *RESOURCES):
        raise CommandError("--sort-by accepts only cpu or memory")
    if flags.words and selectors:
        raise CommandError(f"only one of NAME or {called} can be provided")
    try:
        parse_label_selector(given["labelSelector"])
        parse_field_selector(given["fieldSelector"])
    except ValueError as error:
        raise CommandError(str(error)) from None
    return Wanted(flags.words[0] if flags.words else "", selectors)


def ask(session: Session, resource: Resource, namespace: str, what: Wanted) -> list[Object]:
    """Return what was measured. Raises CommandError, StatusError."""
    try:
        if what.name:
            return [session.get(resource, what.name, namespace)]
        found: list[Object] = session.list(resource, namespace, what.selectors)["items"]
    except NotFound:
        _check_available(session, resource)
        raise
    return found


def _check_available(session: Session, resource: Resource) -> None:
    """Raise CommandError for a server that serves no metrics at all."""
    try:
        session.send("GET", f"/apis/{resource.api_version}")
    except NotFound:
        raise CommandError("Metrics API not available") from None
