"""Removes what is left of pods that nobody knows any more: containers, sandboxes, files, logs, cgroups.

Takes the runtime, the node's directories and a way to ask which pods are known; asked again before each removal, so
that a pod that comes meanwhile is safe. Called only after the API server's pods were heard.
Invariant: nothing of a known pod is touched.
"""

import asyncio
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet import cgroups, sandboxes
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.observe import Observer
from podbay.kubelet.observed import Observed
from podbay.kubelet.pod_files import PodFiles

_log = logging.getLogger(__name__)
_GRACE_S = 2.0


async def sweep(
    runtime: Runtime, observer: Observer, files: PodFiles, config: KubeletConfig, known: Callable[[], set[str]]
) -> None:
    """Remove everything of unknown pods. Raises RuntimeFailure if the runtime does not answer, OSError."""
    for uid, seen in (await observer.all()).items():
        if uid not in known():
            _log.info("removing what is left of pod %s", uid)
            try:
                await _remove(runtime, seen)
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
