"""How a check says what a pod lacks, and the looks at a pod that the checks share.

Pure. Takes a pod's spec; gives names in upstream's order: init containers, containers, ephemeral containers.
Invariant: lists of values are sorted and without repetition, so that the same pods are told the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from podbay.api.pod_containers import each_container

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a pod may not be, in few words, and which part of it is meant."""

    reason: str
    detail: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


Check = Callable[[Object, Object], Violation | None]  # of a pod's metadata and spec


def security(holder: Object) -> Object:
    """Return the security context of a spec or of a container."""
    found: Object = holder.get("securityContext") or {}
    return found


def containers_that(spec: Object, is_bad: Callable[[Object], bool]) -> list[str]:
    """Return the names of the containers that a condition holds for."""
    return [container.get("name") or "" for _, container in each_container(spec) if is_bad(container)]


def containers(spec: Object) -> Iterable[Object]:
    """Yield every container of a spec."""
    return (container for _, container in each_container(spec))


def named(what: str, names: list[str]) -> str:
    """Return ``container "a"`` or ``containers "a", "b"``."""
    return f"{plural(what, names)} {quoted(names)}"


def setters(names: list[str], *, pod: bool) -> str:
    """Return who set something bad: the pod itself, containers of it, or both."""
    return " and ".join([*(["pod"] if pod else []), *([named("container", names)] if names else [])])


def plural(what: str, counted: Iterable[object]) -> str:
    """Return a noun for one or for several."""
    return what if len(list(counted)) == 1 else f"{what}s"


def quoted(texts: Iterable[str]) -> str:
    """Return texts in quotation marks, as they are."""
    return ", ".join(f'"{text}"' for text in texts)
