"""Persistent volumes, seen from outside: who is bound to whom, when, and what is left."""

import pytest

from podbay.api.errors import Forbidden, Invalid
from podbay.api.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES
from tests.flow.cluster import Cluster, condition, pod
from tests.flow.volumes import CLAIMED, HOPELESS, delete_claim, get_claim, get_volume, make_claim, make_volume, told


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


async def test_nodes_tell_where_they_keep_their_volumes(cluster: Cluster) -> None:
    node = await cluster.rest.get(NODES, "node-1")
    assert node["metadata"]["annotations"]["podbay.dev/local-path-directory"].endswith("/node-1/local-volumes")
