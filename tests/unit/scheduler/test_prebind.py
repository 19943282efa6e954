"""Waiting for a pod's claims: who waits looks again when something of its own has changed, and only then."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, Resource
from podbay.client.informer import Informer
from podbay.client.rest import Object, Rest
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from podbay.scheduler.prebind import VolumePreBinder, VolumesNotBound
from podbay.scheduler.volumes import VolumePlan, VolumeView


class Nobody(Rest):
    """A client that is asked nothing."""

    def __init__(self) -> None:
        self.user_agent = "test"


class Copy(Informer):
    """A copy that counts how often each object is asked for."""

    def __init__(self, resource: Resource, clock: ManualClock) -> None:
        super().__init__(Nobody(), resource, clock, Activity())
        self.asked: Counter[str] = Counter()

    def get(self, key: str) -> Object | None:
        self.asked[key] += 1
        return super().get(key)


class Parts:
    """A binder of volumes, and the copies that it looks at."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.pods, self.claims, self.volumes = (
            Copy(resource, clock) for resource in (PODS, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES)
        )
        self.binder = VolumePreBinder(Nobody(), clock, self.pods, self.claims, self.volumes, VolumeView())

    def waits(self, scope: TaskScope, name: str) -> asyncio.Task[None]:
        """Have a pod wait for a claim of its name."""
        claim, pod = thing(name), thing(name)
        self.claims.apply("ADDED", claim)
        self.pods.apply("ADDED", pod)
        return scope.start(self.binder.wait(VolumePlan(made=(claim,)), "n", pod), name=name)

    def bind(self, name: str) -> None:
        volume = {"metadata": {"name": f"v-{name}"}, "spec": {"claimRef": {"namespace": "default", "name": name}}}
        self.volumes.apply("ADDED", volume)
        annotations = {"volume.kubernetes.io/selected-node": "n", "pv.kubernetes.io/bind-completed": "yes"}
        self.claims.apply("MODIFIED", thing(name, "2", annotations=annotations, spec={"volumeName": f"v-{name}"}))


def thing(name: str, version: str = "1", spec: Object | None = None, **metadata: Any) -> Object:
    found = {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": version}
    return {"metadata": {**found, **metadata}, "spec": spec or {}}


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_waits_looks_again_only_for_what_is_its_own() -> None:
    parts = Parts()
    async with TaskScope() as scope:
        one, other = parts.waits(scope, "one"), parts.waits(scope, "other")
        await turns()
        asked = parts.claims.asked["default/other"]
        parts.bind("one")
        await turns()
        assert one.done()
        assert (parts.claims.asked["default/other"], other.done()) == (asked, False)
        parts.bind("other")
        await other


async def test_a_pod_that_is_gone_is_waited_for_no_more() -> None:
    parts = Parts()
    async with TaskScope() as scope:
        waits = parts.waits(scope, "one")
        await turns()
        parts.pods.apply("DELETED", thing("one"))
        with pytest.raises(VolumesNotBound, match="the pod is gone"):
            await waits
