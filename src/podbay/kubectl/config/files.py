"""Kubeconfig files as ``config`` sees them: what they say together, and which of them a change goes to.

Takes ``--kubeconfig`` and the environment; gives documents and files.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from podbay.client import kubeconfig
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Parsed

Document = dict[str, Any]


def merged(flags: Parsed) -> Document:
    """Return what all files say together. Raises CommandError."""
    try:
        return kubeconfig.merged(paths(flags, reading=True))
    except kubeconfig.KubeconfigError as error:
        raise CommandError(str(error)) from None


def paths(flags: Parsed, *, reading: bool = False) -> list[Path]:
    """Return the files, in order. One that was named need not exist to be written."""
    if flags["kubeconfig"] and (not reading or not Path(flags["kubeconfig"]).exists()):
        return [Path(flags["kubeconfig"])]
    found = kubeconfig.files(flags["kubeconfig"])
    return found or [Path.home() / ".kube" / "config"]


def file_of(flags: Parsed, section: str = "", name: str = "") -> Path:
    """Return the file that has an entry (or a current context), else the first that exists, else the first."""
    every = paths(flags)
    for path in every:
        document = _read(path)
        if section and any(entry["name"] == name for entry in document.get(section) or ()):
            return path
        if not section and document.get("current-context"):
            return path
    return next((path for path in every if path.exists()), every[0])


@contextmanager
def changing(path: Path) -> Iterator[Document]:
    """Give a file's document to be changed. Raises CommandError."""
    try:
        with kubeconfig.changing(path) as document:
            for section in ("clusters", "contexts", "users"):
                document[section] = document.get(section) or []
            yield document
    except kubeconfig.KubeconfigError as error:
        raise CommandError(str(error)) from None


def _read(path: Path) -> Document:
    try:
        return kubeconfig.read(path) if path.exists() else {}
    except kubeconfig.KubeconfigError as error:
        raise CommandError(str(error)) from None
