"""The repository as the rules look at it: its files, their syntax trees, what they import.

Takes nothing; gives modules to the tests of this folder. Generated modules are marked, and left out where rules are
about how code is written.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "podbay"
GENERATED: Final = SOURCE / "cri" / "proto"
_WRITTEN: Final = ("src", "tests", "bench")
_TEXTS: Final = ("*.md", "*.py", "*.pyi", "*.sh", "*.txt", "*.toml", "*.yaml", "*.proto", "Makefile", ".importlinter")
_ELSEWHERE: Final = (".venv", ".git", ".cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".pytest_cache", "build")
_NAME: Final = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file."""

    path: Path
    name: str
    text: str
    tree: ast.Module

    @property
    def place(self) -> str:
        """Return the path as messages say it."""
        return str(self.path.relative_to(ROOT))

    def imports(self) -> set[str]:
        """Return the names of the modules that it imports, wherever it does so."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        return found

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Yield every function, also of classes and inside functions."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


@cache
def modules() -> tuple[Module, ...]:
    """Return every Python module that somebody wrote: the package's, the tests', the benches'."""
    found = []
    for folder in _WRITTEN:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if GENERATED in path.parents and path.name != "__init__.py":
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[1:] if parts[0] == "src" else parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            text = path.read_text("utf-8")
            found.append(Module(path, name, text, ast.parse(text)))
    return tuple(found)


def package() -> list[Module]:
    """Return the modules of the package itself."""
    return [module for module in modules() if module.name.split(".")[0] == "podbay"]


def of_tests() -> list[Module]:
    """Return the modules of the tests."""
    return [module for module in modules() if module.name.split(".")[0] == "tests"]


def texts() -> list[Path]:
    """Return every text file of the repository, but for what tools put there."""
    found = {path for pattern in _TEXTS for path in ROOT.rglob(pattern)} | set((ROOT / "scripts").iterdir())
    data = SOURCE / "api" / "schema" / "data"
    return sorted(
        path
        for path in found
        if path.is_file() and data not in path.parents and not set(_ELSEWHERE) & set(path.relative_to(ROOT).parts)
    )


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    match = _NAME.match(name)
    assert match, f"no distribution is called {name!r}"
    return re.sub(r"[-_.]+", "-", match.group()).lower()


def calls(module: Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield each call of a module with the name that is called, as it is written."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)
