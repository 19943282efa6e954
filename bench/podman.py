"""podman as a peer: the same YAML with ``podman kube play``.

Takes the example's archive and manifest; gives durations. podman is Debian's, and installed only if it is missing and
the caller asks for it; apt may remove nothing. Storage, network and addresses are the benchmark's own, and the pods run
under the same low-level runtime and CNI plugins as podbay's.
Invariant: what podman stored, and its bridge, are removed at the end of ``podman``.
Source: containers.conf(5), podman-kube-play(1).
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.cluster import BenchError, run

_NETWORK: Final = "bench"
_BRIDGE: Final = "bench-podman"
_SUBNET: Final = "10.254.249.0/24"
_PLUGINS: Final = ("/usr/lib/cni", "/opt/cni/bin")
_POLICY: Final = Path("/usr/sbin/policy-rc.d")


# podman asks for more open files than a machine without CAP_SYS_RESOURCE lets anybody have, and cannot be told not to.
_RUNTIME: Final = """#!/bin/sh
for word; do
    [ "$before" = --bundle ] && sed -i 's/"rlimits":\\[[^]]*\\]/"rlimits":[]/' "$word/config.json"
    before=$word
done
exec {runtime} "$@"
"""
_SETTINGS: Final = """[network]
network_backend = "cni"
network_config_dir = "{root}/networks"
cni_plugin_dirs = {plugins}
"""


class Podman:
    """podman with storage and a network of its own under a directory."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self._command = ["podman", "--root", str(root / "storage"), "--runroot", str(root / "run")]
        self._command += ["--runtime", str(root / "runtime")]
        self._environment = {**environment, "CONTAINERS_CONF": str(root / "containers.conf")}
        (root / "networks").mkdir(parents=True)
        (root / "networks" / "bench.conflist").write_text(json.dumps(_network(root)))
        (root / "containers.conf").write_text(_SETTINGS.format(root=root, plugins=json.dumps(_PLUGINS)))
        (root / "runtime").write_text(_RUNTIME.format(runtime=shutil.which("runc") or shutil.which("crun")))
        (root / "runtime").chmod(0o755)

    def load(self, archive: Path) -> None:
        """Load an image. Raises BenchError."""
        run([*self._command, "load", "-i", str(archive)], self._environment)

    def play(self, manifest: Path) -> float:
        """Start the pod of a manifest, and remove it; return how many seconds the start took. Raises BenchError."""
        began = time.monotonic()
        try:
            run([*self._command, "kube", "play", "--network", _NETWORK, str(manifest)], self._environment)
            return time.monotonic() - began
        finally:
            run([*self._command, "pod", "rm", "--all", "--force", "--time", "0"], self._environment)

    def close(self) -> None:
        """Remove everything that it stored, and its bridge."""
        for command in ([*self._command, "system", "reset", "--force"], ["ip", "link", "delete", _BRIDGE]):
            subprocess.run(command, env=self._environment, capture_output=True, check=False, timeout=60)


@contextlib.contextmanager
def podman(root: Path, environment: Mapping[str, str], archive: Path) -> Iterator[Podman]:
    """Give a podman that has the image. Raises BenchError."""
    made = Podman(root, environment)
    try:
        made.load(archive)
        yield made
    finally:
        made.close()


def _network(root: Path) -> dict[str, Any]:
    """Return a network like those of podbay's pods."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": _SUBNET}]],
        "routes": [{"dst": "0.0.0.0/0"}],
        "dataDir": str(root / "addresses"),
    }
    bridge = {"type": "bridge", "bridge": _BRIDGE, "isGateway": True, "hairpinMode": True, "ipam": addresses}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": _NETWORK, "plugins": [bridge, portmap]}


def available(*, install: bool) -> str:
    """Return an empty text if podman is there (now), or why it is not."""
    if shutil.which("podman"):
        return ""
    if not install:
        return "podman is not installed; --install-podman has it installed"
    try:
        _install()
    except BenchError as error:
        return f"podman could not be installed: {str(error).splitlines()[-1]}"
    return "" if shutil.which("podman") else "podman is not on the path"


def _install() -> None:
    made = not _POLICY.exists()
    if made:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")  # no service that the package brings is started
        _POLICY.chmod(0o755)
    try:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        options = ["-y", "-qq", "--no-remove", "--no-install-recommends"]
        run(["apt-get", "install", *options, "podman"], environment, timeout_s=300.0)
    finally:
        if made:
            _POLICY.unlink(missing_ok=True)
