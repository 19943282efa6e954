"""The names that tests carry, read from their docstrings, and the state of every name.

Takes ``names.tsv``, ``waiting.tsv`` and the syntax trees of ``tests/e2e``; gives :class:`Name` to the document and to
the rules. A name is said to be compared only by a docstring that also names upstream's file, because an assertion list
that was not read off the source may lack one.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
_BEGINNING: Final = re.compile(r"(?=\[sig-[a-z-]+\] )")
_ASSERTION: Final = re.compile(r"^ *- ", re.M)
_SOURCE: Final = re.compile(r"^ *Compared with (test/e2e/\S+\.go)", re.M)


@dataclass(frozen=True, slots=True)
class Carrier:
    """A test of ours that carries names: its place, and what its docstring has."""

    module: str
    function: str
    names: tuple[str, ...]
    listed: bool
    compared: tuple[str, ...]

    @property
    def place(self) -> str:
        """Return how pytest is told to run it."""
        return f"{self.module}::{self.function}"


@dataclass(frozen=True, slots=True)
class Name:
    """One of upstream's tests: where it is there, who carries it here, what it waits for."""

    name: str
    source: str
    carriers: tuple[Carrier, ...] = ()
    waits_for: str = ""

    @property
    def covered(self) -> bool:
        """Say whether a test of ours carries it with a list of assertions."""
        return any(carrier.listed for carrier in self.carriers)

    @property
    def compared(self) -> bool:
        """Say whether such a list was read off upstream's file."""
        return any(carrier.listed and self.source in carrier.compared for carrier in self.carriers)


def rows(file: Path) -> list[list[str]]:
    """Return the fields of each line of a file of tab-separated values."""
    return [line.split("\t") for line in file.read_text("utf-8").splitlines()]


def carrier(module: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Carrier | None:
    """Return what a test carries by its docstring, or nothing if it has no name of upstream's."""
    text = ast.get_docstring(function) or ""
    head = text.partition("\n\n")[0]
    names = tuple(" ".join(part.split()) for part in _BEGINNING.split(head) if part.startswith("[sig-"))
    if not names:
        return None
    return Carrier(module, function.name, names, bool(_ASSERTION.search(text)), tuple(_SOURCE.findall(text)))


def carriers(folder: Path = ROOT / "tests" / "e2e") -> Iterator[Carrier]:
    """Yield every test below a folder that carries a name."""
    for file in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found = carrier(str(file.relative_to(ROOT)), node)
                if found is not None:
                    yield found


def names(found: list[Carrier]) -> list[Name]:
    """Return every name of the list, in upstream's order, with the tests that carry it."""
    waiting = {name: reason for name, reason in rows(HERE / "waiting.tsv")}
    return [
        Name(name, source, tuple(one for one in found if name in one.names), waiting.get(name, ""))
        for name, source in rows(HERE / "names.tsv")
    ]
