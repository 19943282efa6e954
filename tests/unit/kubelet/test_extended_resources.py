"""Extended resources: what somebody says that a node has, in allocatable, over time, and at the node's door."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podbay.api.resources import NODES
from tests.unit.kubelet.support import NODE, House, house, pod

FOO, BAR = "example.com/foo", "example.com/bar"


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def say(home: House, **status: dict[str, str | None]) -> None:
    await home.admin.patch(NODES, NODE, {"status": status}, subresource="status")
    await home.activity.idle()


async def amounts(home: House, name: str = FOO) -> tuple[str | None, str | None]:
    status: dict[str, Any] = (await home.admin.get(NODES, NODE))["status"]
    return status["capacity"].get(name), status["allocatable"].get(name)


def asking(name: str, amount: str) -> dict[str, Any]:
    made = pod(name, nodeName=NODE)
    made["spec"]["containers"][0]["resources"] = {"requests": {FOO: amount}, "limits": {FOO: amount}}
    return made


async def test_allocatable_follows_capacity_and_goes_with_it(home: House) -> None:
    await say(home, capacity={FOO: "3", BAR: "1"})
    assert (await amounts(home), await amounts(home, BAR)) == (("3", "3"), ("1", "1"))
    await say(home, capacity={FOO: "2", BAR: None})
    assert (await amounts(home), await amounts(home, BAR)) == (("2", "2"), (None, None))


async def test_allocatable_is_no_other_than_capacity_whatever_somebody_says(home: House) -> None:
    await say(home, capacity={FOO: "3"})
    await say(home, allocatable={FOO: "1", BAR: "5"})
    assert (await amounts(home), await amounts(home, BAR)) == (("3", "3"), (None, None))


async def test_heartbeats_leave_extended_resources_alone_and_a_quiet_node_writes_nothing_for_them(home: House) -> None:
    await say(home, capacity={FOO: "3"})
    before = (await home.admin.get(NODES, NODE))["metadata"]["resourceVersion"]
    await home.pass_time(60)
    assert (await home.admin.get(NODES, NODE))["metadata"]["resourceVersion"] == before
    await home.pass_time(600)
    assert await amounts(home) == ("3", "3")


async def test_a_node_refuses_pods_for_which_it_has_too_little_left(home: House) -> None:
    await say(home, capacity={FOO: "3"})
    await home.run(asking("one", "2"))
    await home.run(asking("two", "2"))
    assert (await home.status("one"))["phase"] == "Running"
    refused = await home.status("two")
    assert (refused["phase"], refused["reason"]) == ("Failed", f"OutOf{FOO}")
    why = f"Node didn't have enough resource: {FOO}, requested: 2, used: 2, capacity: 3"
    assert refused["message"] == f"Pod was rejected: {why}"


async def test_a_new_kubelet_takes_back_what_the_node_had_and_leaves_running_pods(home: House) -> None:
    await say(home, capacity={FOO: "3"})
    await home.run(asking("one", "2"))
    await home.kill_kubelet()
    await home.start_kubelet()
    assert await amounts(home) == ("0", "0")
    assert (await home.status("one"))["phase"] == "Running"
    await home.run(asking("two", "1"))
    assert (await home.status("two"))["reason"] == f"OutOf{FOO}"
    await say(home, capacity={FOO: "3"})
    await home.run(asking("three", "1"))
    assert (await home.status("three"))["phase"] == "Running"


async def test_a_node_that_was_deleted_comes_back_without_them(home: House) -> None:
    await say(home, capacity={FOO: "3"})
    await home.admin.delete(NODES, NODE)
    await home.activity.idle()
    assert await amounts(home) == (None, None)
    assert FOO not in home.kubelet.heartbeat.allocatable
