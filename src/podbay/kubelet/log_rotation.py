"""Moves logs aside that have grown large, so that a container that writes without end does not fill the disk.

Takes the runtime's running containers; renames the log of each that is too large, has the runtime begin a new one, and
removes the oldest. ``log_files`` knows the names.
Invariant: of a container there are never more than ``container_log_max_files`` logs; the newest of those that were
moved aside is left uncompressed until the next time, for those who still read it; a line is never lost: if the runtime
does not begin a new log, the old one gets its name back.
Source: https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation ; upstream's
ContainerLogManager. Unlike it, nothing waits for a compression: else logs would grow while a large one is compressed.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final

from podbay.cri.runtime import Container, ContainerState, Runtime, RuntimeFailure
from podbay.kubelet import log_files
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.observed import POD_UID
from podbay.kubelet.sandboxes import log_of
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_log = logging.getLogger(__name__)

_MOMENT: Final = "%Y%m%d-%H%M%S"


class LogRotation:
    """See the module."""

    def __init__(self, runtime: Runtime, config: KubeletConfig, clock: Clock) -> None:
        self._runtime = runtime
        self._config = config
        self._clock = clock
        self._waiting: dict[Path, None] = {}
        self._more = asyncio.Event()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        if self._config.container_log_max_bytes < 0:
            return
        async with TaskScope() as scope:
            scope.start(self._pack(), name="compress logs")
            while True:
                try:
                    await self.rotate()
                except RuntimeFailure as error:
                    _log.warning("rotating logs: %s", error)
                await self._clock.sleep(self._config.container_log_monitor_s)

    async def rotate(self) -> None:
        """Move the logs aside that are too large. Raises RuntimeFailure if the runtime cannot tell what runs."""
        for container in await self._runtime.containers():
            # What does not run writes nothing: an empty log would be no help.
            if container.state is ContainerState.RUNNING and POD_UID in container.labels:
                try:
                    await self._look(container)
                except (RuntimeFailure, OSError) as error:
                    _log.warning("rotating the log of container %s: %s", container.id, error)

    async def _look(self, container: Container) -> None:
        log = log_of(self._config.log_root, container)
        if not log.parent.is_dir():
            return
        if not log.exists():
            await self._runtime.reopen_log(container.id)  # a kubelet was killed when it had just moved it
        if log.stat().st_size < max(self._config.container_log_max_bytes, 1):
            return
        moved = log.with_name(f"{log.name}.{self._clock.now().strftime(_MOMENT)}")
        if moved.exists() or moved.with_name(moved.name + log_files.PACKED).exists():
            return  # twice in a second: its name is taken
        for path in log_files.unused(log):
            if not path.name.endswith(log_files.UNFINISHED) or path not in self._unfinished():
                path.unlink(missing_ok=True)
        kept = log_files.older(log)
        spare = max(0, len(kept) - (self._config.container_log_max_files - 2))
        for path in kept[:spare]:
            path.unlink(missing_ok=True)
        for path in kept[spare:]:
            if path.suffix != log_files.PACKED:
                self._waiting[path] = None
                self._more.set()
        log.rename(moved)
        try:
            await self._runtime.reopen_log(container.id)
        except RuntimeFailure:
            if not log.exists():
                moved.rename(log)
            raise

    def _unfinished(self) -> set[Path]:
        return {path.with_name(path.name + log_files.UNFINISHED) for path in self._waiting}

    async def _pack(self) -> None:
        """Compress what waits for it, one after the other."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                path = next(iter(self._waiting))
                try:
                    await asyncio.to_thread(log_files.pack, path)
                except FileNotFoundError:
                    pass  # it was one too many meanwhile
                except OSError as error:
                    _log.warning("compressing %s: %s", path, error)
                self._waiting.pop(path, None)
