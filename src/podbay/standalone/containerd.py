"""A private containerd for one node: configured, started detached, watched, started again when it dies.

Takes a node's place; gives a socket that speaks CRI. Nothing of it is shared with another containerd on the machine.
Invariant: the pods outlive the server and containerd alike; a containerd that runs already is taken over, not doubled.
Source: https://github.com/containerd/containerd/blob/main/docs/cri/config.md
"""

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Final

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import RuntimeFailure
from podbay.lib.clock import Clock
from podbay.standalone import processes
from podbay.standalone.cluster import ClusterError, NodePlace
from podbay.standalone.pki import Pair

_log = logging.getLogger(__name__)

SANDBOX_IMAGE: Final = "podbay.internal/pause:1"
_PATIENCE_S: Final = 20.0
_CNI_DIRECTORIES: Final = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_RUNTIMES: Final = ("runc", "crun")


def cni_directory() -> Path:
    """Return where the CNI plugins are. Raises ClusterError."""
    for directory in _CNI_DIRECTORIES:
        if (directory / "bridge").exists():
            return directory
    raise ClusterError("no CNI plugins found: install the package containernetworking-plugins")


def binary(name: str, package: str) -> str:
    """Return a command's path. Raises ClusterError that names the package to install."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        raise ClusterError(f"{name} is not installed: install the package {package}")
    return found


def low_level_runtime() -> str:
    """Return the path of runc or crun. Raises ClusterError."""
    for name in _RUNTIMES:
        found = shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        if found:
            return found
    raise ClusterError("neither runc nor crun is installed: install the package runc")


def configure(place: NodePlace, *, server: str, ca: Path, identity: Pair) -> Path:
    """Write containerd's configuration and its way to the cluster's image registry; return the file."""
    certificates = place.state / "registry.d" / "_default"
    certificates.mkdir(parents=True, exist_ok=True)
    (certificates / "hosts.toml").write_text(
        f'[host."{server}"]\n'
        '  capabilities = ["pull", "resolve"]\n'
        f'  ca = "{ca}"\n'
        f'  client = [["{identity.certificate}", "{identity.key}"]]\n'
    )
    for directory in (place.run / "cni", place.state / "containerd", place.run / "containerd"):
        directory.mkdir(parents=True, exist_ok=True)
    path = place.state / "containerd.toml"
    path.write_text(
        f"""version = 2
root = "{place.state}/containerd"
state = "{place.run}/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{place.socket}"
[debug]
  level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{SANDBOX_IMAGE}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  max_container_log_line_size = 16384
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_directory()}"
    conf_dir = "{place.run}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{place.state}/registry.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{low_level_runtime()}"
        SystemdCgroup = false
"""
    )
    return path


class Containerd:
    """One node's containerd."""

    def __init__(self, place: NodePlace, configuration: Path, clock: Clock) -> None:
        self._place = place
        self._configuration = configuration
        self._clock = clock
        self._pid_file = place.run / "containerd.pid"

    async def start(self) -> None:
        """Start it if it does not run, and wait until it answers. Raises ClusterError."""
        if processes.running(self._pid_file) is None:
            self._place.socket.unlink(missing_ok=True)
            processes.start(
                [binary("containerd", "containerd"), "--config", str(self._configuration)],
                log=self._place.log / "containerd.log",
                pid_file=self._pid_file,
            )
        deadline = self._clock.monotonic() + _PATIENCE_S
        while True:
            if self._place.socket.exists():
                runtime = CriRuntime(str(self._place.socket), self._clock)
                try:
                    await runtime.info()
                    return
                except RuntimeFailure as error:
                    problem = error.message
                finally:
                    await runtime.close()
            else:
                problem = "it has not made its socket"
            if processes.running(self._pid_file) is None or self._clock.monotonic() > deadline:
                raise ClusterError(f"containerd does not answer ({problem}): see {self._place.log}/containerd.log")
            await self._clock.sleep(0.01)

    async def keep_running(self) -> None:
        """Start it again whenever it ends. Until cancelled; it goes on running then."""
        while True:
            pid = processes.running(self._pid_file)
            if pid is not None:
                await processes.ended(pid)
            _log.warning("containerd of %s ended, starting it again", self._place.name)
            try:
                await self.start()
            except ClusterError as error:
                _log.error("%s", error)
                await self._clock.sleep(1.0)

    async def import_archive(self, archive: Path) -> None:
        """Load an image archive. Raises ClusterError."""
        command = [binary("ctr", "containerd"), "-a", str(self._place.socket), "-n", "k8s.io"]
        process = await asyncio.create_subprocess_exec(
            *command, "images", "import", str(archive), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise ClusterError(f"importing {archive}: {output.decode(errors='replace').strip()}")
