"""Claims that pods bring for themselves, seen from outside: they come and go with their pods, and are nobody else's."""

from typing import Any

from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS
from tests.flow.cluster import Cluster, condition, pod

Object = dict[str, Any]
SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
FOREIGN = "PVC default/web-data was not created for pod default/web (pod is not owner)"


def bringing(name: str = "web", metadata: Object | None = None, **spec: Any) -> Object:
    template = {"metadata": metadata or {}, "spec": SPEC}
    return pod(name, volumes=[{"name": "data", "ephemeral": {"volumeClaimTemplate": template}}], **spec)


async def get_claim(cluster: Cluster, name: str = "web-data") -> Object:
    return await cluster.rest.get(PERSISTENT_VOLUME_CLAIMS, name, namespace="default")


async def delete(cluster: Cluster, name: str) -> None:
    await cluster.rest.delete(PODS, name, namespace="default", options={"gracePeriodSeconds": 0})
    await cluster.settle()


async def make_claim(cluster: Cluster, name: str = "web-data", owners: list[Object] | None = None) -> Object:
    metadata: Object = {"name": name, "ownerReferences": owners or []}
    made = await cluster.rest.create(
        PERSISTENT_VOLUME_CLAIMS, {"metadata": metadata, "spec": SPEC}, namespace="default"
    )
    await cluster.settle()
    return made


def owned_by(name: str, uid: str, kind: str = "Pod") -> Object:
    return {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}


async def test_a_pod_gets_the_claim_that_it_brings_and_runs_beside_its_volume(cluster: Cluster) -> None:
    made = await cluster.create(bringing(metadata={"labels": {"tier": "db"}, "annotations": {"note": "some"}}))
    claim = await get_claim(cluster)
    assert claim["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "name": "web",
            "uid": made["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    assert claim["metadata"]["labels"] == {"tier": "db"}
    assert claim["metadata"]["annotations"]["note"] == "some"
    assert (claim["status"]["phase"], claim["spec"]["storageClassName"]) == ("Bound", "standard")
    assert await cluster.phase("web") == "Running"


async def test_the_claim_and_its_volume_go_with_the_pod(cluster: Cluster) -> None:
    await cluster.create(bringing())
    volume = (await get_claim(cluster))["spec"]["volumeName"]
    await delete(cluster, "web")
    assert not await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "web-data", "default")
    assert not await cluster.exists(PERSISTENT_VOLUMES, volume)


async def test_a_claim_whose_pod_went_while_nobody_collected_goes_afterwards(cluster: Cluster) -> None:
    await cluster.create(bringing())
    await cluster.controllers.kill()
    await delete(cluster, "web")
    assert await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "web-data", "default")
    cluster.controllers.start()
    await cluster.settle()
    assert not await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "web-data", "default")


async def test_a_claim_stays_while_one_of_its_owners_may_be_there(cluster: Cluster) -> None:
    there = (await cluster.create(pod("web")))["metadata"]["uid"]
    gone = "00000000-0000-0000-0000-000000000000"
    await make_claim(cluster, "both", [owned_by("web", gone), owned_by("web", there)])
    await make_claim(cluster, "unknown", [owned_by("web", gone), owned_by("n", gone, "Node")])
    await make_claim(cluster, "none")
    await make_claim(cluster, "orphan", [owned_by("web", gone)])
    claims = (await cluster.rest.list(PERSISTENT_VOLUME_CLAIMS, namespace="default"))["items"]
    assert [claim["metadata"]["name"] for claim in claims] == ["both", "none", "unknown"]


async def test_a_claim_that_is_there_already_is_not_the_pods_and_both_are_told(cluster: Cluster) -> None:
    before = await make_claim(cluster)
    await cluster.create(bringing())
    await cluster.until(lambda: cluster.phase("web"))
    assert ("FailedBinding", f"ephemeral volume data: {FOREIGN}") in {
        (reason, message) for reason, message, _ in await cluster.events_of("web")
    }
    assert FOREIGN in condition(await cluster.pod("web"), "PodScheduled")["message"]
    assert (await get_claim(cluster))["metadata"]["uid"] == before["metadata"]["uid"]
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, "web-data", namespace="default")

    async def runs() -> bool:
        return await cluster.phase("web") == "Running"

    await cluster.until(runs)


async def test_the_claim_of_a_pod_that_was_is_not_its_successors(cluster: Cluster) -> None:
    first = await cluster.create(bringing())
    await cluster.controllers.kill()
    await delete(cluster, "web")
    await cluster.create(bringing())
    assert FOREIGN in condition(await cluster.pod("web"), "PodScheduled")["message"]
    cluster.controllers.start()

    async def runs() -> bool:
        return await cluster.phase("web") == "Running"

    await cluster.until(runs)
    [owner] = (await get_claim(cluster))["metadata"]["ownerReferences"]
    assert owner["uid"] == (await cluster.pod("web"))["metadata"]["uid"] != first["metadata"]["uid"]


async def test_a_pod_that_was_put_on_a_node_waits_there_until_its_claim_is_bound(cluster: Cluster) -> None:
    await cluster.create(bringing(nodeName="node-1"))
    told = {(reason, message) for reason, message, _ in await cluster.events_of("web")}
    assert any(reason == "FailedMount" and "PVC is not bound" in message for reason, message in told)


async def test_a_claim_in_use_that_is_deleted_stays_until_its_pod_has_gone(cluster: Cluster) -> None:
    await cluster.create(bringing())
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, "web-data", namespace="default")
    await cluster.settle()
    assert "deletionTimestamp" in (await get_claim(cluster))["metadata"]
    await delete(cluster, "web")
    assert not await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "web-data", "default")


async def test_a_claim_that_was_deleted_before_its_pod_had_a_node_is_made_again(cluster: Cluster) -> None:
    await cluster.create(bringing(nodeSelector={"no": "where"}))
    before = await get_claim(cluster)
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, "web-data", namespace="default")
    await cluster.settle()
    assert (await get_claim(cluster))["metadata"]["uid"] != before["metadata"]["uid"]


async def test_a_pod_that_only_waits_for_its_finalizers_keeps_its_claim_from_nobody(cluster: Cluster) -> None:
    made = bringing()
    made["metadata"]["finalizers"] = ["example.com/waits"]
    await cluster.create(made)
    await delete(cluster, "web")
    assert (await cluster.pod("web"))["metadata"]["deletionGracePeriodSeconds"] == 0
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, "web-data", namespace="default")
    await cluster.settle()
    assert not await cluster.exists(PERSISTENT_VOLUME_CLAIMS, "web-data", "default")
