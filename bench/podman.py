"""podman as a peer: the same YAML with ``podman kube play``.

Takes the example's archive and manifest; gives durations. podman is Debian's, and installed only if it is missing and
the caller asks for it; apt may remove nothing. Its storage and run directory are the benchmark's own.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.cluster import BenchError, run

_POLICY: Final = Path("/usr/sbin/policy-rc.d")


class Podman:
    """podman with storage of its own."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self._command = ["podman", "--root", str(root / "storage"), "--runroot", str(root / "run")]
        self._environment = environment

    def load(self, archive: Path) -> None:
        """Load an image. Raises BenchError."""
        run([*self._command, "load", "-i", str(archive)], self._environment)

    def play(self, manifest: Path) -> float:
        """Start the pod of a manifest, and remove it; return how many seconds the start took. Raises BenchError."""
        began = time.monotonic()
        try:
            run([*self._command, "kube", "play", "--network", "none", str(manifest)], self._environment)
            return time.monotonic() - began
        finally:
            run([*self._command, "pod", "rm", "--all", "--force", "--time", "0"], self._environment)


@contextlib.contextmanager
def podman(root: Path, environment: dict[str, str], archive: Path) -> Iterator[Podman]:
    """Give a podman that has the image; what it stored is unmounted and removed afterwards. Raises BenchError."""
    made = Podman(root, environment)
    try:
        made.load(archive)
        yield made
    finally:
        subprocess.run(
            [*made._command, "system", "reset", "--force"], env=environment, capture_output=True, check=False
        )


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
