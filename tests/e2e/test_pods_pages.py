"""The pages about pods, in both languages: every command in them is typed, by kubectl and by podbay's own."""

import re
import sys
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT, RealCluster
from tests.e2e.transcripts import Step, steps, type_all

pytestmark = pytest.mark.e2e
PAGES = ("pods.md", "pods.zh-CN.md")


def typed_in(page: str) -> list[Step]:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return steps(line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines())


@pytest.fixture
def podbay_bin(tmp_path: Path) -> Path:
    """Give a directory in which ``kubectl`` is podbay."""
    script = tmp_path / "kubectl"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m podbay "$@"\n')
    script.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_says_comes_of_its_commands(cluster: RealCluster, kubectl_bin: Path, page: str) -> None:
    type_all(cluster, kubectl_bin, typed_in(page))


def test_podbays_own_command_line_says_the_same(cluster: RealCluster, podbay_bin: Path) -> None:
    type_all(cluster, podbay_bin, typed_in(PAGES[0]))
