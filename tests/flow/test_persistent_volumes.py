"""Persistent volumes, seen from outside: who is bound to whom, when, where pods may go for it, and what is left."""

import asyncio
from typing import Any

import pytest

from podbay.api.errors import Conflict, Forbidden, Invalid, NotFound
from podbay.api.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES, Resource
from podbay.client.inprocess import InProcessTransport
from podbay.client.rest import Rest
from podbay.scheduler.scheduler import Scheduler
from podbay.wire.http import PeerCertificate
from tests.flow.cluster import Cluster, Part, condition, pod

Object = dict[str, Any]
CLAIMED = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
HOPELESS = "preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling."


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> Object:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }


def volume(name: str, size: str = "1Gi", node: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    found: Object = {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/mnt/{name}"},
            "storageClassName": "manual",
            **spec,
        },
    }
    if node:
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
        found["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    return found


async def make_claim(cluster: Cluster, *args: Any, **spec: Any) -> Object:
    made = await cluster.rest.create(PERSISTENT_VOLUME_CLAIMS, claim(*args, **spec), namespace="default")
    await cluster.settle()
    return made


async def make_volume(cluster: Cluster, *args: Any, **more: Any) -> Object:
    made = await cluster.rest.create(PERSISTENT_VOLUMES, volume(*args, **more))
    await cluster.settle()
    return made


async def get_claim(cluster: Cluster, name: str = "data") -> Object:
    return await cluster.rest.get(PERSISTENT_VOLUME_CLAIMS, name, namespace="default")


async def get_volume(cluster: Cluster, name: str) -> Object:
    return await cluster.rest.get(PERSISTENT_VOLUMES, name)


async def delete_claim(cluster: Cluster, name: str = "data") -> None:
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, name, namespace="default")
    await cluster.settle()


async def wait_class(cluster: Cluster, name: str = "late", **more: Any) -> None:
    obj = {
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        **more,
    }
    await cluster.rest.create(STORAGE_CLASSES, obj)
    await cluster.settle()


