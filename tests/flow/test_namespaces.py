"""Namespaces: names in two of them never touch, and one that is deleted empties itself and then goes."""

import pytest

from podbay.api.errors import Forbidden
from podbay.api.resources import CONFIG_MAPS, NAMESPACES, PODS, SERVICE_ACCOUNTS
from tests.flow.cluster import ROOT_CA, Cluster, condition, pod


async def make(cluster: Cluster, name: str) -> None:
    await cluster.rest.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


async def gone(cluster: Cluster) -> float:
    """Return when the namespace is gone."""

    async def is_gone() -> bool:
        return not await cluster.exists(NAMESPACES, "apps")

    return await cluster.until(is_gone)


async def test_a_deleted_namespace_empties_itself_and_goes(cluster: Cluster) -> None:
    await make(cluster, "apps")
    await cluster.create(pod("web"), namespace="apps")
    await cluster.create(pod("web"))
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "b"}}
    await cluster.rest.create(CONFIG_MAPS, config, namespace="apps")
    await cluster.rest.delete(NAMESPACES, "apps")
    assert await gone(cluster) < 5
    assert not await cluster.exists(PODS, "web", "apps")
    assert not await cluster.exists(CONFIG_MAPS, "settings", "apps")
    assert await cluster.phase("web") == "Running"  # the one in default


async def test_a_namespace_waits_for_its_pods_and_says_what_is_left(cluster: Cluster) -> None:
    await make(cluster, "apps")
    await cluster.create(pod("deaf", "sleep", "infinity"), namespace="apps")
    await cluster.rest.delete(NAMESPACES, "apps")
    await cluster.pass_time(10)
    namespace = await cluster.rest.get(NAMESPACES, "apps")
    assert namespace["status"]["phase"] == "Terminating"
    remaining = condition(namespace, "NamespaceContentRemaining")
    assert (remaining["status"], remaining["reason"]) == ("True", "SomeResourcesRemain")
    assert remaining["message"] == "Some resources are remaining: pods. has 1 resource instances"
    with pytest.raises(Forbidden) as caught:
        await cluster.rest.create(PODS, pod("late"), namespace="apps")
    assert "because it is being terminated" in caught.value.message
    await gone(cluster)


async def test_every_namespace_has_an_account_that_its_pods_act_as(cluster: Cluster) -> None:
    await make(cluster, "apps")
    await cluster.create(pod("web"), namespace="apps")
    assert await cluster.exists(SERVICE_ACCOUNTS, "default", "apps")
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        assert await cluster.exists(SERVICE_ACCOUNTS, "default", name)
    spec = (await cluster.pod("web", "apps"))["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")


async def test_an_account_that_is_deleted_comes_back_unless_its_namespace_goes(cluster: Cluster) -> None:
    await make(cluster, "apps")
    await cluster.settle()
    await cluster.rest.delete(SERVICE_ACCOUNTS, "default", namespace="apps")
    await cluster.settle()
    assert await cluster.exists(SERVICE_ACCOUNTS, "default", "apps")
    await cluster.rest.delete(NAMESPACES, "apps")
    assert await gone(cluster) < 5


async def test_every_namespace_has_the_ca_that_its_pods_trust(cluster: Cluster) -> None:
    await make(cluster, "apps")
    for name in ("apps", "default", "kube-system", "kube-public", "kube-node-lease"):
        found = await cluster.rest.get(CONFIG_MAPS, "kube-root-ca.crt", namespace=name)
        assert found["data"] == {"ca.crt": ROOT_CA}
        assert found["metadata"]["annotations"]["kubernetes.io/description"].startswith("Contains a CA bundle")


async def test_a_ca_that_is_deleted_or_edited_is_put_right_unless_its_namespace_goes(cluster: Cluster) -> None:
    await make(cluster, "apps")
    await cluster.settle()
    await cluster.rest.delete(CONFIG_MAPS, "kube-root-ca.crt", namespace="apps")
    await cluster.settle()
    assert await cluster.exists(CONFIG_MAPS, "kube-root-ca.crt", "apps")
    changes = {
        "metadata": {"annotations": {"kubernetes.io/description": None, "mine": "stays"}},
        "data": {"ca.crt": "forged", "more": "x"},
    }
    await cluster.rest.patch(CONFIG_MAPS, "kube-root-ca.crt", changes, namespace="apps")
    await cluster.settle()
    found = await cluster.rest.get(CONFIG_MAPS, "kube-root-ca.crt", namespace="apps")
    assert found["data"] == {"ca.crt": ROOT_CA}
    assert sorted(found["metadata"]["annotations"]) == ["kubernetes.io/description", "mine"]
    await cluster.rest.delete(NAMESPACES, "apps")
    assert await gone(cluster) < 5


async def test_a_pod_that_names_an_account_which_is_not_there_is_refused(cluster: Cluster) -> None:
    with pytest.raises(Forbidden) as caught:
        await cluster.create(pod("web", serviceAccountName="builder"))
    assert caught.value.message == (
        'pods "web" is forbidden: error looking up service account default/builder: serviceaccount "builder" not found'
    )
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder"}}
    await cluster.rest.create(SERVICE_ACCOUNTS, account, namespace="default")
    await cluster.create(pod("web", serviceAccountName="builder"))
    assert await cluster.phase("web") == "Running"
