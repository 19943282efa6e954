"""The wheel is whole: it holds the schema, says that it is typed, and runs; the tests are not in it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from tests.arch.tree import ROOT, SOURCE

_SOURCES: Final = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
_DATA: Final = Path("api", "schema", "data")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from a copy without the schema, as from a fresh checkout."""
    copy, made = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("made")
    for name in _SOURCES:
        shutil.copy(ROOT / name, copy)
    shutil.copytree(SOURCE, copy / "src" / "podbay", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "arch", copy / "tests" / "arch", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(copy / "src" / "podbay" / _DATA)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    command = [*pip, "wheel", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", str(made), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(made.glob("podbay-*.whl"))


def test_the_wheel_holds_the_package_and_its_data_only(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"podbay"}
    held = {name.removeprefix("podbay/") for name in names if name.startswith("podbay/")}
    there = {str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*") if path.is_file()}
    assert held == {name for name in there if "__pycache__" not in name}
    assert {"py.typed", "api/schema/data/structure.json", "api/schema/data/described.json"} <= held


def test_the_wheel_carries_the_licence_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        info = {name.partition("/")[2]: name for name in archive.namelist() if ".dist-info/" in name}
        assert archive.read(info["entry_points.txt"]).decode() == "[console_scripts]\npodbay = podbay.__main__:main\n"
        assert archive.read(info["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
        assert "License-Expression: Apache-2.0" in archive.read(info["METADATA"]).decode()


def test_the_schema_in_the_wheel_is_the_one_that_is_tested(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for path in (SOURCE / _DATA).iterdir():
            is_same = archive.read(f"podbay/{_DATA / path.name}") == path.read_bytes()
            assert is_same, f"{path.name} is older than the kinds that are served: scripts/setup builds it anew"


def test_what_the_wheel_holds_runs(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    where = [sys.executable, "-c", "import podbay; print(podbay.__file__)"]
    told = subprocess.run(where, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert told.stdout.startswith(str(tmp_path))
    command = [sys.executable, "-m", "podbay", "version", "--client"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert done.stdout.startswith("Client Version: v1.33")
