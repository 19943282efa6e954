"""The container runtime of one node: a containerd of its own, or one that is there already.

Takes a node's place; gives an endpoint that speaks CRI. One of its own is watched, started again when it dies, and
what it leaves behind then is swept.
Invariant: pods outlive the server and containerd alike; a containerd that runs already is taken over, not doubled; a
runtime that was there already is neither started nor stopped, and never one that runs somebody else's pods.
Source: pidfd_open(2): it need not be a child of ours.
"""

import asyncio
import logging
import os
import socket
import struct
from pathlib import Path
from typing import Final, Protocol

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.lib.clock import Clock, RealClock
from podbay.standalone import containerd, processes
from podbay.standalone.cluster import NodePlace
from podbay.standalone.errors import ClusterError
from podbay.standalone.leftovers import ContainerdPlace, living, sweep_leftovers
from podbay.standalone.machine import binary, oci_runtime_path
from podbay.standalone.settings import Settings

_log = logging.getLogger(__name__)

_PATIENCE_S: Final = 20.0


class NodeRuntime(Protocol):
    """What a node does with its runtime."""

    endpoint: str

    async def start(self) -> None:
        """Make sure that it answers. Raises ClusterError."""

    async def keep_running(self) -> None:
        """Start it again whenever it ends, if that is ours to do. Until cancelled."""

    async def sweep(self, runtime: Runtime, patience_s: float) -> None:
        """Remove what it left behind when it was killed. Raises RuntimeFailure, OSError.

        ``patience_s`` is how long whoever asks for a sandbox waits for it.
        """

    async def import_archive(self, archive: Path) -> None:
        """Load an image archive. Raises ClusterError."""


class PrivateRuntime:
    """One node's own containerd."""

    def __init__(self, place: NodePlace, settings: Settings, clock: Clock) -> None:
        self._place = place
        self._settings = settings
        self._clock = clock
        self.endpoint = str(place.socket)

    async def start(self) -> None:
        """Start it if it does not run, and wait until it answers. Raises ClusterError."""
        containerd.launch(self._place)
        deadline = self._clock.monotonic() + _PATIENCE_S
        while True:
            problem = await unanswered(self.endpoint, self._clock)
            if not problem:
                return
            if processes.running(self._place.containerd_pid) is None or self._clock.monotonic() > deadline:
                log = self._place.containerd_log
                raise ClusterError(f"containerd does not answer ({problem}): {processes.last_words(log)}; see {log}")
            await self._clock.sleep(0.01)

    async def keep_running(self) -> None:
        """Start it again whenever it ends. Until cancelled; it goes on running then."""
        while True:
            pid = processes.running(self._place.containerd_pid)
            if pid is not None:
                await processes.ended(pid)
            _log.warning("containerd of %s ended, starting it again", self._place.name)
            try:
                await self.start()
            except (ClusterError, OSError) as error:
                _log.error("%s", error)
                await self._clock.sleep(1.0)

    async def sweep(self, runtime: Runtime, patience_s: float) -> None:
        """Remove what a killed containerd left behind. Raises RuntimeFailure, OSError."""
        pid = processes.running(self._place.containerd_pid)
        if pid is None:
            return  # it is about to be started again, and we shall be called again
        known = living(await runtime.sandboxes(), await runtime.containers())
        place = ContainerdPlace(
            state=self._place.run / "containerd",
            socket=self._place.socket,
            addresses=self._place.run / "addresses",
            pid=pid,
            oci_runtime=oci_runtime_path(self._settings.oci_runtime),
            oci_root=self._place.run / "oci" / "k8s.io",
            cgroup=self._place.cgroup,
            patience_s=patience_s,
        )
        await asyncio.to_thread(sweep_leftovers, place, known)

    async def import_archive(self, archive: Path) -> None:
        """Load an image archive. Raises ClusterError."""
        command = [binary("ctr", "containerd"), "-a", self.endpoint, "-n", "k8s.io"]
        process = await asyncio.create_subprocess_exec(
            *command, "images", "import", str(archive), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise ClusterError(f"importing {archive}: {output.decode(errors='replace').strip()}")


class GivenRuntime:
    """A runtime that was there already (``up --runtime-endpoint``)."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self.endpoint = endpoint
        self._clock = clock

    async def start(self) -> None:
        """See that it answers. Raises ClusterError."""
        problem = await unanswered(self.endpoint, self._clock)
        if problem:
            raise ClusterError(
                f"the runtime at {self.endpoint} does not answer ({problem}): start it, and see that its CRI plugin"
                " is on (disabled_plugins in its config.toml)"
            )

    async def keep_running(self) -> None:
        """Say when it ends. Starting it again is for whoever started it."""
        while True:
            pid = _peer(self.endpoint)
            if pid is not None:
                await processes.ended(pid)
                _log.warning("the runtime at %s ended: whoever started it has to start it again", self.endpoint)
            await self._clock.sleep(1.0)

    async def sweep(self, runtime: Runtime, patience_s: float) -> None:
        """Leave what is its own to it."""

    async def import_archive(self, archive: Path) -> None:
        """Do nothing: it has its own image for sandboxes."""


def look(endpoint: str) -> str:
    """Return the endpoint of a given runtime, for a person, if it answers. Raises ClusterError."""
    asyncio.run(GivenRuntime(endpoint, RealClock()).start())
    return endpoint


async def is_unused(endpoint: str, clock: Clock) -> bool:
    """Tell whether a runtime has no pods. Raises ClusterError if it does not answer."""
    await GivenRuntime(endpoint, clock).start()
    runtime = CriRuntime(endpoint, clock)
    try:
        return not await runtime.sandboxes()
    except RuntimeFailure as error:
        raise ClusterError(f"the runtime at {endpoint}: {error.message}") from None
    finally:
        await runtime.close()


def _peer(endpoint: str) -> int | None:
    """Return the process behind a socket, or None if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(endpoint.removeprefix("unix://"))
        except OSError:
            return None
        return int(struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])


async def unanswered(endpoint: str, clock: Clock) -> str:
    """Return why a runtime does not answer, or an empty text if it does."""
    if not os.path.exists(endpoint.removeprefix("unix://")):  # noqa: ASYNC240 a socket file, looked at once
        return "its socket is not there"
    runtime = CriRuntime(endpoint, clock)
    try:
        await runtime.info()
    except RuntimeFailure as error:
        return error.message
    finally:
        await runtime.close()
    return ""
