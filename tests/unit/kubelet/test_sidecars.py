"""Sidecars' stories: a kubelet on a pretended runtime, on a moved clock."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.kubelet.support import House, condition, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def sidecar(name: str, *command: str, **more: Any) -> dict[str, Any]:
    made = {"name": name, "image": "busybox", "imagePullPolicy": "IfNotPresent", "restartPolicy": "Always", **more}
    return made | ({"command": list(command)} if command else {})


async def ended(home: House) -> dict[str, float]:
    """Return when each container has ended."""
    found = {}
    for held in await home.runtime.containers():
        status = await home.runtime.container_status(held.id)
        found[held.name] = status.finished_at / 1e9 - home.clock.now().timestamp() + home.clock.monotonic()
    return found


async def test_sidecars_start_in_order_before_the_containers_and_stay(home: House) -> None:
    await home.run(pod(initContainers=[sidecar("one"), sidecar("two")]))
    assert [config.name for config in home.runtime.configs.values()] == ["one", "two", "main"]
    status = await home.status()
    assert status["phase"] == "Running" and condition(status, "Ready")["status"] == "True"
    assert all(s["ready"] and s["started"] and "running" in s["state"] for s in status["initContainerStatuses"])


async def test_a_sidecar_that_ends_is_started_again_whatever_the_pods_policy(home: House) -> None:
    await home.run(pod(initContainers=[sidecar("one")], restartPolicy="Never"))
    one = next(c for c in await home.runtime.containers() if c.name == "one")
    home.runtime.end_container(one.id, 0)
    await home.activity.idle()
    status = (await home.status())["initContainerStatuses"][0]
    assert status["restartCount"] == 1 and "running" in status["state"]


async def test_a_pod_completes_when_its_containers_do(home: House) -> None:
    await home.run(pod(command=["sleep", "5"], restartPolicy="Never", initContainers=[sidecar("one")]))
    await home.pass_time(5)
    status = await home.status()
    assert status["phase"] == "Succeeded"
    assert "terminated" in status["initContainerStatuses"][0]["state"]
    assert ("Normal", "Killing", "Stopping container one") in await home.told()
    await home.pass_time(600)
    assert home.count("start_container") == 2


async def test_sidecars_end_last_and_in_reverse_order(home: House) -> None:
    slow = "trap 'exit 0' TERM; while true; do sleep 1; done"
    await home.run(
        pod(
            command=["sleep", "1000"],
            terminationGracePeriodSeconds=20,
            initContainers=[sidecar("one", "sh", "-c", slow), sidecar("two", "sh", "-c", slow)],
        )
    )
    await home.delete(grace_s=20)
    await home.pass_time(19)
    times = [c.name for c in await home.runtime.containers() if (await home.runtime.container_status(c.id)).finished_at]
    assert times == []  # the container that does not listen keeps both of them waiting
    order: list[str] = []
    calls = home.runtime.stop_container

    async def noted(container_id: str, grace_s: float) -> None:
        order.append(next(c.name for c in await home.runtime.containers() if c.id == container_id))
        await calls(container_id, grace_s)

    home.runtime.stop_container = noted  # type: ignore[method-assign]
    await home.pass_time(1)
    assert await home.is_gone() and order[:2] in (["one", "two"], ["two", "one"])


async def test_the_next_sidecar_is_asked_to_end_when_the_one_after_it_has(home: House) -> None:
    slow = "trap 'exit 0' TERM; while true; do sleep 1; done"
    order: list[tuple[str, float]] = []
    calls = home.runtime.stop_container

    async def noted(container_id: str, grace_s: float) -> None:
        order.append((next(c.name for c in await home.runtime.containers() if c.id == container_id), grace_s))
        await calls(container_id, grace_s)

    home.runtime.stop_container = noted  # type: ignore[method-assign]
    sidecars = [sidecar("one", "sh", "-c", slow), sidecar("two", "sh", "-c", slow)]
    await home.run(pod(command=["sh", "-c", slow], initContainers=sidecars))
    await home.delete(grace_s=20)
    assert order == [("main", 20.0), ("two", 20.0), ("one", 20.0)]
    assert await home.is_gone()


async def test_a_crashing_sidecar_backs_off_while_the_pod_runs(home: House) -> None:
    await home.run(pod(initContainers=[sidecar("one", "sh", "-c", "sleep 1; exit 1")]))
    await home.pass_time(60)
    status = await home.status()
    assert status["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert status["phase"] == "Running"
    assert condition(status, "Ready")["message"] == "containers with unready status: [one]"
