"""Every version of a pod that a watcher sees, for invariants that must hold at every moment."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.harness import NEWEST, RealCluster, kubectl_path, until

Pod = dict[str, Any]


@contextmanager
def watched(cluster: RealCluster, name: str, *, until_gone: bool = False) -> Iterator[list[Pod]]:
    """Give a list that is filled at the block's end with a pod's versions, in order.

    ``until_gone``: the end waits until the watch has told that the pod was deleted; its last version is that one.
    kubectl writes to a file: a pipe that nobody reads meanwhile would be full after some minutes, and stop the watch.
    """
    command = [kubectl_path(NEWEST), "get", "pod", "--watch", "--output-watch-events", "-o", "json"]
    seen: list[Pod] = []
    with tempfile.NamedTemporaryFile("w") as written:

        def events() -> list[Any]:
            return whole_documents(Path(written.name).read_text("utf-8"))

        def is_gone() -> bool:
            return [event["type"] for event in events()][-1:] == ["DELETED"]

        chosen = f"--field-selector=metadata.name={name}"
        with subprocess.Popen([*command, chosen], env=cluster.environment, stdout=written) as process:
            try:
                yield seen
                if until_gone:
                    until(is_gone, f"the watch tells that {name} was deleted")
            finally:
                process.terminate()
        seen += [event["object"] for event in events()]


def whole_documents(text: str) -> list[Any]:
    """Return the JSON objects written one after another; of a writer that was ended, the last may be cut off.

    Raises ValueError if a document is broken otherwise: what was written whole is never lost.
    """
    found: list[Any] = []
    decoder, at = json.JSONDecoder(), 0
    while (at := _skip(text, at)) < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            if text[at] == "{" and _is_cut_off(text[at:]):
                return found
            raise
        found.append(value)
    return found


def _is_cut_off(text: str) -> bool:
    """Tell whether an object's first bracket is never closed, strings aside."""
    depth, in_string, escaped = 0, False, False
    for character in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped, in_string = character == "\\", character != '"'
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "]}":
            depth -= 1
            if depth == 0:
                return False
    return True


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def condition(pod: Pod, kind: str) -> dict[str, Any]:
    """Return a condition of a pod, empty if it has none of that type."""
    conditions = pod["status"].get("conditions") or ()
    return next((dict(c) for c in conditions if c["type"] == kind), {})


def status_of(pod: Pod, name: str) -> dict[str, Any]:
    """Return the status of one of a pod's containers, of whatever kind."""
    status = pod["status"]
    fields = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return next((dict(s) for field in fields for s in status.get(field) or () if s["name"] == name), {})
