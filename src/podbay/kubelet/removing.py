"""Removes what was of a pod: one container that was superseded, or everything of a pod that is gone.

Takes what the runtime has of it; leaves neither containers nor sandboxes, logs, files or cgroups behind.
Invariant: what was removed is gone from the disk as well, and nobody listens for its end any more.
"""

import asyncio
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from podbay.cri.runtime import Container
from podbay.kubelet import cgroups, log_files, sandboxes
from podbay.kubelet.observed import Observed

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet


class Remover:
    """See the module."""

    def __init__(self, kubelet: "Kubelet") -> None:
        self._kubelet = kubelet

    async def remove_container(self, uid: str, container: Container) -> None:
        """Remove a container that was superseded, with its log and its last words. Raises RuntimeFailure."""
        kubelet = self._kubelet
        await kubelet.runtime.remove_container(container.id)
        kubelet.runtime_events.forget_container(container.id)
        if kubelet.config.is_real:
            log_files.remove(sandboxes.log_of(kubelet.config.log_root, container))
            kubelet.files.forget_message(uid, container.name, container.attempt)

    async def remove_pod(self, pod: Mapping[str, Any], seen: Observed) -> None:
        """Remove everything of a pod that the API server has forgotten. Raises RuntimeFailure, OSError."""
        kubelet, uid = self._kubelet, pod["metadata"]["uid"]
        kubelet.prober.forget(uid)
        kubelet.volumes.forget(uid)
        for sandbox in seen.sandboxes:
            await kubelet.runtime.stop_sandbox(sandbox.id)
            await kubelet.runtime.remove_sandbox(sandbox.id)
        for container in seen.containers:
            await kubelet.runtime.remove_container(container.id)
        if kubelet.config.is_real:
            await asyncio.to_thread(self._remove_files, pod)
            cgroups.remove(sandboxes.cgroup_of(kubelet.config, uid))

    def _remove_files(self, pod: Mapping[str, Any]) -> None:
        """Remove a pod's directories. Raises OSError."""
        self._kubelet.files.remove(pod["metadata"]["uid"])
        shutil.rmtree(sandboxes.log_directory(self._kubelet.config.log_root, pod), ignore_errors=True)
