"""Init containers' stories: a kubelet on a pretended runtime, on a moved clock."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.kubelet.support import House, condition, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def init(name: str, *command: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", "imagePullPolicy": "IfNotPresent", "command": list(command), **more}


async def test_init_containers_run_in_order_before_the_containers(home: House) -> None:
    await home.run(pod(initContainers=[init("one", "sleep", "5"), init("two", "sleep", "7")]))
    assert [home.runtime.configs[key].name for key in home.runtime.configs] == ["one"]
    assert (await home.status())["phase"] == "Pending"
    await home.pass_time(5)
    assert [home.runtime.configs[key].name for key in home.runtime.configs] == ["one", "two"]
    await home.pass_time(7)
    status = await home.status()
    assert [home.runtime.configs[key].name for key in home.runtime.configs] == ["one", "two", "main"]
    assert status["phase"] == "Running" and condition(status, "Initialized")["status"] == "True"
    assert [s["state"]["terminated"]["reason"] for s in status["initContainerStatuses"]] == ["Completed"] * 2
    assert [s["ready"] for s in status["initContainerStatuses"]] == [True, True]
    assert (await home.reasons()).count("Started") == 3


async def test_events_name_the_field_that_a_container_is_in(home: House) -> None:
    from podbay.api.resources import EVENTS

    await home.run(pod(initContainers=[init("one", "true")]))
    events = (await home.admin.list(EVENTS, namespace="default"))["items"]
    paths = {e["involvedObject"]["fieldPath"] for e in events if e["reason"] == "Started"}
    assert paths == {"spec.initContainers{one}", "spec.containers{main}"}


async def test_a_failing_init_container_crashes_in_a_loop_and_holds_everything_back(home: House) -> None:
    await home.run(pod(initContainers=[init("one", "false"), init("two", "true")]))
    await home.pass_time(60)
    status = await home.status()
    first, second = status["initContainerStatuses"]
    assert first["state"]["waiting"]["reason"] == "CrashLoopBackOff" and first["restartCount"] >= 3
    assert first["lastState"]["terminated"]["exitCode"] == 1
    assert second["state"] == status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert status["phase"] == "Pending" and condition(status, "Initialized")["reason"] == "ContainersNotInitialized"
    uid = (await home.pod())["metadata"]["uid"]
    assert ("Warning", "BackOff", f"Back-off restarting failed container one in pod p_default({uid})") in (
        await home.told()
    )


async def test_a_failing_init_container_fails_a_pod_that_never_restarts(home: House) -> None:
    await home.run(pod(initContainers=[init("one", "false")], restartPolicy="Never"))
    status = await home.status()
    assert status["phase"] == "Failed"
    assert status["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 1
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    await home.pass_time(600)
    assert home.count("start_container") == 1
    assert not any(sandbox.ready for sandbox in await home.runtime.sandboxes())


async def test_a_kubelet_that_starts_again_goes_on_where_initialization_was(home: House) -> None:
    await home.run(pod(initContainers=[init("one", "sleep", "5"), init("two", "sleep", "5")]))
    await home.pass_time(5)
    await home.kill_kubelet()
    await home.pass_time(5)
    await home.start_kubelet()
    assert [home.runtime.configs[key].name for key in home.runtime.configs] == ["one", "two", "main"]
    assert (await home.status())["phase"] == "Running"


async def test_a_lost_sandbox_is_initialized_anew(home: House) -> None:
    await home.run(pod(initContainers=[init("one", "true")]))
    (sandbox,) = await home.runtime.sandboxes()
    await home.runtime.stop_sandbox(sandbox.id)
    await home.pass_time(1)
    names = [home.runtime.configs[key].name for key in home.runtime.configs]
    assert names == ["one", "main", "one", "main"]
    status = await home.status()
    assert status["phase"] == "Running"
    assert [s["restartCount"] for s in (*status["initContainerStatuses"], *status["containerStatuses"])] == [1, 1]


async def test_a_pod_is_deleted_in_the_middle_of_its_initialization(home: House) -> None:
    await home.run(pod(initContainers=[init("one", "sleep", "1000")]))
    await home.delete(grace_s=5)
    await home.pass_time(5)
    assert await home.is_gone() and home.count("start_container") == 1
    assert ("Normal", "Killing", "Stopping container one") in await home.told()


async def test_a_pod_with_an_image_that_cannot_be_had_says_so_for_its_init_container(home: House) -> None:
    broken = init("one", "true") | {"image": "absent:1", "imagePullPolicy": "Never"}
    await home.run(pod(initContainers=[broken]))
    status = await home.status()
    assert status["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "ErrImageNeverPull"
    assert status["phase"] == "Pending"
