"""Quotas and limit ranges, seen from outside: what is charged when, who is refused, and what comes back."""

import asyncio
from typing import Any

import pytest

from podbay.api.errors import Forbidden, StatusError
from podbay.api.resources import (
    CONFIG_MAPS,
    LEASES,
    LIMIT_RANGES,
    PERSISTENT_VOLUME_CLAIMS,
    POD_TEMPLATES,
    PODS,
    RESOURCE_QUOTAS,
)
from podbay.client.rest import Object
from tests.flow.cluster import Cluster, pod


async def make_quota(cluster: Cluster, name: str = "q", hard: Object | None = None, **spec: Any) -> None:
    body = {"metadata": {"name": name, "namespace": "default"}, "spec": {"hard": hard or {}, **spec}}
    await cluster.rest.create(RESOURCE_QUOTAS, body, namespace="default")
    await cluster.settle()


async def used(cluster: Cluster, name: str = "q") -> Object:
    await cluster.settle()
    found = await cluster.rest.get(RESOURCE_QUOTAS, name, namespace="default")
    amounts: Object = found["status"]["used"]
    return amounts


def sized(name: str, cpu: str, **spec: Any) -> Object:
    return pod(name, container={"resources": {"requests": {"cpu": cpu}, "limits": {"cpu": "2"}}}, **spec)


async def test_pods_are_charged_when_they_are_made_and_given_back_when_they_end(cluster: Cluster) -> None:
    await cluster.add_node("n1")
    await cluster.create(sized("before", "500m", terminationGracePeriodSeconds=1))
    await make_quota(cluster, hard={"pods": "2", "requests.cpu": "1", "limits.cpu": "8", "count/pods": "5"})
    assert await used(cluster) == {"pods": "1", "requests.cpu": "500m", "limits.cpu": "2", "count/pods": "1"}
    with pytest.raises(Forbidden) as refused:
        await cluster.create(sized("big", "501m"))
    assert refused.value.message == (
        'pods "big" is forbidden: exceeded quota: q, requested: requests.cpu=501m, used: requests.cpu=500m, limited:'
        " requests.cpu=1"
    )
    await cluster.create(sized("second", "500m", restartPolicy="Never"))
    assert await used(cluster) == {"pods": "2", "requests.cpu": "1", "limits.cpu": "4", "count/pods": "2"}
    await cluster.rest.delete(PODS, "before", namespace="default")
    await cluster.pass_time(10)
    assert await used(cluster) == {"pods": "1", "requests.cpu": "500m", "limits.cpu": "2", "count/pods": "1"}


async def test_a_pod_that_has_ended_counts_only_as_an_object(cluster: Cluster) -> None:
    await cluster.add_node("n1")
    await make_quota(cluster, hard={"pods": "1", "count/pods": "2"})
    await cluster.create(pod("once", "true", restartPolicy="Never"))

    async def has_ended() -> bool:
        return await cluster.phase("once") == "Succeeded"

    await cluster.until(has_ended)
    assert await used(cluster) == {"pods": "0", "count/pods": "1"}
    await cluster.create(pod("next", "true", restartPolicy="Never"))
    await cluster.until(lambda: True)
    with pytest.raises(Forbidden):
        await cluster.create(pod("third", "true", restartPolicy="Never"))


async def test_a_quota_is_never_oversold_however_many_come_at_once(cluster: Cluster) -> None:
    await make_quota(cluster, hard={"count/configmaps": "10"})
    await make_quota(cluster, "other", hard={"configmaps": "8"})
    before = int((await used(cluster))["count/configmaps"])

    async def make(number: int) -> bool:
        body = {"metadata": {"name": f"m{number}", "namespace": "default"}}
        try:
            await cluster.rest.create(CONFIG_MAPS, body, namespace="default")
        except Forbidden:
            return False
        return True

    async def count_again() -> None:
        for _ in range(5):
            quota = await cluster.rest.get(RESOURCE_QUOTAS, "q", namespace="default")
            quota["spec"]["hard"]["pods"] = quota["metadata"]["resourceVersion"]  # another one, to be counted anew
            try:
                await cluster.rest.update(RESOURCE_QUOTAS, quota)
            except StatusError:
                continue  # a charge came between

    *made, _ = await asyncio.gather(*(make(number) for number in range(40)), count_again())
    await cluster.pass_time(1)
    assert sum(map(bool, made)) == 8 - before
    assert (await used(cluster))["count/configmaps"] == (await used(cluster, "other"))["configmaps"] == "8"


async def test_what_was_charged_and_never_stored_is_given_back_with_the_next_count(cluster: Cluster) -> None:
    await make_quota(cluster, hard={"count/leases.coordination.k8s.io": "3"})
    lease = {"metadata": {"name": "l", "namespace": "default"}, "spec": {}}
    await cluster.rest.create(LEASES, lease, namespace="default")
    with pytest.raises(StatusError):
        await cluster.rest.create(LEASES, lease, namespace="default")
    assert await used(cluster) == {"count/leases.coordination.k8s.io": "2"}
    await cluster.pass_time(301)
    assert await used(cluster) == {"count/leases.coordination.k8s.io": "1"}


