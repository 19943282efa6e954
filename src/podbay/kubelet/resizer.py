"""Resizes one pod: has what it wants allocated if the node can, and gives it to the containers that run.

Takes the pod as the API server has it; talks to the runtime and writes the pod's cgroup, which is widened first and
narrowed last. What keeps it waiting is remembered for the status.
Invariant: between deciding and allocating nothing else is decided, so the node is never promised twice; whatever fails
is tried again by a later step, and begins with what the containers have.
Source: upstream's handlePodResourcesResize and doPodResizeAction.
"""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from podbay.client.rest import Object
from podbay.cri.runtime import LinuxResources, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.observed import Observed
from podbay.kubelet.resizing import (
    Actual,
    ResizeState,
    actual_pod,
    actual_resources,
    is_felt,
    most_of,
    resources_by_name,
    to_update,
)
from podbay.kubelet.resources import linux_resources, pod_resources

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet

_log = logging.getLogger(__name__)


class Resizer:
    """See the module."""

    def __init__(self, kubelet: "Kubelet", uid: str) -> None:
        self._kubelet = kubelet
        self._uid = uid
        self._pending: tuple[str, str] | None = None
        self._error = ""

    @property
    def is_pending(self) -> bool:
        """Tell whether the pod waits for what it wants."""
        return self._pending is not None

    @property
    def is_in_progress(self) -> bool:
        """Tell whether something was allocated that the containers have not got."""
        known = self._kubelet.allocations.of(self._uid)
        return known is not None and not known.is_settled

    @property
    def state(self) -> ResizeState:
        """Return how the resize stands."""
        return ResizeState(pending=self._pending, is_in_progress=self.is_in_progress, error=self._error)

    def actual(self, seen: Observed) -> Actual:
        """Return what the containers have that run."""
        known = self._kubelet.allocations.of(self._uid)
        return actual_resources(seen, known.updated if known is not None else {})

    def allocate(self, wanted: Object) -> None:
        """Allocate what the pod wants, if that can be. Raises OSError."""
        allocations = self._kubelet.allocations
        known = allocations.of(self._uid) or allocations.admit(wanted)
        self._pending = None
        if known.allocated != resources_by_name(wanted):
            self._pending = self._kubelet.room.resize_refusal(wanted)
            if self._pending is None:
                allocations.resize(wanted)
                self._error = ""

    async def actuate(self, pod: Object, seen: Observed, stopped: Collection[str]) -> bool:
        """Give what was allocated to the containers that go on running; return whether all of it is done.

        ``stopped`` are the ids of containers that were just stopped: they are made anew.
        """
        kubelet = self._kubelet
        actual = {key: value for key, value in self.actual(seen).items() if key not in stopped}
        path, sizes = sandboxes.cgroup_of(kubelet.config, self._uid), kubelet.page_sizes
        wanted = pod_resources(pod, sizes)
        try:
            self._limit(path, most_of(wanted, pod_resources(actual_pod(pod, seen, actual), sizes)))
            for container, asked in to_update(pod, seen, actual):
                resources = asked.get("resources") or {}
                if is_felt(resources, actual[container.id]):
                    limits = linux_resources(pod, asked, kubelet.memory_bytes, sizes)
                    await kubelet.runtime.update_resources(container.id, limits)
                kubelet.allocations.updated(self._uid, container.id, resources)
            self._limit(path, wanted)
            kubelet.allocations.settled(self._uid, {container.id for container in seen.containers})
        except (RuntimeFailure, OSError) as error:
            self._error = str(error)
            _log.warning("resizing pod %s: %s", pod["metadata"]["name"], error)
            return False
        self._error = ""
        return True

    def _limit(self, path: str, resources: LinuxResources) -> None:
        if self._kubelet.config.is_real:
            cgroups.prepare(path, resources)