async def told(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    return [(reason, message) for reason, message, _ in await cluster.events_of(name)]


async def test_every_cluster_has_a_default_class_whose_volumes_are_directories(cluster: Cluster) -> None:
    found = await cluster.rest.get(STORAGE_CLASSES, "standard")
    assert found["provisioner"] == "rancher.io/local-path"
    assert (found["reclaimPolicy"], found["volumeBindingMode"]) == ("Delete", "WaitForFirstConsumer")
    made = await make_claim(cluster)
    assert (made["spec"]["storageClassName"], made["spec"]["volumeMode"]) == ("standard", "Filesystem")
    assert made["status"] == {"phase": "Pending"}
    assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


async def test_a_claim_of_the_default_class_gets_its_volume_where_its_first_pod_goes(cluster: Cluster) -> None:
    made = await make_claim(cluster)
    waiting = ("WaitForFirstConsumer", "waiting for first consumer to be created before binding")
    assert await told(cluster, "data") == [waiting]
    await cluster.create(pod("web", **CLAIMED))
    name = f"pvc-{made['metadata']['uid']}"
    bound = await get_claim(cluster)
    assert (bound["spec"]["volumeName"], bound["status"]["phase"]) == (name, "Bound")
    assert bound["status"]["capacity"] == {"storage": "1Gi"}
    annotations = bound["metadata"]["annotations"]
    assert annotations["volume.kubernetes.io/selected-node"] == "node-1"
    assert (
        annotations["pv.kubernetes.io/bind-completed"] == annotations["pv.kubernetes.io/bound-by-controller"] == "yes"
    )
    found = await get_volume(cluster, name)
    assert found["status"]["phase"] == "Bound"
    assert found["spec"]["hostPath"]["path"].endswith(f"/node-1/local-volumes/{name}_default_data")
    assert found["spec"]["claimRef"]["uid"] == made["metadata"]["uid"]
    assert found["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] == [
        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-1"]}]}
    ]
    assert await cluster.phase("web") == "Running"
    reasons = [reason for reason, _ in await told(cluster, "data")]
    assert reasons[0] == "WaitForFirstConsumer"
    assert {"ExternalProvisioning", "Provisioning", "ProvisioningSucceeded"} <= set(reasons)


async def test_a_provisioned_volume_goes_with_its_claim_which_goes_with_its_last_pod(cluster: Cluster) -> None:
    made = await make_claim(cluster)
    await cluster.create(pod("web", **CLAIMED))
    await delete_claim(cluster)
    assert "deletionTimestamp" in (await get_claim(cluster))["metadata"]  # protected while the pod is there
    await cluster.rest.delete(PODS, "web", namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.settle()
    assert not await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "data", "default")
    assert not await cluster.exists(PERSISTENT_VOLUMES, f"pvc-{made['metadata']['uid']}")


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


async def test_the_smallest_volume_that_fits_is_bound_and_kept_when_its_claim_is_gone(cluster: Cluster) -> None:
    for name, size, more in (
        ("large", "10Gi", {}),
        ("small", "500Mi", {}),
        ("right", "2Gi", {}),
        ("other", "1Gi", {"storageClassName": "other"}),
        ("shared", "1Gi", {"accessModes": ["ReadOnlyMany"]}),
        ("raw", "1Gi", {"volumeMode": "Block"}),
    ):
        made = await make_volume(cluster, name, size, **more)
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
        assert (await get_volume(cluster, name))["status"]["phase"] == "Available"
    await make_claim(cluster, "data", "1Gi", storageClassName="manual")
    assert (await get_claim(cluster))["spec"]["volumeName"] == "right"
    bound = await get_volume(cluster, "right")
    assert (bound["status"]["phase"], bound["spec"]["claimRef"]["name"]) == ("Bound", "data")
    await cluster.rest.delete(PERSISTENT_VOLUMES, "right")
    await cluster.settle()
    assert "deletionTimestamp" in (await get_volume(cluster, "right"))["metadata"]  # bound, so it stays
    await delete_claim(cluster)
    assert not await cluster.exists(PERSISTENT_VOLUMES, "right")
    await make_claim(cluster, "again", "1Gi", storageClassName="manual")
    assert (await get_claim(cluster, "again"))["spec"]["volumeName"] == "large"
    await delete_claim(cluster, "again")
    assert (await get_volume(cluster, "large"))["status"]["phase"] == "Released"  # Retain
    await make_claim(cluster, "third", "1Gi", storageClassName="manual")
    assert (await get_claim(cluster, "third"))["status"]["phase"] == "Pending"  # nobody gets what was another's


async def test_a_claim_chooses_by_labels_and_by_name(cluster: Cluster) -> None:
    await make_volume(cluster, "a", labels={"tier": "slow"})
    await make_volume(cluster, "b", labels={"tier": "fast"})
    await make_claim(cluster, "picky", storageClassName="manual", selector={"matchLabels": {"tier": "fast"}})
    assert (await get_claim(cluster, "picky"))["spec"]["volumeName"] == "b"
    await make_claim(cluster, "named", "5Gi", storageClassName="manual", volumeName="a")
    assert (await get_claim(cluster, "named"))["status"]["phase"] == "Pending"
    assert await told(cluster, "named") == [
        ("VolumeMismatch", 'Cannot bind to requested volume "a": requested PV is too small')
    ]
    await make_claim(cluster, "taken", storageClassName="manual", volumeName="b")
    assert await told(cluster, "taken") == [("FailedBinding", 'volume "b" already bound to a different claim.')]


async def test_a_volume_that_is_promised_to_a_claim_waits_for_it(cluster: Cluster) -> None:
    await make_volume(cluster, "mine", claimRef={"namespace": "default", "name": "data"})
    await make_claim(cluster, "other", storageClassName="manual")
    assert (await get_claim(cluster, "other"))["status"]["phase"] == "Pending"
    await make_claim(cluster, "data", storageClassName="manual")
    assert (await get_claim(cluster))["spec"]["volumeName"] == "mine"
    found = await get_volume(cluster, "mine")
    assert found["spec"]["claimRef"]["uid"] == (await get_claim(cluster))["metadata"]["uid"]
    assert "pv.kubernetes.io/bound-by-controller" not in (found["metadata"].get("annotations") or {})


async def test_a_claim_whose_volume_vanished_is_lost(cluster: Cluster) -> None:
    await make_volume(cluster, "gone")
    await make_claim(cluster, storageClassName="manual")
    await cluster.rest.patch(PERSISTENT_VOLUMES, "gone", {"metadata": {"finalizers": None}}, merge=True)
    await cluster.settle()
    held = await get_volume(cluster, "gone")
    assert held["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]  # it is put back
    await cluster.rest.delete(PERSISTENT_VOLUMES, "gone")
    await cluster.rest.patch(PERSISTENT_VOLUMES, "gone", {"metadata": {"finalizers": None}}, merge=True)
    await cluster.settle()
    assert (await get_claim(cluster))["status"]["phase"] == "Lost"
    message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
    assert ("ClaimLost", message) in await told(cluster, "data")
    await cluster.create(pod("web", **CLAIMED))
    message = condition(await cluster.pod("web"), "PodScheduled")["message"]
    lost = 'persistentvolumeclaim "data" bound to non-existent persistentvolume "gone"'
    assert message == f"0/1 nodes are available: {lost}. {HOPELESS.format(1)}"


@pytest.mark.parametrize(
    ("policy", "reason", "message"),
    [
        ("Recycle", "VolumeFailedRecycle", "No recycler plugin found for the volume!"),
        (
            "Delete",
            "VolumeFailedDelete",
            'error getting deleter volume plugin for volume "old": no deletable volume plugin matched',
        ),
    ],
)
async def test_what_nobody_can_reclaim_fails(cluster: Cluster, policy: str, reason: str, message: str) -> None:
    await make_volume(cluster, "old", persistentVolumeReclaimPolicy=policy)
    await make_claim(cluster, storageClassName="manual")
    await delete_claim(cluster)
    found = await get_volume(cluster, "old")
    assert (found["status"]["phase"], found["status"]["message"]) == ("Failed", message)
    assert (reason, message) in await told(cluster, "old")


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


async def test_a_claim_gets_a_default_class_that_came_later(cluster: Cluster) -> None:
    await cluster.rest.delete(STORAGE_CLASSES, "standard")
    await make_claim(cluster)
    assert await told(cluster, "data") == [
        ("FailedBinding", "no persistent volumes available for this claim and no storage class is set")
    ]
    default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}, "name": "fresh"}
    await cluster.rest.create(STORAGE_CLASSES, {"metadata": default, "provisioner": "rancher.io/local-path"})
    await cluster.settle()
    assert (await get_claim(cluster))["spec"]["storageClassName"] == "fresh"
    failed = 'failed to provision volume with StorageClass "fresh": configuration error, no node was specified'
    assert ("ProvisioningFailed", failed) in await told(cluster, "data")


async def test_what_is_claimed_stays_and_only_grows_where_the_class_can(cluster: Cluster) -> None:
    await make_volume(cluster, "v", "5Gi")
    await make_claim(cluster, storageClassName="manual")
    grown = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    with pytest.raises(Forbidden) as refused:
        await cluster.rest.patch(PERSISTENT_VOLUME_CLAIMS, "data", grown, namespace="default")
    assert str(refused.value) == (
        'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the'
        " storageclass that provisions the pvc must support resize"
    )
    with pytest.raises(Invalid) as invalid:
        changes = {"spec": {"accessModes": ["ReadWriteMany"]}}
        await cluster.rest.patch(PERSISTENT_VOLUME_CLAIMS, "data", changes, namespace="default")
    assert "spec is immutable after creation except" in str(invalid.value)


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


async def test_nodes_tell_where_they_keep_their_volumes(cluster: Cluster) -> None:
    node = await cluster.rest.get(NODES, "node-1")
    assert node["metadata"]["annotations"]["podbay.dev/local-path-directory"].endswith("/node-1/local-volumes")
