"""Removes what is left of pods that nobody knows any more: containers, sandboxes, files, logs, cgroups.

And what nobody needs any more of those that are known (``dead``).

Takes the runtime, the node's directories and a way to ask which pods are known; asked again before each removal, so
that a pod that comes meanwhile is safe. Called only after the API server's pods were heard.
Invariant: of a known pod nothing is touched that runs, or that its worker decides by.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from podbay.cri.runtime import Container, Runtime, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.dead import dead_containers, dead_sandboxes
from podbay.kubelet.observe import Observer
from podbay.kubelet.observed import Observed
from podbay.kubelet.pod_files import PodFiles

_log = logging.getLogger(__name__)
_GRACE_S = 2.0


class Remover(Protocol):
    """Who removes a dead container of a known pod, with its log."""

    async def remove_container(self, uid: str, container: Container) -> None:
        """Remove a container. Raises RuntimeFailure, OSError."""


async def sweep(
    runtime: Runtime,
    observer: Observer,
    files: PodFiles,
    config: KubeletConfig,
    known: Callable[[], set[str]],
    remover: Remover,
) -> None:
    """Remove everything of unknown pods, and what is dead of the others.

    Raises RuntimeFailure if the runtime does not answer, OSError.
    """
    for uid, seen in (await observer.all()).items():
        try:
            if uid not in known():
                _log.info("removing what is left of pod %s", uid)
                await _remove(runtime, seen)
            else:
                await _remove_dead(runtime, remover, uid, seen, config)
        except RuntimeFailure as error:
            _log.warning("what is left of pod %s: %s", uid, error)
    if not config.is_real:
        return
    for uid in files.uids():
        if uid not in known():
            await asyncio.to_thread(files.remove, uid)
    for uid in cgroups.pods_under(config.cgroup_parent):
        if uid not in known():
            cgroups.remove(sandboxes.cgroup_of(config, uid))
    for directory in _directories(config.log_root):
        if directory.name.rpartition("_")[2] not in known():
            shutil.rmtree(directory, ignore_errors=True)


async def _remove_dead(runtime: Runtime, remover: Remover, uid: str, seen: Observed, config: KubeletConfig) -> None:
    for container in dead_containers(seen, config.max_per_pod_container):
        await remover.remove_container(uid, container)
    for sandbox in dead_sandboxes(seen):
        await runtime.remove_sandbox(sandbox.id)


async def _remove(runtime: Runtime, seen: Observed) -> None:
    for container in seen.running:
        await runtime.stop_container(container.id, _GRACE_S)
    for sandbox in seen.sandboxes:
        await runtime.stop_sandbox(sandbox.id)
        await runtime.remove_sandbox(sandbox.id)
    for container in seen.containers:
        await runtime.remove_container(container.id)


def _directories(root: Path) -> list[Path]:
    return [entry for entry in root.iterdir() if entry.is_dir()] if root.is_dir() else []
