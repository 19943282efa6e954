"""Every file under ``examples/``: what its comment says is typed, in its order, and must say what is written there.

In a comment a line that begins with ``#   $ `` is a command, and the lines after it are what it says, where ``…`` is
anything. What only reads is asked again until it says so, because a cluster comes to a state in its own time.
"""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.harness import NEWEST, PATIENCE_S, ROOT, RealCluster, kubectl_path

pytestmark = pytest.mark.e2e
_READS = ("kubectl get ", "kubectl logs ", "kubectl describe ", "kubectl events ", "kubectl exec ")
# The README's first minute is a test of its own.
EXAMPLES = sorted(file.name for file in (ROOT / "examples").glob("*.yaml") if file.name != "kubia-manual.yaml")


@dataclass(frozen=True)
class Step:
    """A command and what it says."""

    command: str
    says: str

    @property
    def reads(self) -> bool:
        """Say whether asking again does no harm."""
        return bool(self.says) and self.command.startswith(_READS)

    def matches(self, said: str) -> bool:
        """Say whether an output is what is written."""
        pattern = ".*".join(re.escape(part) for part in self.says.split("…"))
        return re.fullmatch(pattern, said.strip("\n"), re.DOTALL) is not None


def steps(text: str) -> list[Step]:
    """Return the commands of a file's comment, each with the lines that follow it."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        if line.startswith("#   $ "):
            found.append([line.removeprefix("#   $ ")])
        elif line.startswith("#   ") and found:
            found[-1].append(line.removeprefix("#   "))
    return [Step(command, "\n".join(lines)) for command, *lines in found]


def typed(cluster: RealCluster, command: str, path: Path) -> str:
    """Return everything that a command says in the checkout's root."""
    environment = {**cluster.environment, "PATH": f"{path}:{cluster.environment['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=100,
    )
    return done.stdout


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which ``kubectl`` is the newest one."""
    directory = tmp_path_factory.mktemp("bin")
    (directory / "kubectl").symlink_to(kubectl_path(NEWEST))
    return directory


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_does_what_its_comment_says(cluster: RealCluster, kubectl: Path, name: str) -> None:
    todo = steps((ROOT / "examples" / name).read_text())
    assert todo, "an example says in its comment what to type"
    for step in todo:
        said = typed(cluster, step.command, kubectl)
        deadline = time.monotonic() + PATIENCE_S
        while step.reads and not step.matches(said) and time.monotonic() < deadline:
            said = typed(cluster, step.command, kubectl)
        assert step.matches(said), f"$ {step.command}\n{said}\n--- instead of\n{step.says}"
