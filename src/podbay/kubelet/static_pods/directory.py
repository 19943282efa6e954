"""The directory that static pods come from, looked through from the first file to the last.

Takes a path and the node's name; gives the pods by ``namespace/name``, and what is wrong with which file.
Invariant: a file with a mistake keeps no other from being read, and is as if it were not there. Of two files for a pod
of one name, the first by its name counts.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/ ; upstream's pkg/kubelet/config/file.go.
"""

from pathlib import Path
from typing import Any

from podbay.client.informer import key_of
from podbay.kubelet.static_pods.manifest import read_manifest

Object = dict[str, Any]


def read_directory(path: Path, node: str) -> tuple[dict[str, Object], dict[Path, str]]:
    """Return the pods, and the problems by file. Raises OSError if the directory itself cannot be read."""
    pods: dict[str, Object] = {}
    problems: dict[Path, str] = {}
    for file in _files(path):
        try:
            if file.is_dir():
                raise ValueError("it is a directory, which is not looked into")
            if not file.is_file():
                raise ValueError("it is no file")
            pod = read_manifest(file.read_bytes(), str(file), node)
            if key_of(pod) in pods:
                raise ValueError(f"another file before it has a pod {key_of(pod)}")
            pods[key_of(pod)] = pod
        except (OSError, ValueError) as error:
            problems[file] = str(error)
    return pods, problems


def _files(path: Path) -> list[Path]:
    """Return the files that count, by name: none that begins with a dot, and none if there is no directory."""
    if path.is_file():
        return [path]
    try:
        return sorted(each for each in path.iterdir() if not each.name.startswith("."))
    except FileNotFoundError:
        return []
