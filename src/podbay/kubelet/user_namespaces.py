"""Users and groups of a pod's own: which of the host's are set apart for a pod that asks for them.

Takes a pod and what the runtime says that it can do; gives a range, or NoUserNamespace in upstream's words. A range is
written into the pod's directory, and free again once that is gone.
Invariant: no two pods that are on the node share a range, also after the kubelet was started anew; none holds the
host's own users.
Source: https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podbay.cri.runtime import RuntimeInfo, UserNamespace
from podbay.kubelet.pod_files import PodFiles

LENGTH: Final = 65536
_FILE: Final = "userns"
_REFUSED: Final = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"


class NoUserNamespace(OSError):
    """Why a pod cannot have users of its own."""


class UserNamespaces:
    """See the module. Blocking, but brief.

    ``is_real`` False is a pretended node, where nobody runs: its pods all have the first range.
    """

    def __init__(self, files: PodFiles, most_pods: int, *, is_real: bool) -> None:
        self._files = files
        self._most_pods = most_pods
        self._is_real = is_real

    def of(self, pod: Mapping[str, Any], runtime: RuntimeInfo, handler: str = "") -> UserNamespace | None:
        """Return a pod's range, setting one apart if it has none yet; None is the host's users.

        ``handler`` is the one of the runtime that runs the pod. Raises NoUserNamespace, OSError.
        """
        if pod["spec"].get("hostUsers") is not False:
            return None
        can = runtime.can_user_namespaces(handler)
        if not can:
            raise NoUserNamespace(f'{_REFUSED}: the handler "{handler}" is not known' if can is None else _REFUSED)
        if not self._is_real:
            return UserNamespace(first_id=LENGTH, length=LENGTH)
        uid = pod["metadata"]["uid"]
        first = _read(self._path(uid))
        return UserNamespace(first_id=self._set_apart(uid) if first is None else first, length=LENGTH)

    def _set_apart(self, uid: str) -> int:
        taken = {_read(self._path(other)) for other in self._files.uids()}
        free = (first for first in range(LENGTH, LENGTH * (self._most_pods + 1), LENGTH) if first not in taken)
        first = next(free, None)
        if first is None:
            raise NoUserNamespace("create user namespace: could not find an empty slot to allocate a user namespace")
        _write(self._path(uid), first)
        return first

    def _path(self, uid: str) -> Path:
        return self._files.directory(uid) / _FILE


def _read(path: Path) -> int | None:
    try:
        return int(json.loads(path.read_text("utf-8"))["uidMappings"][0]["hostId"])
    except FileNotFoundError:
        return None


def _write(path: Path, first: int) -> None:
    """Write a range as upstream's kubelet does, whole or not at all, and for good before anybody runs in it."""
    mapping = [{"hostId": first, "containerId": 0, "length": LENGTH}]
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"uidMappings": mapping, "gidMappings": mapping}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
