"""The root CA publisher: every namespace has the certificate by which its pods know the API server.

Takes namespaces and the config maps of that name from informers; brings back what was deleted, and sets right what was
edited. The API server makes the first one, with the namespace. Without a certificate nothing is published.
Invariant: nothing is created in a namespace that is going.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/ ; upstream's
``rootcacertpublisher``.
"""

from contextlib import suppress

from podbay.api.errors import AlreadyExists, Conflict, Forbidden, NotFound
from podbay.api.namespace_furniture import DESCRIPTION, ROOT_CA, root_ca_map
from podbay.api.resources import CONFIG_MAPS, NAMESPACES
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope


class RootCaPublisher:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity, *, certificate: str) -> None:
        self._rest = rest
        self._is_wanted = bool(certificate)
        self._wanted = root_ca_map(certificate)
        self._namespaces = Informer(rest, NAMESPACES, clock, activity)
        self._maps = Informer(rest, CONFIG_MAPS, clock, activity, query={"fieldSelector": f"metadata.name={ROOT_CA}"})
        informers = (self._namespaces, self._maps)
        self._controller = Controller("root CA publisher", informers, self._reconcile, clock, activity)
        self._namespaces.on_change(self._namespace_changed)
        self._maps.on_change(self._map_changed)

    async def run(self) -> None:
        """Publish until cancelled."""
        if not self._is_wanted:
            return
        async with TaskScope() as scope:
            scope.start(self._namespaces.run(), name="root CA namespaces")
            scope.start(self._maps.run(), name="root CA config maps")
            await self._controller.run(workers=1)

    def _namespace_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._controller.queue.add(key_of(new))

    def _map_changed(self, old: Object | None, new: Object | None) -> None:
        if old is not None:
            self._controller.queue.add(old["metadata"]["namespace"])

    async def _reconcile(self, namespace: str) -> float | None:
        found = self._namespaces.get(namespace)
        if found is None or "deletionTimestamp" in found["metadata"]:
            return None
        there = self._maps.get(f"{namespace}/{ROOT_CA}")
        with suppress(AlreadyExists, Conflict, Forbidden, NotFound):  # somebody was quicker, or the namespace is going
            if there is None:
                await self._rest.create(CONFIG_MAPS, self._wanted, namespace=namespace)
                return None
            annotations = there["metadata"].get("annotations") or {}
            if there.get("data") == self._wanted["data"] and annotations.get(DESCRIPTION):
                return None
            metadata = {**there["metadata"], "annotations": annotations | self._wanted["metadata"]["annotations"]}
            await self._rest.update(CONFIG_MAPS, {**there, "metadata": metadata, "data": self._wanted["data"]})
        return None
