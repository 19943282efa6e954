"""What the runtime has of one pod, in the order that decisions need.

Pure views. Made by ``observe``; taken by ``plan`` and ``status``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from podbay.cri.runtime import Container, ContainerState, Sandbox

POD_UID = "io.kubernetes.pod.uid"
POD_NAME = "io.kubernetes.pod.name"
POD_NAMESPACE = "io.kubernetes.pod.namespace"
CONTAINER_NAME = "io.kubernetes.container.name"
CLUSTER_NODE = "podbay.io/node"


@dataclass(frozen=True, slots=True)
class Observed:
    """A pod's sandboxes, newest first, and its containers, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: tuple[Container, ...] = ()

    @property
    def sandbox(self) -> Sandbox | None:
        """Return the newest sandbox if it is ready."""
        return self.sandboxes[0] if self.sandboxes and self.sandboxes[0].ready else None

    def newest(self, name: str) -> Container | None:
        """Return a container's newest incarnation."""
        return next((c for c in self.containers if c.name == name), None)

    def previous(self, name: str) -> Container | None:
        """Return the newest incarnation of a container that has ended, the newest one left out."""
        found = [c for c in self.containers if c.name == name][1:]
        return next((c for c in found if c.state is ContainerState.EXITED), None)

    def ended(self, name: str) -> Container | None:
        """Return the newest incarnation of a container that has ended."""
        return next((c for c in self.containers if c.name == name and c.state is ContainerState.EXITED), None)

    def in_sandbox(self, sandbox_id: str) -> "Observed":
        """Return the view of what belongs to one sandbox."""
        return Observed(self.sandboxes, tuple(c for c in self.containers if c.sandbox_id == sandbox_id))

    @property
    def running(self) -> tuple[Container, ...]:
        """Return the containers that run (or whose state is unknown, which must be taken for running)."""
        return tuple(c for c in self.containers if c.state in (ContainerState.RUNNING, ContainerState.UNKNOWN))

    @property
    def is_nothing(self) -> bool:
        """Tell whether the runtime has nothing of the pod."""
        return not self.sandboxes and not self.containers


def observed(sandboxes: Iterable[Sandbox], containers: Iterable[Container]) -> Observed:
    """Return one pod's view of its sandboxes and containers. Attempts tell what is newer: a clock may be set back."""
    return Observed(
        tuple(sorted(sandboxes, key=lambda s: (s.attempt, s.created_at), reverse=True)),
        tuple(sorted(containers, key=lambda c: (c.attempt, c.created_at), reverse=True)),
    )
