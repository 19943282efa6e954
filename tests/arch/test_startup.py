"""A command imports what it needs: start-up is most of what a short command costs."""

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.arch.tree import ROOT

HEAVY: Final = ("aiohttp", "cryptography", "google.protobuf", "grpclib", "prometheus_client", "sqlite3")
SERVER: Final = ("podbay.apiserver", "podbay.controllers", "podbay.cri", "podbay.kubelet", "podbay.scheduler")


def imported(program: str) -> set[str]:
    """Return the modules that a program has imported when it ends."""
    told = f"{program}\nimport sys; sys.stderr.write(chr(10).join(sys.modules))"
    command = [sys.executable, "-c", told]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines())


def within(modules: set[str], tops: tuple[str, ...]) -> set[str]:
    return {name for name in modules if any(name == top or name.startswith(f"{top}.") for top in tops)}


def test_a_command_of_kubectls_imports_no_server_and_no_engine(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text('{"apiVersion":"v1","kind":"Config"}')
    for words in (["version", "--client"], ["config", "view", f"--kubeconfig={config}"], ["help"]):
        found = imported(f"from podbay.standalone.commands import run; run({words!r})")
        assert within(found, (*HEAVY, *SERVER, "asyncio")) == set(), words


def test_what_a_get_needs_is_no_server_and_no_engine() -> None:
    found = imported("import podbay.kubectl.commands.get, podbay.client.oneshot")
    assert within(found, (*HEAVY, *SERVER, "asyncio")) == set()


def test_a_get_reads_small_answers_and_plain_kubeconfigs_without_parsers(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nclusters:\n- cluster:\n    server: http://127.0.0.1:1\n  name: c\n")
    words = ["get", "pods", f"--kubeconfig={config}", "--cluster=c"]
    found = imported(f"from podbay.standalone.commands import run; run({words!r})")
    assert within(found, (*HEAVY, *SERVER, "asyncio", "email", "http", "msgspec", "yaml")) == set()


def test_a_server_imports_no_command_line() -> None:
    found = imported("import podbay.standalone.server")
    assert within(found, ("podbay.kubectl", "podbay.testing", "pytest", "argparse.__main__")) == set()
    assert within(found, SERVER)
