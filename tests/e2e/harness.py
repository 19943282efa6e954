"""A real cluster for the end-to-end tests: real containerd, real kubectl, podbay's own command line.

A missing tool is an error, never a skip. Every command runs with the cluster's own KUBECONFIG.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 40.0
NEWEST: Final = "1.33"
VERSIONS: Final = ("1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33")
Pod = dict[str, Any]


def kubectl_path(version: str) -> str:
    """Return the kubectl of a version: beside the `kubectl` on the path, or that one itself."""
    found = shutil.which("kubectl")
    assert found, "kubectl is not installed: put kubectl on the path, with kubectl.1.27 and so on beside it"
    beside = Path(found).resolve().parent / f"kubectl.{version}"
    for candidate in (beside, Path(found).parent / f"kubectl.{version}"):
        if candidate.exists():
            return str(candidate)
    told = subprocess.run([found, "version", "--client", "-o", "json"], capture_output=True, text=True, check=True)
    minor = json.loads(told.stdout)["clientVersion"]["gitVersion"].removeprefix("v").rpartition(".")[0]
    assert minor == version, f"kubectl {version} is not there: only {found}, which is {minor}"
    return found


class Finished:
    """What a command said, and how it ended."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self) -> str:
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class RealCluster:
    """One cluster that ``podbay up`` made."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.context = f"podbay-{name}"
        self.directory = directory
        # A server runs in another directory: a relative PYTHONPATH would give it another podbay than the tested one.
        ours = {"KUBECONFIG": str(directory / "kubeconfig"), "HOME": str(directory), "PYTHONPATH": str(ROOT / "src")}
        self.environment = {**os.environ, **ours}

    def podbay(self, *arguments: str, check: bool = True, stdin: str | None = None) -> Finished:
        """Run podbay's command line."""
        return self._run([sys.executable, "-m", "podbay", *arguments], check=check, stdin=stdin)

    def kubectl(self, *arguments: str, check: bool = True, stdin: str | None = None, version: str = NEWEST) -> Finished:
        """Run a real kubectl."""
        return self._run([kubectl_path(version), *arguments], check=check, stdin=stdin)

    def cli(self, which: str) -> Callable[..., Finished]:
        """Return one of the two command lines by name."""
        return self.podbay if which == "podbay" else self.kubectl

    def up(self, *arguments: str) -> Finished:
        """Bring it up."""
        return self.podbay("up", "--name", self.name, *arguments)

    def life(self, command: str) -> Finished:
        """Run down, status or destroy."""
        return self.podbay(command, "--name", self.name)

    def get(self, *arguments: str) -> Any:
        """Return an object or a list."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json").out)

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create objects."""
        document = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("create", "-f", "-", stdin=json.dumps(document))

    def wait_ready(self, *pods: str, namespace: str = "default") -> list[Pod]:
        """Wait until pods are ready, and return them."""
        names = [f"pod/{name}" for name in pods]
        self.kubectl("wait", "-n", namespace, "--for=condition=Ready", f"--timeout={int(PATIENCE_S)}s", *names)
        return [self.get("pod", name, "-n", namespace) for name in pods]

    def wait_gone(self, *pods: str, namespace: str = "default") -> None:
        """Delete pods and wait until they are gone."""
        self.kubectl("delete", "pod", *pods, "-n", namespace, "--grace-period=1", "--ignore-not-found")

    def exec(self, pod: str, *command: str, container: str = "") -> str:
        """Run a command in a pod and return what it wrote."""
        chosen = ["-c", container] if container else []
        return self.kubectl("exec", pod, *chosen, "--", *command).out

    def nodes(self) -> list[str]:
        """Return the nodes' names, the first first."""
        return sorted(node["metadata"]["name"] for node in self.get("nodes")["items"])

    def pid(self, *parts: str) -> int:
        """Return the pid of one of the cluster's processes, by its file under the run directory."""
        return int(Path("/run/podbay", self.name, *parts).read_text().split()[0])

    def servers(self) -> list[int]:
        """Return the pids of the cluster's Python processes."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"podbay" in words and self.name.encode() in words and (b"server" in words or b"agent" in words):
                found.append(int(entry.name))
        assert found
        return found

    @contextmanager
    def port_forward(
        self, pod: str, port: int, *, which: str = "kubectl", version: str = NEWEST
    ) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
        """Forward any local port to a pod's; give the URL."""
        tool = [sys.executable, "-m", "podbay"] if which == "podbay" else [kubectl_path(version)]
        with subprocess.Popen(
            [*tool, "port-forward", pod, f":{port}"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line.startswith("Forwarding from 127.0.0.1:"), line
                yield f"http://127.0.0.1:{line.split()[2].rpartition(':')[2]}", process
            finally:
                process.terminate()

    def _run(self, command: list[str], *, check: bool, stdin: str | None) -> Finished:
        done = subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, check=False, timeout=100
        )
        finished = Finished(done)
        assert not check or finished.code == 0, f"{' '.join(command)}: {finished!r}"
        return finished


def until(is_so: Callable[[], Any], what: str, *, patience_s: float = PATIENCE_S) -> Any:
    """Look until something is true, and return it."""
    deadline = time.monotonic() + patience_s
    while True:
        found = is_so()
        if found:
            return found
        assert time.monotonic() < deadline, f"not so after {patience_s:.0f} s: {what}"
        time.sleep(0.05)


def throughout(seconds: float, look: Callable[[], None]) -> None:
    """Look again and again for a while: ``look`` asserts what must not happen, which no event could tell."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        look()
        time.sleep(0.05)


def fetch(url: str) -> str:
    """Return what a URL answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def pod(name: str, *containers: Mapping[str, Any], **spec: Any) -> Pod:
    """Return a pod's manifest; containers that name no image get busybox."""
    filled = [{"image": "busybox", "imagePullPolicy": "IfNotPresent", **container} for container in containers]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": filled, **spec},
    }


def shell(name: str, script: str, **rest: Any) -> dict[str, Any]:
    """Return a container that runs a shell script."""
    return {"name": name, "command": ["sh", "-c", script], **rest}


SLEEP: Final = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
