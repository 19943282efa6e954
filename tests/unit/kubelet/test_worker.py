"""One pod's life on a kubelet with a pretended runtime: it starts, ends, restarts, and is told of."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.cri.runtime import ContainerState
from tests.unit.kubelet.support import House, Object, condition, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def test_a_pod_runs_and_its_status_and_events_say_so(home: House) -> None:
    await home.run(pod())
    status = await home.status()
    assert status["phase"] == "Running" and status["qosClass"] == "BestEffort"
    assert status["podIP"] == status["podIPs"][0]["ip"] == "10.244.0.2"
    assert status["hostIP"] == "192.0.2.1" and status["startTime"]
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    assert {kind: condition(status, kind)["status"] for kind in kinds} == dict.fromkeys(kinds, "True")
    main = status["containerStatuses"][0]
    assert main["ready"] and main["started"] and main["restartCount"] == 0
    assert list(main["state"]) == ["running"] and main["containerID"].startswith("fake://")
    assert await home.reasons() == ["Pulling", "Pulled", "Created", "Started"]


async def test_containers_start_in_the_order_of_the_spec(home: House) -> None:
    both = pod()
    both["spec"]["containers"].append({"name": "second", "image": "busybox"})
    await home.run(both)
    assert [home.runtime.configs[key].name for key in home.runtime.configs] == ["main", "second"]


async def test_a_pod_that_ends_well_succeeds(home: House) -> None:
    await home.run(pod(command=["sleep", "5"], restartPolicy="Never"))
    await home.pass_time(5)
    status = await home.status()
    assert status["phase"] == "Succeeded"
    state = status["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (0, "Completed")
    assert condition(status, "Ready")["reason"] == "PodCompleted"


async def test_a_pod_that_must_not_restart_fails(home: House) -> None:
    await home.run(pod(command=["false"], restartPolicy="Never"))
    status = await home.status()
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["reason"] == "Error"
    await home.pass_time(600)
    assert home.count("start_container") == 1


async def test_on_failure_restarts_only_what_failed(home: House) -> None:
    await home.run(pod(command=["true"], restartPolicy="OnFailure"))
    assert (await home.status())["phase"] == "Succeeded"
    assert home.count("start_container") == 1


async def test_crashes_back_off_from_ten_seconds_to_five_minutes(home: House) -> None:
    await home.run(pod(command=["false"]))
    starts, at = [], 0.0
    known = home.count("start_container")
    for _ in range(1100):
        await home.pass_time(1)
        at += 1
        if home.count("start_container") > known:
            starts.append(at)
            known = home.count("start_container")
    gaps = [later - earlier for earlier, later in zip([0.0, *starts], starts, strict=False)]
    assert gaps == [10, 20, 40, 80, 160, 300, 300]
    main = await home.container()
    assert main["restartCount"] == 8
    uid = (await home.pod())["metadata"]["uid"]
    assert main["state"]["waiting"] == {
        "reason": "CrashLoopBackOff",
        "message": f"back-off 5m0s restarting failed container=main pod=p_default({uid})",
    }
    assert main["lastState"]["terminated"]["exitCode"] == 1
    assert ("Warning", "BackOff", f"Back-off restarting failed container main in pod p_default({uid})") in (
        await home.told()
    )


async def test_what_was_told_of_a_container_outlives_its_removal(home: House) -> None:
    await home.run(pod(command=["sh", "-c", "sleep 3; exit 1"]))
    await home.pass_time(4)
    await home.pass_time(70)
    [container] = await home.runtime.containers()
    assert container.state is ContainerState.EXITED
    assert (await home.container())["restartCount"] == container.attempt > 0


async def test_a_container_out_of_memory_is_called_so(home: House) -> None:
    await home.run(pod(restartPolicy="Never"))
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 137, oom=True)
    await home.activity.idle()
    state = (await home.container())["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


async def test_a_pod_is_deleted_with_its_grace(home: House) -> None:
    await home.run(pod(command=["sleep", "1000"]))
    await home.delete(grace_s=20)
    await home.pass_time(19)
    assert not await home.is_gone()
    assert (await home.pod())["metadata"]["deletionGracePeriodSeconds"] == 20
    await home.pass_time(1)
    assert await home.is_gone()
    assert await home.runtime.sandboxes() == [] and await home.runtime.containers() == []
    assert ("Normal", "Killing", "Stopping container main") in await home.told()


async def test_a_shorter_grace_takes_effect_at_once(home: House) -> None:
    await home.run(pod(command=["sleep", "1000"]))
    await home.delete(grace_s=600)
    await home.pass_time(2)
    await home.delete(grace_s=1)
    await home.pass_time(1)
    assert not await home.is_gone()  # two seconds are the least
    await home.pass_time(1)
    assert await home.is_gone()


async def test_a_pod_forgotten_by_force_is_stopped_all_the_same(home: House) -> None:
    await home.run(pod())
    await home.delete(grace_s=0)
    assert await home.is_gone()
    assert await home.runtime.sandboxes() == []


async def test_a_pod_of_the_same_name_is_another_one(home: House) -> None:
    await home.run(pod())
    first = (await home.pod())["metadata"]["uid"]
    await home.delete(grace_s=0)
    await home.run(pod())
    assert (await home.pod())["metadata"]["uid"] != first
    assert (await home.status())["phase"] == "Running"
    assert (await home.container())["restartCount"] == 0


async def test_a_pod_deleted_while_its_image_is_pulled_does_not_wait_for_it() -> None:
    from podbay.cri.fake import Timing

    async with house(timing=Timing(pull_s=3600)) as home:
        await home.admin.create(PODS, pod(), namespace="default")
        await home.clock.advance(1)
        await home.admin.delete(PODS, "p", namespace="default")
        await home.activity.idle()
        assert await home.is_gone()


async def test_a_changed_image_makes_the_container_anew(home: House) -> None:
    await home.run(pod(restartPolicy="Never"))
    patch = {"spec": {"containers": [{"name": "main", "image": "busybox:2"}]}}
    await home.admin.patch(PODS, "p", patch, namespace="default")
    await home.activity.idle()
    main = await home.container()
    assert main["restartCount"] == 1 and main["image"].endswith("busybox:2") and "running" in main["state"]
    assert ("Normal", "Killing", "Container main definition changed, will be restarted") in await home.told()


async def test_a_change_that_the_answer_to_a_status_brings_is_acted_upon(home: House) -> None:
    await home.run(pod(image="busybox:1"))
    write = home.kubelet.status_writer.write

    async def write_and_hear_of_a_change(obj: Mapping[str, Any], status: Object) -> Object | None:
        home.kubelet.status_writer.write = write  # type: ignore[method-assign]
        written = await write(obj, status)
        assert written is not None
        later = {**written["metadata"], "resourceVersion": str(int(written["metadata"]["resourceVersion"]) + 1)}
        containers = [{**written["spec"]["containers"][0], "image": "busybox:2"}]
        return {**written, "metadata": later, "spec": {**written["spec"], "containers": containers}}

    home.kubelet.status_writer.write = write_and_hear_of_a_change  # type: ignore[method-assign, assignment]
    (container,) = await home.runtime.containers()
    home.runtime.end_container(container.id, 1)
    assert ("Normal", "Killing", "Container main definition changed, will be restarted") in await home.told()


async def test_a_pods_start_asks_the_runtime_only_for_what_it_needs(home: House) -> None:
    home.runtime.add_image("docker.io/library/busybox:latest")
    home.runtime.calls.clear()
    await home.run(pod())
    assert home.runtime.calls == [
        "run_sandbox",
        "sandbox_status",
        "image",
        "create_container",
        "start_container",
        "container_status",
    ]


async def test_a_pods_start_writes_its_status_twice(home: House) -> None:
    await home.run()
    home.link.sent.clear()
    await home.run(pod())
    statuses = [request for request in home.link.sent if request.endswith("/pods/p/status")]
    assert statuses == ["PATCH /api/v1/namespaces/default/pods/p/status"] * 2


async def test_a_dead_sandbox_is_made_anew_with_its_containers(home: House) -> None:
    await home.run(pod())
    (sandbox,) = await home.runtime.sandboxes()
    home.runtime.end_sandbox(sandbox.id)
    await home.pass_time(1)
    assert [s.attempt for s in await home.runtime.sandboxes() if s.ready] == [1]
    assert (await home.container())["restartCount"] == 1
    assert (await home.status())["phase"] == "Running"
    assert "SandboxChanged" in await home.reasons()
