"""What becomes of a container that ends: every restart policy, its back-off, and what the pod says meanwhile."""

from itertools import pairwise
from typing import Any

import pytest

from podbay.cri.fake.behaviour import Behaviour
from podbay.cri.runtime import ContainerConfig, ContainerState
from tests.flow.cluster import Cluster, condition, pod


def exits(code: int, name: str = "p", after_s: int = 0, **spec: Any) -> dict[str, Any]:
    return pod(name, "sh", "-c", f"sleep {after_s}; exit {code}", **spec)


async def container(cluster: Cluster, name: str = "p") -> dict[str, Any]:
    found: dict[str, Any] = (await cluster.pod(name))["status"]["containerStatuses"][0]
    return found


def starts(cluster: Cluster) -> int:
    return cluster.runtimes["node-1"].calls.count("start_container")


@pytest.mark.parametrize(
    ("policy", "code", "phase", "restarted"),
    [
        ("Always", 0, "Running", True),
        ("Always", 1, "Running", True),
        ("OnFailure", 0, "Succeeded", False),
        ("OnFailure", 1, "Running", True),
        ("Never", 0, "Succeeded", False),
        ("Never", 1, "Failed", False),
    ],
)
async def test_the_restart_policy_decides(
    cluster: Cluster, policy: str, code: int, phase: str, restarted: bool
) -> None:
    await cluster.create(exits(code, after_s=5, restartPolicy=policy))
    assert await cluster.phase("p") == "Running"
    await cluster.pass_time(5)
    status = await container(cluster)
    assert await cluster.phase("p") == phase
    reason = "Completed" if code == 0 else "Error"
    if restarted:
        assert status["restartCount"] == 1 and "running" in status["state"]
        ended = status["lastState"]["terminated"]
    else:
        await cluster.pass_time(600)
        assert starts(cluster) == 1
        ended = (await container(cluster))["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (code, reason)
    assert (ended["startedAt"], ended["finishedAt"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z")


async def test_a_pod_has_succeeded_only_when_every_container_has(cluster: Cluster) -> None:
    both = exits(0, after_s=1, restartPolicy="Never")
    both["spec"]["containers"].append({"name": "other", "image": "i:1", "command": ["sh", "-c", "sleep 3; exit 2"]})
    await cluster.create(both)
    await cluster.pass_time(1)
    p = await cluster.pod("p")
    assert p["status"]["phase"] == "Running"
    assert condition(p, "Ready")["message"] == "containers with unready status: [main]"
    await cluster.pass_time(2)
    p = await cluster.pod("p")
    assert p["status"]["phase"] == "Failed"
    assert {c["type"]: (c["status"], c.get("reason", "")) for c in p["status"]["conditions"]} == {
        "PodReadyToStartContainers": ("False", ""),
        "Initialized": ("True", ""),
        "Ready": ("False", "PodFailed"),
        "ContainersReady": ("False", "PodFailed"),
        "PodScheduled": ("True", ""),
    }


async def test_a_pod_that_waits_for_its_back_off_says_so(cluster: Cluster) -> None:
    await cluster.create(exits(3))
    uid = (await cluster.pod("p"))["metadata"]["uid"]
    status = await container(cluster)
    assert status["restartCount"] == 1  # the first restart comes at once
    assert status["ready"] is False and status["started"] is False
    assert status["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 10s restarting failed container=main pod=p_default({uid})",
    }
    assert status["lastState"]["terminated"]["exitCode"] == 3
    backing_off = f"Back-off restarting failed container main in pod p_default({uid})"
    assert ("BackOff", backing_off, 1) in await cluster.events_of("p")
    assert await cluster.phase("p") == "Running"
    p = await cluster.pod("p")
    assert condition(p, "Ready")["reason"] == condition(p, "ContainersReady")["reason"] == "ContainersNotReady"


async def test_the_back_off_begins_anew_after_ten_minutes_of_running(cluster: Cluster) -> None:
    runs_s = iter([0.0, 0.0, 0.0, 599.0, 0.0, 601.0, 0.0, 0.0])

    def behaviour(config: ContainerConfig) -> Behaviour:
        return Behaviour(runs_s=next(runs_s), exit_code=1)

    cluster.runtimes["node-1"].behaviour = behaviour
    began: list[float] = []

    def started() -> bool:
        began.extend([cluster.clock.monotonic()] * (starts(cluster) - len(began)))
        return len(began) >= 8

    await cluster.create(pod("p"))
    await cluster.until(started, within_s=3600)
    pauses = [round(after - before) for before, after in pairwise(began)]
    # At once, 10 and 20 s; it runs 599 s: 40 s more; then 80 s; it runs 601 s: at once, and 10 s.
    assert pauses == [0, 10, 20, 599 + 40, 80, 601, 10]


@pytest.mark.parametrize(("policy", "phase"), [("Always", "Running"), ("Never", "Failed"), ("OnFailure", "Running")])
async def test_a_command_that_is_not_there_ends_with_128_before_it_began(
    cluster: Cluster, policy: str, phase: str
) -> None:
    problem = 'exec: "/absent": stat /absent: no such file or directory: unknown'
    cluster.runtimes["node-1"].behaviour = lambda config: Behaviour(start_error=problem)
    await cluster.create(pod("p", "/absent", restartPolicy=policy))
    await cluster.pass_time(1)
    status = await container(cluster)
    ended = (status["lastState"] if policy != "Never" else status["state"])["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (128, "StartError", problem)
    assert await cluster.phase("p") == phase
    told = await cluster.events_of("p")
    assert [reason for reason, _, _ in told][:5] == ["Scheduled", "Pulling", "Pulled", "Created", "Failed"]
    assert ("Failed", f"Error: {problem}", starts(cluster)) in told
    if policy == "Never":
        await cluster.pass_time(600)
        assert starts(cluster) == 1
    else:
        assert status["state"]["waiting"]["reason"] in ("RunContainerError", "CrashLoopBackOff")
        before = starts(cluster)
        await cluster.pass_time(60)
        assert starts(cluster) - before in (1, 2)  # 10 s, and 20 s


async def test_a_container_that_cannot_be_made_is_told_and_tried_again(cluster: Cluster) -> None:
    problem = "no space left on device"
    cluster.runtimes["node-1"].fail("create_container", "UNKNOWN", problem)
    await cluster.create(pod("p"))
    status = await container(cluster)
    assert status["state"]["waiting"] == {"reason": "CreateContainerError", "message": problem}
    assert ("Failed", f"Error: {problem}", 1) in await cluster.events_of("p")
    await cluster.until_running("p")
    assert (await container(cluster))["restartCount"] == 0


async def test_a_sandbox_that_cannot_be_made_is_told_and_tried_again(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].fail("run_sandbox", "UNKNOWN", "plugin type bridge failed", times=2)
    await cluster.create(pod("p"))
    p = await cluster.pod("p")
    assert p["status"]["phase"] == "Pending"
    assert p["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert condition(p, "PodReadyToStartContainers")["status"] == "False"
    message = "Failed to create pod sandbox: rpc error: code = Unknown desc = plugin type bridge failed"
    assert ("FailedCreatePodSandBox", message, 1) in await cluster.events_of("p")
    await cluster.until_running("p")


async def test_a_container_that_was_made_and_seems_never_to_have_started_is_counted(cluster: Cluster) -> None:
    cluster.runtimes["node-1"].fail("start_container", "UNAVAILABLE", "connection reset by peer")
    await cluster.create(pod("p"))
    await cluster.until_running("p")
    assert (await container(cluster))["restartCount"] == 1
    states = [found.state for found in await cluster.runtimes["node-1"].containers()]
    assert states.count(ContainerState.RUNNING) == 1


async def test_a_container_that_ran_out_of_memory_is_called_so_and_restarted(cluster: Cluster) -> None:
    await cluster.create(pod("p"))
    (made,) = await cluster.runtimes["node-1"].containers()
    cluster.runtimes["node-1"].end_container(made.id, 137, oom=True)
    await cluster.settle()
    status = await container(cluster)
    assert (status["restartCount"], status["lastState"]["terminated"]["reason"]) == (1, "OOMKilled")
