import os

import pytest

from bench import __main__ as command
from bench.figures import full


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
