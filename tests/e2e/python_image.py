"""An image with this machine's own Python and some of the packages that the tests have.

Takes names of installed distributions; gives an archive. Everything keeps its path, so the interpreter finds itself;
shared libraries come along as the loader names them. What they require comes along, too.
"""

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from podbay.standalone.images.debian import busybox_files
from podbay.standalone.images.layer import ImageRecipe, build
from podbay.standalone.images.recipes import busybox_recipe

PYTHON: Final = "example.com/tests/python:1"
SITE: Final = "site"
_LEFT_OUT: Final = {
    "turtledemo",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "__pycache__",
    "site-packages",
}
_LIBRARY: Final = re.compile(r"(/\S+) \(0x")
_NAME: Final = re.compile(r"[\w.-]+")


def build_python(target: Path, packages: Sequence[str]) -> None:
    """Build the image; its command is the interpreter. Raises ClusterError."""
    base = busybox_recipe(busybox_files(), PYTHON)
    interpreter = Path(sys.executable).resolve()
    files = {str(interpreter)[1:]: interpreter.read_bytes()}
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix, "base": sys.base_prefix}))
    for path in _files(library):
        files[str(path)[1:]] = path.read_bytes()
    modules = [path for path in _files(library) if path.suffix == ".so"]
    for package in _closure(packages):
        for name, path in _files_of(package):
            files[f"{SITE}/{name}"] = path.read_bytes()
            modules += [path] if ".so" in path.suffixes else []
    for shared in shared_libraries([interpreter, *modules]):
        files[str(shared)[1:]] = shared.read_bytes()
    recipe = ImageRecipe(
        name=PYTHON,
        architecture=base.architecture,
        files={**base.files, **files},
        links=base.links,
        directories=base.directories,
        entrypoint=[str(interpreter)],
        environment=(*base.environment, f"PYTHONPATH=/{SITE}", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1"),
    )
    build(recipe, target)


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        is_wanted = not _LEFT_OUT.intersection(parts) and not parts[0].startswith("config-")
        if is_wanted and path.is_file() and not path.name.startswith("_tkinter."):
            yield path


def shared_libraries(programs: Sequence[Path]) -> set[Path]:
    """Return what the loader loads for programs, by the names that it looks for."""
    told = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    return {Path(match) for match in _LIBRARY.findall(told)}


def _closure(packages: Sequence[str]) -> set[str]:
    """Return distributions with all that they require and that is installed."""
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            wanted = distribution(name).requires or []
        except PackageNotFoundError:
            assert name not in packages, f"{name} is not installed"
            continue
        found.add(name)
        for requirement in wanted:
            match = _NAME.match(requirement)
            if match and "extra ==" not in requirement:
                waiting.append(match[0])
    return found


def _files_of(package: str) -> Iterator[tuple[str, Path]]:
    for file in distribution(package).files or ():
        path = Path(str(file.locate()))
        if not str(file).startswith("..") and path.is_file() and path.suffix != ".pyc":
            yield str(file), path
