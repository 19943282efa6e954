"""A containerd of its own for one test session: own directories, socket, bridge and addresses, gone afterwards."""

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import RuntimeFailure
from podbay.kubelet import cgroups
from podbay.lib.clock import RealClock
from podbay.standalone.containerd import SANDBOX_IMAGE
from podbay.standalone.images import recipes
from podbay.standalone.images.debian import busybox_files
from podbay.standalone.images.layer import build
from podbay.standalone.machine import binary, cni_directory, oci_runtime_path
from tests.waiting import until

BUSYBOX = "docker.io/library/busybox:latest"


class PrivateContainerd:
    """One containerd. ``kill`` and ``start`` are for tests of what survives it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "containerd.sock"
        self.bridge = f"pbt-{secrets.token_hex(4)}"
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, *, has_default_route: bool = False) -> None:
        """Write the configuration: a bridge of its own, no registry; with a default route, pods reach the host."""
        cni = self.directory / "cni"
        cni.mkdir()
        network = {
            "cniVersion": "0.4.0",
            "name": self.bridge,
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": self.bridge,
                    "isGateway": True,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": f"10.213.{secrets.randbelow(250)}.0/24"}]],
                        "dataDir": str(self.directory / "addresses"),
                        "routes": [{"dst": "0.0.0.0/0"}] if has_default_route else [],
                    },
                }
            ],
        }
        (cni / "10-test.conflist").write_text(json.dumps(network))
        (self.directory / "config.toml").write_text(
            f"""version = 2
root = "{self.directory}/root"
state = "{self.directory}/state"
[grpc]
  address = "{self.socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{SANDBOX_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_directory()}"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "{oci_runtime_path()}"
"""
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.directory / "containerd.log").open("ab") as log:
            command = [binary("containerd", "containerd"), "--config", str(self.directory / "config.toml")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        asyncio.run(self._answering())

    @property
    def pid(self) -> int:
        """Return its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Kill it without warning; what runs under it goes on."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def import_images(self) -> None:
        """Load the sandbox's image and one with a shell."""
        for name, recipe in (
            ("pause", recipes.sandbox_recipe()),
            ("busybox", recipes.busybox_recipe(busybox_files(), BUSYBOX)),
        ):
            archive = self.directory / f"{name}.tar"
            build(recipe, archive)
            command = [binary("ctr", "containerd"), "-a", str(self.socket), "-n", "k8s.io", "images", "import"]
            subprocess.run([*command, str(archive)], check=True, capture_output=True)

    def close(self) -> None:
        """Remove every sandbox, end containerd, and leave nothing behind."""
        asyncio.run(self._remove_all())
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        subprocess.run(["ip", "link", "delete", self.bridge], capture_output=True, check=False)
        for line in Path("/proc/self/mountinfo").read_text().splitlines()[::-1]:
            point = line.split()[4]
            if point.startswith(f"{self.directory}/"):
                subprocess.run(["umount", "-l", point], capture_output=True, check=False)
        cgroups.remove(f"/{self.bridge}")
        shutil.rmtree(self.directory, ignore_errors=True)

    async def _answering(self) -> None:
        runtime = CriRuntime(str(self.socket), RealClock())

        async def is_up() -> bool:
            with contextlib.suppress(RuntimeFailure):
                return (await runtime.info()).network_ready
            return False

        try:
            await until(is_up, "containerd answers", patience_s=30)
        finally:
            await runtime.close()

    async def _remove_all(self) -> None:
        runtime = CriRuntime(str(self.socket), RealClock())
        for sandbox in await runtime.sandboxes():
            await runtime.stop_sandbox(sandbox.id)
            await runtime.remove_sandbox(sandbox.id)
        await runtime.close()


@contextlib.contextmanager
def private_containerd(*, has_default_route: bool = False) -> Iterator[PrivateContainerd]:
    """Run a containerd with images for as long as the block."""
    assert os.geteuid() == 0, "these tests run real containers, which needs root"
    containerd = PrivateContainerd(Path(tempfile.mkdtemp(prefix="podbay-cri-")))
    containerd.configure(has_default_route=has_default_route)
    containerd.start()
    try:
        containerd.import_images()
        yield containerd
    finally:
        containerd.close()
