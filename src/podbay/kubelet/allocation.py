"""What of the node was allocated to each pod, remembered on the disk.

Takes pods as they are taken or resized; gives the resources that their containers are meant to have, whatever the API
server says meanwhile. What was allocated stands in the pod's directory, with what running containers were given since
they were made.
Invariant: a kubelet that starts again knows what was allocated, and whether the cgroups have got it all.
Source: upstream's allocation manager and its checkpoint (pkg/kubelet/allocation).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from podbay.kubelet.pod_files import PodFiles
from podbay.kubelet.resizing import Resources, resources_by_name, with_resources

_FILE: Final = "resources"


@dataclass(slots=True)
class Allocation:
    """One pod's. ``allocated`` is by container's name, ``updated`` by container's id; see the module.

    ``is_settled``: the containers and the pod's cgroup have got it all.
    """

    allocated: dict[str, Resources]
    updated: dict[str, Resources] = field(default_factory=dict)
    is_settled: bool = True


class Allocations:
    """See the module. Blocking, but brief. ``is_real`` False is a pretended node, which remembers nothing."""

    def __init__(self, files: PodFiles, *, is_real: bool) -> None:
        self._files = files
        self._is_real = is_real
        self._known: dict[str, Allocation] = {}

    def of(self, uid: str) -> Allocation | None:
        """Return what was allocated to a pod, or None if nothing was yet."""
        if uid not in self._known and self._is_real:
            found = _read(self._path(uid))
            if found is not None:
                self._known[uid] = found
        return self._known.get(uid)

    def applied(self, pod: Mapping[str, Any]) -> dict[str, Any]:
        """Return a pod that asks for what was allocated to it."""
        known = self.of(pod["metadata"]["uid"])
        return dict(pod) if known is None else with_resources(pod, known.allocated)

    def admit(self, pod: Mapping[str, Any]) -> Allocation:
        """Allocate what a pod asks for that is new here. Raises OSError."""
        found = self._known[pod["metadata"]["uid"]] = Allocation(dict(resources_by_name(pod)))
        self._write(pod["metadata"]["uid"])
        return found

    def resize(self, pod: Mapping[str, Any]) -> None:
        """Allocate what a pod asks for now. Raises OSError."""
        uid = pod["metadata"]["uid"]
        known = self._known[uid]
        known.allocated, known.is_settled = dict(resources_by_name(pod)), False
        self._write(uid)

    def updated(self, uid: str, container_id: str, resources: Resources) -> None:
        """Remember that a container that runs has got other resources. Raises OSError."""
        self._known[uid].updated[container_id] = resources
        self._write(uid)

    def settled(self, uid: str, containers: set[str]) -> None:
        """Remember that a pod has what was allocated; these containers are there. Raises OSError."""
        known = self._known[uid]
        known.is_settled = True
        known.updated = {key: value for key, value in known.updated.items() if key in containers}
        self._write(uid)

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone; its directory goes by itself."""
        self._known.pop(uid, None)

    def _path(self, uid: str) -> Path:
        return self._files.directory(uid) / _FILE

    def _write(self, uid: str) -> None:
        if self._is_real:
            _write(self._path(uid), self._known[uid])


def _read(path: Path) -> Allocation | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None  # one that a power cut has spoilt is as good as none: no container has outlived that
    return Allocation(**found)


def _write(path: Path, allocation: Allocation) -> None:
    """Write whole or not at all; a killed kubelet loses nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(allocation)), encoding="utf-8")
    os.replace(fresh, path)
