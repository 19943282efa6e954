"""The local-path provisioner: makes volumes that are directories of the node on which a claim's first pod runs.

Takes claims, storage classes and nodes from informers; creates volumes. The directory itself is made, and removed, by
the kubelet of that node, which alone can see it.
Invariant: a volume is named by its claim's uid, so a claim never gets two.
Source: https://github.com/rancher/local-path-provisioner and upstream's external provisioners, whose events these are.
"""

from typing import Final

from podbay.api.errors import AlreadyExists, NotFound
from podbay.api.local_path import DIRECTORY, PROVISIONER, problem, volume_for
from podbay.api.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from podbay.api.volume_binding import PROVISIONER as ASKED
from podbay.api.volume_binding import SELECTED_NODE, annotations_of, class_of, waits_for_consumer
from podbay.client.controller import Controller
from podbay.client.events import EventRecorder
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_AGAIN_S: Final = 15.0


class LocalPathProvisioner:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._claims = Informer(rest, PERSISTENT_VOLUME_CLAIMS, clock, activity)
        self._classes = Informer(rest, STORAGE_CLASSES, clock, activity)
        self._informers = (self._claims, self._classes)
        self._events = EventRecorder(rest, clock, activity, component=PROVISIONER)
        self._controller = Controller("local-path provisioner", self._informers, self._reconcile, clock, activity)
        self._claims.on_change(self._changed)

    async def run(self) -> None:
        """Provision until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._events.run(), name="local-path events")
            for informer in self._informers:
                scope.start(informer.run(), name=f"local-path {informer.resource.plural}")
            await self._controller.run(workers=1)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and _is_ours(new):
            self._controller.queue.add(key_of(new))

    async def _reconcile(self, key: str) -> float | None:
        claim = self._claims.get(key)
        if claim is None or not _is_ours(claim):
            return None
        storage_class = self._classes.get(class_of(claim))
        if storage_class is None or storage_class["provisioner"] != PROVISIONER:
            return None
        name = annotations_of(claim).get(SELECTED_NODE, "")
        if waits_for_consumer(storage_class) and not name:
            return None
        why = problem(claim, name)
        if why:
            return self._failed(claim, why)
        try:
            node = await self._rest.get(NODES, name)
        except NotFound:
            await self._give_back(claim)
            return None
        directory = annotations_of(node).get(DIRECTORY)
        if not directory:
            return self._failed(claim, f"node {name} has not told where it keeps local volumes")
        await self._provision(claim, volume_for(claim, storage_class, node, directory))
        return None

    async def _provision(self, claim: Object, volume: Object) -> None:
        shown = key_of(claim)
        message = f'External provisioner is provisioning volume for claim "{shown}"'
        self._events.event(claim, "Normal", "Provisioning", message)
        try:
            await self._rest.create(PERSISTENT_VOLUMES, volume)
        except AlreadyExists:
            return  # made before, by one that was killed, or before our copy of the claim tells
        message = f"Successfully provisioned volume {volume['metadata']['name']}"
        self._events.event(claim, "Normal", "ProvisioningSucceeded", message)

    async def _give_back(self, claim: Object) -> None:
        """Have the scheduler choose anew: the node that it chose is no more."""
        annotations = {name: value for name, value in annotations_of(claim).items() if name != SELECTED_NODE}
        metadata = {**claim["metadata"], "annotations": annotations}
        await self._rest.update(PERSISTENT_VOLUME_CLAIMS, {**claim, "metadata": metadata})

    def _failed(self, claim: Object, why: str) -> float:
        message = f'failed to provision volume with StorageClass "{class_of(claim)}": {why}'
        self._events.event(claim, "Warning", "ProvisioningFailed", message)
        return _AGAIN_S


def _is_ours(claim: Object) -> bool:
    """Tell whether a claim waits for a volume that we are to make."""
    return (
        annotations_of(claim).get(ASKED) == PROVISIONER
        and not claim["spec"].get("volumeName")
        and "deletionTimestamp" not in claim["metadata"]
    )
