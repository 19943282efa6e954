"""Removes the directories of volumes that were this node's, once their claims are gone.

Takes the volumes that carry this node's name from an informer; removes a directory, then the volume. Volumes that are
to be retained are let go as they are.
Invariant: nothing is removed but what is right below the node's own directory for volumes, and only after the API
server said that the volume is released.
Source: https://kubernetes.io/docs/concepts/storage/persistent-volumes/#delete
"""

import asyncio
from pathlib import Path
from typing import Final

from podbay.api.errors import NotFound
from podbay.api.local_path import FINALIZER, NODE, is_of_node, path_of
from podbay.api.resources import PERSISTENT_VOLUMES
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.volumes import mounting
from podbay.kubelet.volumes.problem import problem_of
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_AGAIN_S: Final = 15.0


class LocalPathVolumes:
    """See the module. ``run`` until cancelled."""

    def __init__(
        self, rest: Rest, config: KubeletConfig, clock: Clock, activity: Activity, events: EventRecorder
    ) -> None:
        self._rest = rest
        self._config = config
        self._events = events
        query = {"labelSelector": f"{NODE}={config.node_name}"}
        self._volumes = Informer(rest, PERSISTENT_VOLUMES, clock, activity, query=query)
        self._controller = Controller("local volumes", (self._volumes,), self._reconcile, clock, activity)
        self._volumes.on_change(self._changed)

    async def run(self) -> None:
        """Remove until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._volumes.run(), name="local volumes")
            await self._controller.run(workers=1)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(key_of(new))

    async def _reconcile(self, name: str) -> float | None:
        volume = self._volumes.get(name)
        if volume is None or not is_of_node(volume, self._config.node_name):
            return None
        is_deleted = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
        if is_deleted and (volume.get("status") or {}).get("phase") in ("Released", "Failed"):
            path = path_of(volume, str(self._config.local_volumes))
            if path and self._config.is_real:
                try:
                    await asyncio.to_thread(remove_directory, Path(path))
                except OSError as error:
                    self._events.event(volume, "Warning", "VolumeFailedDelete", str(problem_of(error)))
                    return _AGAIN_S
            await self._let_go(volume)
        elif not is_deleted and "deletionTimestamp" in volume["metadata"]:
            await self._let_go(volume)
        return None

    async def _let_go(self, volume: Object) -> None:
        """Have the API server forget a volume that is nobody's any more."""
        metadata = volume["metadata"]
        finalizers = [one for one in metadata.get("finalizers") or () if one != FINALIZER]
        try:
            if len(finalizers) != len(metadata.get("finalizers") or ()):
                await self._rest.update(
                    PERSISTENT_VOLUMES, {**volume, "metadata": {**metadata, "finalizers": finalizers}}
                )
            if "deletionTimestamp" not in metadata:
                await self._rest.delete(PERSISTENT_VOLUMES, metadata["name"])
        except NotFound:
            return  # it is gone


def remove_directory(path: Path) -> None:
    """Remove a volume's directory; what a pod has mounted in it is unmounted, not emptied. Raises OSError."""
    if path.is_symlink():
        path.unlink()
    else:
        mounting.remove_tree(path)
