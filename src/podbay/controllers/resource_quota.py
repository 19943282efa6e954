"""The resource quota controller: counts what every quota limits, when it is made or changed, and when something went.

Takes quotas from an informer, and follows a kind from the first quota on that limits it; writes the quotas' status.
Admission adds to it whatever is created; this controller takes away.
Invariant: what is written was counted after everything that the quota had been charged with was stored. So the status
is first written back as it is, which waits for creations under way, then everything is listed, and the count replaces
no other version of the quota than that one.
Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/ ; upstream's resource quota controller.
"""

from functools import partial
from typing import Final

from podbay.api.quotas.counting import counted_status, frees, is_counted, kinds_of
from podbay.api.quotas.usage import tracked
from podbay.api.resources import RESOURCE_QUOTAS, Resource
from podbay.client.controller import Controller
from podbay.client.informer import Informer, key_of
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

RESYNC_S: Final = 300.0  # after which every quota is counted anew, whatever was seen


class ResourceQuotaController:
    """See the module. ``run`` until cancelled."""

    def __init__(self, rest: Rest, clock: Clock, activity: Activity) -> None:
        self._rest = rest
        self._clock = clock
        self._activity = activity
        self._scope = TaskScope()
        self._quotas = Informer(rest, RESOURCE_QUOTAS, clock, activity)
        self._followed: dict[Resource, Informer] = {RESOURCE_QUOTAS: self._quotas}
        self._controller = Controller("resource quota", (self._quotas,), self._reconcile, clock, activity)
        self._quotas.on_change(self._quota_changed)
        self._quotas.on_change(partial(self._changed, RESOURCE_QUOTAS))

    async def run(self) -> None:
        """Count until cancelled."""
        async with self._scope as scope:
            scope.start(self._quotas.run(), name="resource quotas")
            await self._controller.run()

    def _quota_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and (old is None or old.get("spec") != new.get("spec")):
            self._controller.queue.add(key_of(new))

    def _changed(self, resource: Resource, old: Object | None, new: Object | None) -> None:
        """Have the quotas counted anew that may have more room now; what is new was charged already."""
        if old is None or (new is not None and not frees(resource, old, new, self._clock.now())):
            return
        namespace = old["metadata"]["namespace"]
        for quota in list(self._quotas.objects.values()):
            hard = (quota.get("spec") or {}).get("hard") or {}
            if quota["metadata"]["namespace"] == namespace and tracked(resource, hard):
                self._controller.queue.add(key_of(quota))

    async def _reconcile(self, key: str) -> float | None:
        quota = self._quotas.get(key)
        if quota is None:
            return None
        kinds = kinds_of(quota)
        for resource in kinds:
            await self._follow(resource)
        quota = await self._rest.update(RESOURCE_QUOTAS, quota, subresource="status")
        namespace = quota["metadata"]["namespace"]
        found = {resource: (await self._rest.list(resource, namespace=namespace))["items"] for resource in kinds}
        status = counted_status(quota, lambda resource: found[resource], self._clock.now())
        if not is_counted(quota, status):
            await self._rest.update(RESOURCE_QUOTAS, {**quota, "status": status}, subresource="status")
        return RESYNC_S

    async def _follow(self, resource: Resource) -> None:
        """See every later change of a kind."""
        informer = self._followed.get(resource)
        if informer is None:
            informer = self._followed[resource] = Informer(self._rest, resource, self._clock, self._activity)
            informer.on_change(partial(self._changed, resource))
            self._scope.start(informer.run(), name=f"quotas of {resource.plural}")
        await informer.synced.wait()
