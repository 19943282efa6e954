"""A pod's life from its creation to its end, with every part of the cluster taking part."""

from itertools import pairwise

from podbay.api.resources import PODS
from tests.flow.cluster import Cluster, condition, pod


async def test_a_pod_is_scheduled_started_and_told_about(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    web = await cluster.pod("web")
    assert web["spec"]["nodeName"] == "node-1"
    assert web["status"]["phase"] == "Running"
    assert web["status"]["podIP"].startswith("10.244.0.")
    for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
        assert condition(web, kind)["status"] == "True", kind
    assert web["status"]["containerStatuses"][0]["state"] == {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
    reasons = [reason for reason, _, _ in await cluster.events_of("web")]
    assert reasons == ["Scheduled", "Pulling", "Pulled", "Created", "Started"]


async def test_a_pod_that_ends_well_has_succeeded(cluster: Cluster) -> None:
    await cluster.create(pod("job", "sh", "-c", "sleep 5", restartPolicy="Never"))
    assert await cluster.phase("job") == "Running"

    async def over() -> bool:
        return await cluster.phase("job") == "Succeeded"

    assert await cluster.until(over) == 5


async def test_a_deleted_pod_ends_at_once_when_its_process_obeys(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    await cluster.rest.delete(PODS, "web", namespace="default")

    async def gone() -> bool:
        return not await cluster.exists(PODS, "web", "default")

    assert await cluster.until(gone) == 0
    assert ("Killing", "Stopping container main", 1) in await cluster.events_of("web")


async def test_a_deleted_pod_that_hears_nothing_leaves_after_its_grace_period(cluster: Cluster) -> None:
    await cluster.create(pod("deaf", "sleep", "infinity", terminationGracePeriodSeconds=20))
    began = cluster.clock.monotonic()
    await cluster.rest.delete(PODS, "deaf", namespace="default")
    await cluster.settle()
    assert "deletionTimestamp" in (await cluster.pod("deaf"))["metadata"]

    async def gone() -> bool:
        return not await cluster.exists(PODS, "deaf", "default")

    assert await cluster.until(gone) - began == 20


async def test_a_crashing_container_waits_ten_seconds_then_twice_as_long_up_to_five_minutes(cluster: Cluster) -> None:
    await cluster.create(pod("crash", "false"))
    starts: list[float] = []
    runtime = cluster.runtimes["node-1"]

    def started() -> int:
        count = runtime.calls.count("start_container")
        starts.extend([cluster.clock.monotonic()] * (count - len(starts)))
        return count >= 9

    await cluster.until(started, within_s=3600)
    pauses = [round(after - before) for before, after in pairwise(starts)]
    # The first restart comes at once; its own crash begins the back-off.
    assert pauses == [0, 10, 20, 40, 80, 160, 300, 300]
    crash = await cluster.pod("crash")
    assert crash["status"]["phase"] == "Running"
    assert crash["status"]["containerStatuses"][0]["restartCount"] >= 8
    reasons = {reason for reason, _, _ in await cluster.events_of("crash")}
    assert "BackOff" in reasons


async def test_a_kubelet_that_starts_again_adopts_its_pods(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    before = await cluster.pod("web")
    runtime = cluster.runtimes["node-1"]
    await cluster.kubelets["node-1"].kill()
    await cluster.pass_time(30)
    runtime.calls.clear()
    cluster.kubelets["node-1"].start()
    await cluster.settle()
    await cluster.pass_time(30)
    assert not {"run_sandbox", "create_container", "start_container", "stop_container"} & set(runtime.calls)
    after = await cluster.pod("web")
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]


async def test_a_container_that_ended_while_no_kubelet_looked_is_started_again(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    status = (await cluster.pod("web"))["status"]["containerStatuses"][0]
    await cluster.kubelets["node-1"].kill()
    cluster.runtimes["node-1"].end_container(status["containerID"].partition("://")[2], 3)
    cluster.kubelets["node-1"].start()

    async def restarted() -> bool:
        return bool((await cluster.pod("web"))["status"]["containerStatuses"][0]["restartCount"] == 1)

    await cluster.until(restarted)
    now = (await cluster.pod("web"))["status"]["containerStatuses"][0]
    assert now["lastState"]["terminated"]["exitCode"] == 3


async def test_a_quiet_cluster_writes_only_its_heartbeats(cluster: Cluster) -> None:
    await cluster.create(pod("web"))
    await cluster.pass_time(60)
    before = cluster.server.objects.cache.revision
    await cluster.pass_time(60)
    assert cluster.server.objects.cache.revision - before == 6  # a lease every ten seconds
