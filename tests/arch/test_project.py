"""The project's own papers: metadata, licence, what is in the package, and that nothing of upstream's text is here."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution
from typing import Any, Final

import pytest

import podbay
from tests.arch.tree import ROOT, SOURCE, texts

DATA: Final = "src/podbay/api/schema/data"
RUN: Final = 10  # so many of upstream's words in a row are no chance
VALUES: Final = "enums.txt"  # names that a field can have: facts of the interface, not sentences


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


def test_the_metadata_is_complete(project: dict[str, Any]) -> None:
    assert project["name"] == "podbay"
    assert project["description"].endswith(".") and len(project["description"]) < 120
    assert project["requires-python"] == ">=3.11"
    assert project["license"] == "Apache-2.0" and project["license-files"] == ["LICENSE"]
    assert project["readme"] == "README.md"
    assert project["scripts"] == {"podbay": "podbay.__main__:main"}
    assert "Typing :: Typed" in project["classifiers"]
    assert "Operating System :: POSIX :: Linux" in project["classifiers"]
    assert [text for text in project["classifiers"] if text.startswith("License ::")] == []  # license says it
    assert "urls" not in project, "say only what is so: there is no address yet"


def test_the_version_is_told_once(project: dict[str, Any]) -> None:
    assert distribution("podbay").version == project["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.findall(r"^## (\d+\.\d+\.\d+)", changelog, re.M)[0]
    assert newest == project["version"]


def test_the_licence_is_the_apache_licence_unchanged() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_package_says_that_it_is_typed() -> None:
    assert (SOURCE / "py.typed").read_bytes() == b""
    assert podbay.__doc__


def test_the_schema_is_built_and_not_committed() -> None:
    assert f"/{DATA}/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert {path.name for path in (ROOT / DATA).iterdir()} == {"structure.json", "described.json"}
    listed = subprocess.run(["git", "ls-files", DATA], cwd=ROOT, capture_output=True, text=True, check=False)
    assert listed.stdout == ""


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", re.sub(r"https?://\S+", " ", text).lower())


def runs(text: str) -> Iterator[tuple[str, ...]]:
    found = words(text)
    for start in range(len(found) - RUN + 1):
        yield tuple(found[start : start + RUN])


def descriptions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, child in value.items():
            if name == "description" and isinstance(child, str):
                yield child
            else:
                yield from descriptions(child)
    elif isinstance(value, list):
        for child in value:
            yield from descriptions(child)


def test_no_sentence_of_upstreams_is_here() -> None:
    published = json.loads((ROOT / DATA / "described.json").read_text("utf-8"))
    theirs = {run for text in descriptions(published) for run in runs(text)}
    assert len(theirs) > 10_000
    taken: dict[str, list[str]] = {}
    for path in texts():
        if path.name in ("LICENSE", VALUES):
            continue
        for run in runs(path.read_text("utf-8", "replace")):
            if run in theirs:
                taken.setdefault(str(path.relative_to(ROOT)), []).append(" ".join(run))
    assert taken == {}


def test_no_file_is_big() -> None:
    """What is generated or downloaded does not belong here; what is written never gets that long."""
    allowed = {"requirements"}
    big = {
        str(path.relative_to(ROOT)): path.stat().st_size
        for path in texts()
        if path.stat().st_size > 100_000 and path.parent.name not in allowed
    }
    assert big == {}
