import os
import subprocess

import pytest

from bench import __main__ as command
from bench.figures import full, rest
from podbay.cri.runtime import RuntimeFailure


def test_a_figure_that_fails_without_words_is_told_by_its_error_and_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cluster(_: str) -> None:
        raise TimeoutError

    monkeypatch.setattr(full, "cluster", cluster)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert command.main(["full", "--quick"]) == 1
    told, _, line = capsys.readouterr().err.rpartition(":")
    assert told == "error: full: TimeoutError in measure, bench/figures/full.py"
    assert int(line) > 0


@pytest.mark.parametrize(
    "error",
    [
        RuntimeFailure("UNAVAILABLE", "gone"),
        subprocess.TimeoutExpired("podman", 60),
        ExceptionGroup("of a group", [ValueError("one")]),
    ],
)
def test_a_figure_that_fails_in_whatever_it_calls_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def cluster(_: str) -> None:
        raise error

    monkeypatch.setattr(full, "cluster", cluster)
    monkeypatch.setattr(rest, "cluster", cluster)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert command.main(["full", "rest", "--quick"]) == 1
    assert [line.split(":")[1] for line in capsys.readouterr().err.splitlines()] == [" full", " rest"]
