"""Where pods go, seen from outside: what stays pending, why, and what lets it go on."""

from podbay.api.resources import NODES, PODS
from tests.flow.cluster import Cluster, condition, pod

NO_MATCH = (
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available:"
    " 1 Preemption is not helpful for scheduling."
)


async def test_a_pod_that_wants_a_label_waits_for_it_and_says_so(cluster: Cluster) -> None:
    await cluster.create(pod("gpu", nodeSelector={"gpu": "true"}))
    waiting = await cluster.pod("gpu")
    assert waiting["status"]["phase"] == "Pending"
    assert condition(waiting, "PodScheduled") == {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": NO_MATCH,
        "lastProbeTime": None,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    assert await cluster.events_of("gpu") == [("FailedScheduling", NO_MATCH, 1)]

    await cluster.label_node("node-1", gpu="true")
    assert await cluster.until_running("gpu") == 0  # nobody else is active, so its back-off is not waited for
    assert condition(await cluster.pod("gpu"), "PodScheduled")["status"] == "True"
    assert ("Scheduled", "Successfully assigned default/gpu to node-1", 1) in await cluster.events_of("gpu")


async def test_without_nodes_a_pod_waits_and_the_first_node_takes_it(empty_cluster: Cluster) -> None:
    await empty_cluster.create(pod("web"))
    message = condition(await empty_cluster.pod("web"), "PodScheduled")["message"]
    assert message == "no nodes available to schedule pods"
    await empty_cluster.add_node("node-1")
    await empty_cluster.until_running("web")


async def test_a_pod_goes_to_the_labelled_one_of_two_nodes_and_nowhere_else(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1")
    await empty_cluster.add_node("node-2", {"gpu": "true"})
    for number in range(4):
        await empty_cluster.create(pod(f"gpu-{number}", nodeSelector={"gpu": "true"}))
        assert (await empty_cluster.pod(f"gpu-{number}"))["spec"]["nodeName"] == "node-2"
    ranges = {n["metadata"]["name"]: n["spec"]["podCIDR"] for n in (await empty_cluster.rest.list(NODES))["items"]}
    assert ranges == {"node-1": "10.244.0.0/24", "node-2": "10.244.1.0/24"}
    assert (await empty_cluster.pod("gpu-0"))["status"]["podIP"].startswith("10.244.1.")


async def test_pods_spread_over_nodes_that_are_alike(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1")
    await empty_cluster.add_node("node-2")
    for number in range(4):
        await empty_cluster.create(pod(f"web-{number}"))
    placed = [(await empty_cluster.pod(f"web-{number}"))["spec"]["nodeName"] for number in range(4)]
    assert sorted(placed) == ["node-1", "node-1", "node-2", "node-2"]


async def test_a_full_node_takes_the_next_pod_when_one_has_gone(cluster: Cluster) -> None:
    big = {"resources": {"requests": {"cpu": "3"}}}
    await cluster.create(pod("first", container=big))
    await cluster.create(pod("second", container=big))
    assert condition(await cluster.pod("second"), "PodScheduled")["message"] == (
        "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available:"
        " 1 No preemption victims found for incoming pod."
    )
    await cluster.rest.delete(PODS, "first", namespace="default")
    await cluster.until_running("second")


async def test_pods_created_together_never_get_the_same_room(cluster: Cluster) -> None:
    big = {"resources": {"requests": {"cpu": "1500m"}}}
    for number in range(4):
        await cluster.rest.create(PODS, pod(f"big-{number}", container=big), namespace="default")
    await cluster.settle()
    pods = (await cluster.rest.list(PODS, namespace="default"))["items"]
    assert sum("nodeName" in p["spec"] for p in pods) == 2


async def test_a_cordoned_node_takes_nothing_until_it_is_open_again(cluster: Cluster) -> None:
    await cluster.rest.patch(NODES, "node-1", {"spec": {"unschedulable": True}})
    await cluster.create(pod("web"))
    message = condition(await cluster.pod("web"), "PodScheduled")["message"]
    assert message.startswith("0/1 nodes are available: 1 node(s) were unschedulable. preemption:")
    await cluster.rest.patch(NODES, "node-1", {"spec": {"unschedulable": None}})
    await cluster.until_running("web")


async def test_a_scheduler_that_starts_again_goes_on_with_what_waits(cluster: Cluster) -> None:
    await cluster.scheduler.kill()
    await cluster.create(pod("web"))
    assert await cluster.phase("web") == "Pending"
    cluster.scheduler.start()
    await cluster.settle()
    assert await cluster.phase("web") == "Running"


async def test_what_changes_nothing_for_a_pod_does_not_wake_it(cluster: Cluster) -> None:
    await cluster.create(pod("gpu", nodeSelector={"gpu": "true"}))
    before = (await cluster.pod("gpu"))["metadata"]["resourceVersion"]
    await cluster.label_node("node-1", colour="red")
    await cluster.create(pod("web"))
    await cluster.rest.delete(PODS, "web", namespace="default")
    await cluster.pass_time(120)
    assert (await cluster.pod("gpu"))["metadata"]["resourceVersion"] == before
    assert [count for reason, _, count in await cluster.events_of("gpu") if reason == "FailedScheduling"] == [1]


async def test_a_pod_that_waits_is_looked_at_again_after_five_minutes(cluster: Cluster) -> None:
    await cluster.create(pod("gpu", nodeSelector={"gpu": "true"}))
    await cluster.pass_time(599)
    assert [count for reason, _, count in await cluster.events_of("gpu") if reason == "FailedScheduling"] == [2]


async def test_a_gated_pod_waits_until_its_last_gate_is_gone(cluster: Cluster) -> None:
    await cluster.create(pod("gated", schedulingGates=[{"name": "example.com/a"}, {"name": "example.com/b"}]))
    waiting = await cluster.pod("gated")
    assert condition(waiting, "PodScheduled") == {
        "type": "PodScheduled",
        "status": "False",
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastProbeTime": None,
        "lastTransitionTime": None,
    }
    for gates in ([{"name": "example.com/b"}], []):
        assert await cluster.phase("gated") == "Pending"
        assert await cluster.events_of("gated") == []
        open_ = await cluster.pod("gated")
        await cluster.rest.update(PODS, {**open_, "spec": {**open_["spec"], "schedulingGates": gates}})
        await cluster.settle()
    assert await cluster.phase("gated") == "Running"


async def test_a_pod_that_keeps_apart_waits_until_the_other_has_gone(cluster: Cluster) -> None:
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    await cluster.create(pod("one", labels={"app": "web"}, affinity=apart))
    await cluster.create(pod("two", labels={"app": "web"}, affinity=apart))
    assert condition(await cluster.pod("two"), "PodScheduled")["message"] == (
        "0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules. preemption: 0/1 nodes are available:"
        " 1 No preemption victims found for incoming pod."
    )
    await cluster.rest.delete(PODS, "one", namespace="default")
    await cluster.until_running("two")


async def test_a_pod_follows_the_pod_that_it_wants_to_be_with(empty_cluster: Cluster) -> None:
    await empty_cluster.add_node("node-1")
    await empty_cluster.add_node("node-2")
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"tier": "back"}},
        "matchLabelKeys": ["app"],
    }
    together = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    await empty_cluster.create(pod("other", labels={"app": "web", "tier": "back"}, nodeName="node-1"))
    await empty_cluster.create(pod("db", labels={"app": "db", "tier": "back"}, nodeName="node-2"))
    await empty_cluster.create(pod("follower", labels={"app": "db"}, affinity=together))
    made = await empty_cluster.pod("follower")
    assert made["spec"]["nodeName"] == "node-2"
    (kept,) = made["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert kept["labelSelector"]["matchExpressions"] == [{"key": "app", "operator": "In", "values": ["db"]}]


async def test_a_group_spreads_over_zones(empty_cluster: Cluster) -> None:
    for number in range(4):
        await empty_cluster.add_node(f"node-{number}", {"zone": "a" if number < 3 else "b"})
    spread = [
        {
            "maxSkew": 1,
            "topologyKey": "zone",
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": {"matchLabels": {"app": "web"}},
        }
    ]
    for number in range(4):
        await empty_cluster.create(pod(f"web-{number}", labels={"app": "web"}, topologySpreadConstraints=spread))
    placed = [(await empty_cluster.pod(f"web-{number}"))["spec"]["nodeName"] for number in range(4)]
    assert placed.count("node-3") == 2