async def test_containers_must_say_what_a_quota_counts_and_limit_ranges_say_it_for_them(cluster: Cluster) -> None:
    await make_quota(cluster, hard={"limits.memory": "1Gi", "requests.cpu": "1"})
    with pytest.raises(Forbidden) as refused:
        await cluster.create(pod("p"))
    assert refused.value.message == (
        'pods "p" is forbidden: failed quota: q: must specify limits.memory for: main; requests.cpu for: main'
    )
    limits = [{"type": "Container", "default": {"memory": "512Mi"}, "defaultRequest": {"cpu": "100m"}}]
    body = {"metadata": {"name": "l", "namespace": "default"}, "spec": {"limits": limits}}
    await cluster.rest.create(LIMIT_RANGES, body, namespace="default")
    await cluster.create(pod("p"))
    assert await used(cluster) == {"limits.memory": "512Mi", "requests.cpu": "100m"}


async def test_claims_are_charged_by_their_class_too(cluster: Cluster) -> None:
    of_class = "local-path.storageclass.storage.k8s.io/requests.storage"
    await make_quota(cluster, hard={"requests.storage": "3Gi", of_class: "2Gi", "persistentvolumeclaims": "5"})

    def claim(name: str, amount: str) -> Object:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": amount}}}
        return {"metadata": {"name": name, "namespace": "default"}, "spec": {**spec, "storageClassName": "local-path"}}

    await cluster.rest.create(PERSISTENT_VOLUME_CLAIMS, claim("a", "2Gi"), namespace="default")
    assert await used(cluster) == {"requests.storage": "2Gi", of_class: "2Gi", "persistentvolumeclaims": "1"}
    with pytest.raises(Forbidden) as refused:
        await cluster.rest.create(PERSISTENT_VOLUME_CLAIMS, claim("b", "1Gi"), namespace="default")
    assert f"exceeded quota: q, requested: {of_class}=1Gi, used: {of_class}=2Gi" in refused.value.message
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, "a", namespace="default")
    await cluster.pass_time(5)
    assert await used(cluster) == {"requests.storage": "0", of_class: "0", "persistentvolumeclaims": "0"}


async def test_scoped_quotas_count_their_pods_only(cluster: Cluster) -> None:
    await make_quota(cluster, "idle", hard={"pods": "1"}, scopes=["BestEffort"])
    await make_quota(cluster, "short", hard={"pods": "1"}, scopes=["Terminating", "NotBestEffort"])
    await cluster.create(pod("a"))
    with pytest.raises(Forbidden) as refused:
        await cluster.create(pod("b"))
    assert "exceeded quota: idle, requested: pods=1, used: pods=1, limited: pods=1" in refused.value.message
    await cluster.create(sized("c", "1"))
    await cluster.create(sized("d", "1", activeDeadlineSeconds=60))
    assert (await used(cluster, "idle"), await used(cluster, "short")) == ({"pods": "1"}, {"pods": "1"})
    with pytest.raises(Forbidden):
        await cluster.create(sized("e", "1", activeDeadlineSeconds=60))


async def test_a_changed_quota_is_counted_anew_and_a_smaller_one_lets_nothing_in(cluster: Cluster) -> None:
    await make_quota(cluster, hard={"pods": "2"})
    await cluster.create(pod("a"))
    await cluster.create(pod("b"))
    wanted = {"spec": {"hard": {"pods": "1", "secrets": "5", "services": "0"}}}
    await cluster.rest.patch(RESOURCE_QUOTAS, "q", wanted, namespace="default", merge=True)
    assert await used(cluster) == {"pods": "2", "secrets": "0", "services": "0"}
    with pytest.raises(Forbidden):
        await cluster.create(pod("c"))


async def test_a_resize_is_charged_by_how_much_it_grows(cluster: Cluster) -> None:
    await cluster.add_node("n1")
    await make_quota(cluster, hard={"requests.cpu": "1500m"})
    await cluster.create(sized("p", "1"))
    await cluster.until_running("p")
    main = {"name": "main", "resources": {"requests": {"cpu": "1400m"}}}
    await cluster.rest.patch(PODS, "p", {"spec": {"containers": [main]}}, namespace="default", subresource="resize")
    assert await used(cluster) == {"requests.cpu": "1400m"}
    main["resources"] = {"requests": {"cpu": "1600m"}}
    with pytest.raises(Forbidden) as refused:
        await cluster.rest.patch(PODS, "p", {"spec": {"containers": [main]}}, namespace="default", subresource="resize")
    assert "requested: requests.cpu=200m, used: requests.cpu=1400m" in refused.value.message


async def test_only_kinds_that_some_quota_limits_are_followed(cluster: Cluster) -> None:
    cache = cluster.server.objects.cache.of(POD_TEMPLATES)
    assert cache.watcher_count == 0
    await make_quota(cluster, hard={"count/podtemplates": "1"})
    assert cache.watcher_count == 1
