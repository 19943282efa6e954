"""What can be done to a pod's containers, as data; and how it is known that a container must be made anew.

Pure. Made by ``plan`` and ``initialization``, done by ``execute``.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from podbay.cri.runtime import Container

CONTAINER_HASH: Final = "io.kubernetes.container.hash"
CONTAINER_RESOURCES: Final = "podbay.io/resources"  # what it was made with


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Start a container's next incarnation."""

    name: str
    attempt: int


@dataclass(frozen=True, slots=True)
class StopContainer:
    """Stop a container that is to be another one.

    ``message`` is what its event says; ``probe`` names the probe that failed, which may have a grace period of its own.
    """

    name: str
    id: str
    message: str
    probe: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A container that waits for its restart's back-off."""

    name: str
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``kill`` stops everything first. ``sandbox_attempt`` is None if the sandbox stays.

    ``is_over``: nothing will be started any more; what still runs is to be stopped, and the sandbox with it.
    """

    kill: bool = False
    sandbox_attempt: int | None = None
    sandbox_changed: bool = False
    stop: tuple[StopContainer, ...] = ()
    start: tuple[StartContainer, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    is_over: bool = False
    remove: tuple[str, ...] = field(default=())


def container_hash(container: Mapping[str, Any]) -> str:
    """Return what changes when a container must be made anew: its name and image, as upstream has it."""
    return hashlib.sha256(f"{container['name']}\0{container['image']}".encode()).hexdigest()[:8]


def is_changed(container: Mapping[str, Any], running: Container) -> bool:
    """Tell whether a container that runs is not what the pod says any more."""
    wanted = container_hash(container)
    return running.annotations.get(CONTAINER_HASH, wanted) != wanted
