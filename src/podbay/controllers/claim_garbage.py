"""The garbage collector of claims: what was made for a pod goes when the pod has gone.

Takes claims and pods from informers; deletes a claim all of whose owners are pods that are no more.
Invariant: a claim is collected only after the API server itself said of each owner that no pod has its name and uid.
Other kinds of owners are not looked for yet, so a claim that has one stays.
Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#owners-dependents
"""

import logging

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_log = logging.getLogger(__name__)


class ClaimGarbageCollector:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._claims = Informer(rest, PERSISTENT_VOLUME_CLAIMS, clock, activity)
        self._pods = Informer(rest, PODS, clock, activity)
        informers = (self._claims, self._pods)
        self._controller = Controller("claim garbage collector", informers, self._reconcile, clock, activity)
        self._claims.on_change(self._claim_changed)
        self._pods.on_change(self._pod_changed)

    async def run(self) -> None:
        """Collect until cancelled."""
        async with TaskScope() as scope:
            scope.start(self._claims.run(), name="claim garbage claims")
            scope.start(self._pods.run(), name="claim garbage pods")
            await self._controller.run(workers=1)

    def _claim_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and _owners(new):
            self._controller.queue.add(key_of(new))

    def _pod_changed(self, old: Object | None, new: Object | None) -> None:
        if new is None and old is not None:
            for key, claim in self._claims.objects.items():
                if any(owner["uid"] == old["metadata"]["uid"] for owner in _owners(claim)):
                    self._controller.queue.add(key)

    async def _reconcile(self, key: str) -> float | None:
        claim = self._claims.get(key)
        if claim is None or "deletionTimestamp" in claim["metadata"] or not _owners(claim):
            return None
        metadata = claim["metadata"]
        for owner in _owners(claim):
            if await self._is_there(owner, metadata["namespace"]):
                return None
        _log.info("claim %s is deleted: the pod that it was made for no longer exists", key)
        options = {"preconditions": {"uid": metadata["uid"]}}
        try:
            await self._rest.delete(
                PERSISTENT_VOLUME_CLAIMS, metadata["name"], namespace=metadata["namespace"], options=options
            )
        except (NotFound, Conflict):
            return None  # it is gone, or another claim has its name
        return None

    async def _is_there(self, owner: Object, namespace: str) -> bool:
        pod = self._pods.get(f"{namespace}/{owner['name']}")
        if pod is not None and pod["metadata"]["uid"] == owner["uid"]:
            return True
        try:
            pod = await self._rest.get(PODS, owner["name"], namespace=namespace)
        except NotFound:
            return False
        return bool(pod["metadata"]["uid"] == owner["uid"])


def _owners(claim: Object) -> list[Object]:
    """Return a claim's owners if all of them are pods, else none."""
    owners: list[Object] = claim["metadata"].get("ownerReferences") or []
    return owners if all((owner["apiVersion"], owner["kind"]) == ("v1", "Pod") for owner in owners) else []
