"""A cluster for one figure: its name, its command lines, and its end.

Takes a name and a directory of the run's own; gives command lines to run, and what to know to talk to the API server.
Invariant: leaving ``cluster`` destroys it, whatever happened inside.
"""

import contextlib
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import podbay
from podbay.standalone.cluster import Cluster
from podbay.standalone.images.example import build_example

SOURCE: Final = Path(podbay.__file__).parents[1]
ROOT: Final = Path(__file__).parents[1]
_PATIENCE_S: Final = 120.0


class BenchError(Exception):
    """Something did not work that the benchmark needs; the message says what."""


class BenchCluster:
    """See the module."""

    def __init__(self, name: str, directory: Path) -> None:
        self.place = Cluster(name)
        self.name = name
        self.directory = directory
        self.environment = environment(directory)

    def up(self, *arguments: str) -> None:
        """Run ``podbay up``."""
        self.podbay("up", "--name", self.name, *arguments)

    def life(self, command: str) -> None:
        """Run ``down`` or ``destroy``."""
        self.podbay(command, "--name", self.name)

    def import_image(self, archive: Path) -> None:
        """Run ``podbay image import``."""
        self.podbay("image", "import", str(archive), "--name", self.name)

    def podbay(self, *arguments: str) -> str:
        """Run podbay's command line. Raises BenchError."""
        return run(self.command(*arguments), self.environment)

    def command(self, *arguments: str) -> list[str]:
        """Return podbay's command line."""
        return [sys.executable, "-m", "podbay", *arguments]

    @property
    def port(self) -> int:
        """Return the API server's port."""
        return self.place.settings().port

    @property
    def node(self) -> str:
        """Return the first node's name."""
        return self.place.node(1).name

    def tls(self) -> ssl.SSLContext:
        """Return a context with the administrator's certificate."""
        return client_tls(self.place.pki)

    def pid(self, *parts: str) -> int:
        """Return the pid of one of its processes, by its file under the run directory."""
        return int(self.place.run.joinpath(*parts).read_text().split()[0])


@contextlib.contextmanager
def cluster(name: str) -> Iterator[BenchCluster]:
    """Give a name for a cluster that is destroyed afterwards."""
    with tempfile.TemporaryDirectory(prefix="podbay-bench-") as directory:
        made = BenchCluster(f"bench-{name}", Path(directory))
        made.life("destroy")  # what an earlier run may have left when it was killed
        try:
            yield made
        finally:
            made.life("destroy")


def client_tls(pki: Path) -> ssl.SSLContext:
    """Return a context that trusts a cluster's authority and shows the administrator's certificate."""
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))
    return context


def environment(directory: Path) -> dict[str, str]:
    """Return the environment of every command: files of its own, the source under test, bytecode kept as usual."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    paths = os.pathsep.join([str(SOURCE), str(ROOT)])
    return kept | {"KUBECONFIG": str(directory / "kubeconfig"), "HOME": str(directory), "PYTHONPATH": paths}


def run(command: Sequence[str], env: Mapping[str, str] | None = None, *, timeout_s: float = _PATIENCE_S) -> str:
    """Run a command and return its output. Raises BenchError with what it said."""
    try:
        done = subprocess.run(list(command), env=env, capture_output=True, text=True, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(command)}: not done after {timeout_s:.0f} s") from None
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")
    return done.stdout


def kubia_archive() -> Path:
    """Return the example image's archive, built if it is not there."""
    archive = ROOT / ".cache" / "kubia.tar"
    if not archive.exists():
        archive.parent.mkdir(exist_ok=True)
        partial = archive.with_suffix(".partial")
        build_example("kubia", partial)
        shutil.move(partial, archive)
    return archive
