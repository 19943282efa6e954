"""Every file under ``examples/``: what its comment says is typed, in its order, and must say what is written there.

In a comment a line that begins with ``#   $ `` is a command, and the lines after it are what it says.
"""

from pathlib import Path

import pytest

from tests.e2e.harness import ROOT, RealCluster
from tests.e2e.transcripts import steps, type_all

pytestmark = pytest.mark.e2e
# The README's first minute is a test of its own.
EXAMPLES = sorted(file.name for file in (ROOT / "examples").glob("*.yaml") if file.name != "kubia-manual.yaml")


def comment(text: str) -> list[str]:
    """Return the lines of a file's comment that are a transcript."""
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#   ") for line in lines[:end] if line.startswith("#   ")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_does_what_its_comment_says(cluster: RealCluster, kubectl_bin: Path, name: str) -> None:
    todo = steps(comment((ROOT / "examples" / name).read_text()))
    assert todo, "an example says in its comment what to type"
    type_all(cluster, kubectl_bin, todo)
