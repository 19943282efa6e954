import importlib
import os
from types import ModuleType

import pytest

from bench import __main__ as command
from bench.figures import Effort


def test_a_figure_that_fails_without_words_is_told_by_its_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(_: Effort) -> None:
        raise TimeoutError

    figure = ModuleType("figure")
    monkeypatch.setattr(figure, "measure", measure, raising=False)
    monkeypatch.setattr(importlib, "import_module", lambda _: figure)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert command.main(["full", "--quick"]) == 1
    assert capsys.readouterr().err == "error: full: TimeoutError\n"
