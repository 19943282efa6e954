"""Pods with persistent volumes, seen from outside: where they may go, what they wait for, who waits with them."""

import asyncio

import pytest

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS, Resource
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Rest
from podbay.scheduler.scheduler import Scheduler
from podbay.wire.http import PeerCertificate
from tests.flow.cluster import Cluster, Part, condition, pod
from tests.flow.volumes import (
    CLAIMED,
    HOPELESS,
    Object,
    claim,
    delete_claim,
    get_claim,
    make_claim,
    make_volume,
    told,
    wait_class,
)


async def test_another_pod_follows_the_volume_to_its_node(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1")
    await cluster.add_node("node-2")
    await make_claim(cluster)
    await cluster.create(pod("first", nodeSelector={"kubernetes.io/hostname": "node-2"}, **CLAIMED))
    for name in ("second", "third"):
        await cluster.create(pod(name, **CLAIMED))
        assert (await cluster.pod(name))["spec"]["nodeName"] == "node-2"
    await cluster.create(pod("elsewhere", nodeSelector={"kubernetes.io/hostname": "node-1"}, **CLAIMED))
    message = condition(await cluster.pod("elsewhere"), "PodScheduled")["message"]
    assert message == (
        "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had volume node"
        f" affinity conflict. {HOPELESS.format(2)}"
    )


async def test_a_pod_that_was_put_beside_its_volume_is_not_given_another_directory(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1")
    await cluster.add_node("node-2")
    made = await make_claim(cluster)
    await cluster.create(pod("first", nodeSelector={"kubernetes.io/hostname": "node-2"}, **CLAIMED))
    await cluster.create(pod("forced", nodeName="node-1", **CLAIMED))
    name = f"pvc-{made['metadata']['uid']}"
    why = f'MountVolume.NodeAffinity check failed for volume "{name}" : no matching NodeSelectorTerms'
    assert ("FailedMount", why) in await told(cluster, "forced")
    assert await cluster.phase("forced") == "Pending"


async def test_pods_wait_for_claims_that_are_missing_or_unbound(cluster: Cluster) -> None:
    await cluster.create(pod("web", **CLAIMED))
    message = condition(await cluster.pod("web"), "PodScheduled")["message"]
    assert message == f'0/1 nodes are available: persistentvolumeclaim "data" not found. {HOPELESS.format(1)}'
    await make_claim(cluster, storageClassName="manual")
    message = condition(await cluster.pod("web"), "PodScheduled")["message"]
    unbound = "pod has unbound immediate PersistentVolumeClaims"
    assert message == f"0/1 nodes are available: {unbound}. {HOPELESS.format(1)}"
    assert await told(cluster, "data") == [("ProvisioningFailed", 'storageclass.storage.k8s.io "manual" not found')]
    await make_volume(cluster, "late")
    await cluster.until_running("web")


async def test_other_pods_that_come_and_go_do_not_wake_a_pod_that_waits_for_its_claim(cluster: Cluster) -> None:
    await cluster.create(pod("web", **CLAIMED))
    await cluster.create(pod("other"))
    await cluster.rest.delete(PODS, "other", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.settle()
    assert [count for reason, _, count in await cluster.events_of("web") if reason == "FailedScheduling"] == [1]
    await make_claim(cluster)
    await cluster.until_running("web")


async def test_what_a_pod_was_promised_is_free_for_others_once_it_is_gone(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1")
    await cluster.add_node("node-2")
    await make_claim(cluster)
    await cluster.scheduler.kill()
    held = HeldRest(cluster)
    cluster.scheduler = Part(lambda: Scheduler(held, cluster.clock, cluster.activity))
    cluster.scheduler.start()
    await cluster.create(pod("first", nodeSelector={"kubernetes.io/hostname": "node-1"}, **CLAIMED))
    assert held.asked.is_set()
    await cluster.create(pod("second", nodeSelector={"kubernetes.io/hostname": "node-2"}, **CLAIMED))
    assert "available persistent volumes" in condition(await cluster.pod("second"), "PodScheduled")["message"]
    await cluster.rest.delete(PODS, "first", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.settle()
    held.refused.set()
    await cluster.until_running("second")


class HeldRest(Rest):
    """A scheduler's client whose first write of a claim is held up, and then refused."""

    def __init__(self, cluster: Cluster) -> None:
        user = "system:kube-scheduler"
        super().__init__(InProcessTransport(cluster.server.handle, PeerCertificate(user, ()), cluster.activity), user)
        self.asked, self.refused = asyncio.Event(), asyncio.Event()

    async def update(self, resource: Resource, obj: Object, *, subresource: str = "") -> Object:
        if resource is PERSISTENT_VOLUME_CLAIMS and not self.refused.is_set():
            self.asked.set()
            await self.refused.wait()
            raise Conflict("held up")
        return await super().update(resource, obj, subresource=subresource)


async def test_volumes_of_a_class_that_waits_are_bound_where_the_pod_can_go(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1")
    await cluster.add_node("node-2")
    await wait_class(cluster)
    await make_claim(cluster, storageClassName="late")
    await cluster.create(pod("web", **CLAIMED))
    message = condition(await cluster.pod("web"), "PodScheduled")["message"]
    none = "2 node(s) didn't find available persistent volumes to bind"
    assert message == f"0/2 nodes are available: {none}. {HOPELESS.format(2)}"
    await make_volume(cluster, "there", node="node-2", storageClassName="late")
    await cluster.until_running("web")
    assert (await cluster.pod("web"))["spec"]["nodeName"] == "node-2"
    bound = await get_claim(cluster)
    assert (bound["spec"]["volumeName"], bound["status"]["phase"]) == ("there", "Bound")


async def test_a_claim_for_one_pod_is_used_by_one_pod_and_a_more_important_one_takes_it(cluster: Cluster) -> None:
    await make_claim(cluster, accessModes=["ReadWriteOncePod"])
    await cluster.create(pod("first", **CLAIMED))
    await cluster.create(pod("second", **CLAIMED))
    message = condition(await cluster.pod("second"), "PodScheduled")["message"]
    assert message == (
        "0/1 nodes are available: 1 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod"
        " access mode. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )
    await cluster.rest.delete(PODS, "first", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.until_running("second")


async def test_a_node_that_vanished_before_it_made_the_volume_is_chosen_no_more(empty_cluster: Cluster) -> None:
    cluster = empty_cluster
    await cluster.add_node("node-1")
    made = claim()
    made["metadata"]["annotations"] = {"volume.kubernetes.io/selected-node": "node-0"}
    await cluster.rest.create(PERSISTENT_VOLUME_CLAIMS, made, namespace="default")
    await cluster.settle()
    assert "volume.kubernetes.io/selected-node" not in (await get_claim(cluster))["metadata"]["annotations"]
    await cluster.create(pod("web", **CLAIMED))
    await cluster.until_running("web")


async def test_a_killed_binder_and_scheduler_finish_what_they_had_begun(cluster: Cluster) -> None:
    await make_claim(cluster)
    await cluster.controllers.kill()
    await cluster.create(pod("web", **CLAIMED))
    await cluster.scheduler.kill()
    cluster.controllers.start()
    cluster.scheduler.start()
    await cluster.until_running("web")
    assert (await get_claim(cluster))["status"]["phase"] == "Bound"


async def test_a_pod_that_is_deleted_while_its_volume_is_made_is_no_longer_waited_for(cluster: Cluster) -> None:
    await wait_class(cluster, "far", provisioner="example.com/none")
    await make_claim(cluster, storageClassName="far")
    await cluster.create(pod("web", **CLAIMED))
    assert (await get_claim(cluster))["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] == "node-1"
    await cluster.rest.delete(PODS, "web", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.settle()
    with pytest.raises(NotFound):
        await cluster.pod("web")
    await delete_claim(cluster)
    assert not await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "data", "default")
