"""What shells are told when they ask how a command line goes on."""

from pathlib import Path

import pytest

from podbay.kubectl.completion.protocol import complete
from podbay.kubectl.completion.scripts import SCRIPTS
from podbay.kubectl.dispatch import dispatch


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert complete(words) == 0
    return [line.partition("\t")[0] for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text('{"contexts": [{"name": "dev", "context": {}}, {"name": "prod", "context": {}}]}')
    monkeypatch.setenv("KUBECONFIG", str(file))


def test_commands_are_completed(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "po") == ["port-forward", ":4"]
    assert asked(capsys, "create", "config") == ["configmap", ":4"]


def test_kinds_are_completed_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "get", "pod") == ["poddisruptionbudgets.policy", "pods", "podtemplates", ":4"]
    assert "leases.coordination.k8s.io" in asked(capsys, "describe", "")


def test_flags_and_their_values_are_completed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--all-namespaces" in asked(capsys, "get", "pods", "--all")
    assert asked(capsys, "get", "pods", "-o", "js") == ["json", "jsonpath=", "jsonpath-file=", ":4"]
    assert asked(capsys, "get", "pods", "--output=y") == ["yaml", ":4"]


def test_contexts_come_from_the_kubeconfig(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "config", "use-context", "") == ["dev", "prod", ":4"]
    assert asked(capsys, "get", "pods", "--context", "d") == ["dev", ":4"]


def test_files_are_left_to_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "create", "-f", "x") == [":0"]


def test_a_server_that_does_not_answer_only_means_that_there_are_no_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys, "get", "pods", "--server=https://127.0.0.1:1", "") == [":4"]


@pytest.mark.parametrize("shell", sorted(SCRIPTS))
def test_the_script_of_each_shell_asks_the_protocol(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch(["completion", shell]) == 0
    assert "__complete" in capsys.readouterr().out


def test_bash_completes_by_its_script() -> None:
    import subprocess
    import sys

    script = (
        SCRIPTS["bash"]
        + f"""
podbay() {{ {sys.executable} -m podbay "$@"; }}
COMP_WORDS=(podbay get pods); COMP_CWORD=2
__podbay_complete
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["pods"], done.stderr
