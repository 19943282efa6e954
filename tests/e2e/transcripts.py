"""What a text says to type, and what it says that comes of it: the examples' comments and the pages under ``docs/``.

Takes the lines of a transcript, in which ``$ `` begins a command and the lines after it are what it says; ``…`` is
anything. Types the commands into one shell, in order. What only reads is asked again until it says so: a cluster comes
to a state in its own time.
"""

import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.e2e.harness import PATIENCE_S, ROOT, RealCluster

_READS: Final = ("kubectl get ", "kubectl logs ", "kubectl describe ", "kubectl events ", "kubectl exec ", "curl ")
_DONE: Final = "--- typed"
_JOB: Final = re.compile(r"\[\d+\]")  # what a shell tells about its jobs, when it comes to it


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
        """Say whether an output is what is written; blanks at the ends of lines are nobody's business."""
        pattern = ".*".join(re.escape(part) for part in _trimmed(self.says).split("…"))
        return re.fullmatch(pattern, _trimmed(said), re.DOTALL) is not None


def steps(lines: Iterable[str]) -> list[Step]:
    """Return the commands of a transcript, each with the lines that follow it."""
    found: list[list[str]] = []
    for line in lines:
        if line.startswith("$ "):
            found.append([line.removeprefix("$ ")])
        elif found:
            found[-1].append(line)
    return [Step(command, "\n".join(rest)) for command, *rest in found]


def type_all(cluster: RealCluster, kubectl: Path, todo: Iterable[Step]) -> None:
    """Type commands into one shell; ``kubectl`` is the directory of the one that is meant."""
    left = list(todo)
    with _shell(cluster, kubectl) as shell:
        try:
            while left:
                _type(shell, left.pop(0))
        finally:  # what went wrong leaves nothing to the other tests
            for step in left:
                if "kubectl delete" in step.command or step.command.endswith("-"):
                    _typed(shell, step.command)


def _type(shell: "subprocess.Popen[str]", step: Step) -> None:
    said = _typed(shell, step.command)
    deadline = time.monotonic() + PATIENCE_S
    while step.reads and not step.matches(said) and time.monotonic() < deadline:
        said = _typed(shell, step.command)
    assert step.matches(said), f"$ {step.command}\n{said}\n--- instead of\n{step.says}"


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@contextmanager
def _shell(cluster: RealCluster, kubectl: Path) -> "Iterator[subprocess.Popen[str]]":
    environment = {**cluster.environment, "PATH": f"{kubectl}:{cluster.environment['PATH']}"}
    with subprocess.Popen(
        ["bash", "--norc"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            _typed(process, "set -m")  # for ``%1``
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.write("kill $(jobs -p) 2> /dev/null\nexit\n")
            process.stdin.close()


def _typed(shell: "subprocess.Popen[str]", command: str) -> str:
    """Return everything that a command says."""
    assert shell.stdin is not None and shell.stdout is not None
    shell.stdin.write(f"{command}\necho; echo '{_DONE}'\n")
    shell.stdin.flush()
    said = []
    for line in shell.stdout:
        if line.rstrip("\n") == _DONE:
            break
        if not _JOB.match(line):
            said.append(line)
    return "".join(said)
