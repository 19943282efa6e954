"""Nodes that come, go and come back, and what becomes of their pods."""

from podbay.api.resources import EVENTS, LEASES, NODES, PODS
from tests.flow.cluster import Cluster, condition, pod


async def test_a_node_registers_and_renews_its_lease(cluster: Cluster) -> None:
    node = await cluster.rest.get(NODES, "node-1")
    assert condition(node, "Ready")["status"] == "True"
    assert node["spec"]["podCIDRs"] == ["10.244.0.0/24"]
    lease = await cluster.rest.get(LEASES, "node-1", namespace="kube-node-lease")
    await cluster.pass_time(30)
    renewed = await cluster.rest.get(LEASES, "node-1", namespace="kube-node-lease")
    assert renewed["spec"]["renewTime"] > lease["spec"]["renewTime"]


async def test_nodes_that_come_together_get_different_ranges(empty_cluster: Cluster) -> None:
    for number in range(5):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}"}}
        await empty_cluster.rest.create(NODES, node)
    await empty_cluster.settle()
    ranges = [node["spec"]["podCIDR"] for node in (await empty_cluster.rest.list(NODES))["items"]]
    assert sorted(ranges) == [f"10.244.{number}.0/24" for number in range(5)]


async def test_the_range_of_a_node_that_is_gone_is_given_again(empty_cluster: Cluster) -> None:
    for name in ("a", "b"):
        await empty_cluster.rest.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        await empty_cluster.settle()
    await empty_cluster.rest.delete(NODES, "a")
    await empty_cluster.rest.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "c"}})
    await empty_cluster.settle()
    assert (await empty_cluster.rest.get(NODES, "c"))["spec"]["podCIDR"] == "10.244.0.0/24"


async def test_controllers_that_start_again_change_no_range(empty_cluster: Cluster) -> None:
    await empty_cluster.rest.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}})
    await empty_cluster.settle()
    await empty_cluster.controllers.kill()
    await empty_cluster.rest.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "b"}})
    empty_cluster.controllers.start()
    await empty_cluster.settle()
    ranges = {
        node["metadata"]["name"]: node["spec"]["podCIDR"] for node in (await empty_cluster.rest.list(NODES))["items"]
    }
    assert ranges == {"a": "10.244.0.0/24", "b": "10.244.1.0/24"}


async def test_a_pod_that_names_a_node_which_is_not_there_is_collected(cluster: Cluster) -> None:
    await cluster.create(pod("lost", nodeName="nowhere"))
    await cluster.pass_time(39)
    assert await cluster.phase("lost") == "Pending"

    async def gone() -> bool:
        return not await cluster.exists(PODS, "lost", "default")

    assert await cluster.until(gone) == 40


async def test_the_pods_of_a_node_that_is_gone_for_good_are_collected(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    await cluster.kubelets["node-1"].kill()
    await cluster.rest.delete(NODES, "node-1")

    async def gone() -> bool:
        return not await cluster.exists(PODS, "web", "default")

    assert await cluster.until(gone) == 40


async def test_a_node_that_comes_back_in_time_keeps_its_pods(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    before = await cluster.pod("web")
    await cluster.rest.delete(NODES, "node-1")
    await cluster.pass_time(60)  # its kubelet registers it again at the next heartbeat
    assert await cluster.exists(NODES, "node-1")
    after = await cluster.pod("web")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]


async def test_a_node_that_somebody_deletes_is_registered_again_at_once(cluster: Cluster) -> None:
    await cluster.label_node("node-1", gpu="true")
    before = await cluster.rest.get(NODES, "node-1")
    await cluster.rest.delete(NODES, "node-1")
    await cluster.settle()
    after = await cluster.rest.get(NODES, "node-1")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert "gpu" not in after["metadata"]["labels"]
    assert condition(after, "Ready")["status"] == "True"
    await cluster.create(pod("web"))
    assert await cluster.phase("web") == "Running"


async def test_a_node_tells_what_images_it_has_soon_after_a_pull(cluster: Cluster) -> None:
    assert (await cluster.rest.get(NODES, "node-1"))["status"].get("images", []) == []
    await cluster.create(pod("web"))
    await cluster.pass_time(1)
    (image,) = (await cluster.rest.get(NODES, "node-1"))["status"]["images"]
    assert "docker.io/luksa/kubia:latest" in image["names"]


async def test_a_runtime_that_is_away_makes_its_node_not_ready_and_one_that_is_back_ready(cluster: Cluster) -> None:
    runtime = cluster.runtimes["node-1"]
    runtime.go_down()
    await cluster.settle()
    assert condition(await cluster.rest.get(NODES, "node-1"), "Ready")["status"] == "True"
    await cluster.pass_time(2)
    ready = condition(await cluster.rest.get(NODES, "node-1"), "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "KubeletNotReady")
    assert ready["message"].startswith("container runtime is down")
    assert ready["lastTransitionTime"] == "2026-01-01T00:00:02Z"
    runtime.come_back()
    await cluster.settle()
    assert condition(await cluster.rest.get(NODES, "node-1"), "Ready")["status"] == "True"


async def test_at_rest_the_runtime_is_asked_once_a_minute_how_it_feels(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    await cluster.pass_time(30)
    runtime = cluster.runtimes["node-1"]
    runtime.calls.clear()
    await cluster.pass_time(240)
    assert runtime.calls == ["info", "images"] * 4


async def test_every_part_names_itself_in_its_events(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    page = await cluster.rest.list(EVENTS, namespace="default", query={"fieldSelector": "involvedObject.name=web"})
    sources = {event["reason"]: event["source"] for event in page["items"]}
    assert sources["Scheduled"] == {"component": "default-scheduler"}
    assert sources["Started"] == {"component": "kubelet", "host": "node-1"}
