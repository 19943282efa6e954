"""What a resize means for a node and for containers, and a kubelet that does it on a pretended runtime."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.cri.runtime import LinuxResources
from podbay.kubelet.resizing import (
    ResizeState,
    actual_resources,
    most_of,
    must_restart,
    refusal,
    resize_conditions,
    to_update,
    with_resources,
)
from tests.unit.kubelet.support import House, condition, house, pod
from tests.unit.kubelet.views import EXITED, RUNNING, a_container, a_pod, a_sidecar, has, ran

ALLOCATABLE = {"cpu": "2", "memory": "4Gi", "pods": "110"}
POLICY = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]


def asks(cpu: str, memory: str = "0", **more: Any) -> dict[str, Any]:
    return a_container("main", resources={"requests": {"cpu": cpu, "memory": memory}}, **more)


def test_what_the_node_can_never_give_is_infeasible() -> None:
    assert refusal(a_pod(asks("3")), [], ALLOCATABLE) == (
        "Infeasible",
        "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
    )
    assert refusal(a_pod(asks("3", "5Gi")), [], ALLOCATABLE) == (
        "Infeasible",
        "Node didn't have enough capacity: memory, requested: 5368709120, capacity: 4294967296",
    )


def test_what_other_pods_have_now_is_deferred() -> None:
    others = [a_pod(asks("1500m"))]
    assert refusal(a_pod(asks("600m")), others, ALLOCATABLE) == (
        "Deferred",
        "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000",
    )
    assert refusal(a_pod(asks("500m")), others, ALLOCATABLE) is None


def test_what_was_told_of_an_earlier_wish_does_not_make_the_next_one_smaller() -> None:
    status = {
        "conditions": [{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}],
        "containerStatuses": [{"name": "main", "resources": {"requests": {"cpu": "1m"}}}],
    }
    told = refusal(a_pod(asks("600m"), status=status), [a_pod(asks("1500m"))], ALLOCATABLE)
    assert told is not None and told[0] == "Deferred"


def test_a_pod_that_shrinks_counts_as_what_it_still_has() -> None:
    status = {"containerStatuses": [{"name": "main", "resources": {"requests": {"cpu": "1900m"}}}]}
    told = refusal(a_pod(asks("600m")), [a_pod(asks("100m"), status=status)], ALLOCATABLE)
    assert told is not None and told[0] == "Deferred"


@pytest.mark.parametrize(
    ("now", "before", "restarts"),
    [
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "2Gi"}}, True),
        ({"limits": {"memory": "1Gi"}}, {"limits": {"memory": "1024Mi"}}, False),
        ({"limits": {"cpu": "1"}}, {"limits": {"cpu": "2"}}, False),
        ({"requests": {"memory": "1Gi"}}, {"requests": {"memory": "2Gi"}}, False),
    ],
)
def test_a_container_restarts_for_what_its_policy_names(now: Any, before: Any, restarts: bool) -> None:
    container = a_container("c", resources=now, resizePolicy=POLICY)
    assert must_restart(container, before) is restarts
    assert not must_restart(a_container("c", resources=now), before)
    assert not must_restart(container, None)


def test_what_a_container_was_made_with_is_known_until_it_is_given_something_else() -> None:
    made = replace(ran("c", RUNNING), annotations={"podbay.io/resources": '{"requests": {"cpu": "1"}}'})
    seen = has(made, ran("other", RUNNING), replace(made, id="dead", state=EXITED))
    assert actual_resources(seen, {}) == {"c0": {"requests": {"cpu": "1"}}}
    assert actual_resources(seen, {"c0": {}}) == {"c0": {}}


def test_only_what_differs_is_updated_sidecars_too() -> None:
    one = {"requests": {"cpu": "1"}}
    wanted = a_pod(a_container("a", resources=one), a_container("b"), init=(a_sidecar("s", resources=one),))
    seen = has(ran("a", RUNNING), ran("b", RUNNING), ran("s", RUNNING))
    assert [c.name for c, _ in to_update(wanted, seen, {"a0": {}, "b0": {}, "s0": {}})] == ["s", "a"]
    assert [c.name for c, _ in to_update(wanted, seen, {"a0": one})] == []


def test_a_pod_is_seen_with_what_was_allocated() -> None:
    wanted = a_pod(asks("2"), init=(a_sidecar("s", resources={"limits": {"cpu": "2"}}),))
    seen = with_resources(wanted, {"main": {}, "s": {"limits": {"cpu": "1"}}})
    assert seen["spec"]["containers"][0]["resources"] == {}
    assert seen["spec"]["initContainers"][0]["resources"] == {"limits": {"cpu": "1"}}
    assert wanted["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "2"


def test_limits_are_widest_where_there_are_none() -> None:
    one = LinuxResources(cpu_period_us=100_000, cpu_quota_us=10, cpu_shares=5, memory_limit_bytes=7)
    two = LinuxResources(cpu_period_us=100_000, cpu_quota_us=20, cpu_shares=3, memory_limit_bytes=6)
    assert most_of(one, two) == LinuxResources(
        cpu_period_us=100_000, cpu_quota_us=20, cpu_shares=5, memory_limit_bytes=7
    )
    assert most_of(one, LinuxResources(cpu_shares=2)) == LinuxResources(cpu_shares=5)


def test_a_condition_keeps_its_time_as_long_as_its_reason() -> None:
    (first,) = resize_conditions(ResizeState(pending=("Deferred", "a")), [], "1")
    (second,) = resize_conditions(ResizeState(pending=("Deferred", "b")), [first], "2")
    assert (second["lastTransitionTime"], second["message"]) == ("1", "b")
    found = resize_conditions(ResizeState(pending=("Infeasible", "c"), is_in_progress=True, error="no"), [second], "3")
    assert [(c["type"], c["reason"], c["lastTransitionTime"]) for c in found] == [
        ("PodResizePending", "Infeasible", "3"),
        ("PodResizeInProgress", "Error", "3"),
    ]
    assert resize_conditions(ResizeState(), found, "4") == []


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


def sized(name: str = "p", cpu: str = "100m", **container: Any) -> dict[str, Any]:
    made = pod(name)
    made["spec"]["containers"][0] |= {"resources": {"requests": {"cpu": cpu}, "limits": {"cpu": "1"}}, **container}
    return made


async def resize(home: House, requests: dict[str, str], name: str = "p", limits: dict[str, str] | None = None) -> None:
    container = {"name": "main", "resources": {"requests": requests, **({"limits": limits} if limits else {})}}
    patch = {"spec": {"containers": [container]}}
    await home.admin.patch(PODS, name, patch, namespace="default", subresource="resize")
    await home.activity.idle()


def resize_told(status: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: c.get("reason", "") for c in status["conditions"] if "Resize" in c["type"]}


async def test_a_resize_updates_the_container_that_runs(home: House) -> None:
    await home.run(sized())
    await resize(home, {"cpu": "500m"})
    ((_, limits),) = home.runtime.updated
    assert limits.cpu_shares == 512
    told = await home.container()
    assert told["resources"]["requests"] == told["allocatedResources"] == {"cpu": "500m"}
    assert told["restartCount"] == 0 and resize_told(await home.status()) == {}
    assert (await home.pod())["metadata"]["generation"] == 2


async def test_a_container_whose_policy_says_so_is_made_anew(home: House) -> None:
    await home.run(sized(resizePolicy=[{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]))
    await resize(home, {"cpu": "500m"})
    await home.pass_time(40)
    assert home.runtime.updated == [] and (await home.container())["restartCount"] == 1
    assert ("Normal", "Killing", "Container main resize requires restart") in await home.told()
    newest = list(home.runtime.configs.values())[-1]
    assert newest.resources.cpu_shares == 512 and resize_told(await home.status()) == {}


async def test_a_resize_that_can_never_be_is_told_and_left(home: House) -> None:
    await home.run(sized())
    await resize(home, {"cpu": "3"}, limits={"cpu": "3"})
    assert resize_told(await home.status()) == {"PodResizePending": "Infeasible"}
    told = await home.container()
    assert told["resources"]["requests"] == told["allocatedResources"] == {"cpu": "100m"}
    await resize(home, {"cpu": "200m"}, limits={"cpu": "1"})
    assert resize_told(await home.status()) == {} and len(home.runtime.updated) == 1


async def test_a_deferred_resize_is_done_when_another_pod_has_gone(home: House) -> None:
    await home.run(sized(), sized("other", "1"))
    await resize(home, {"cpu": "1"}, limits={"cpu": "1"})
    await resize(home, {"cpu": "1500m"}, limits={"cpu": "2"})
    status = await home.status()
    assert resize_told(status) == {"PodResizePending": "Deferred"}
    assert condition(status, "PodResizePending")["message"].endswith("requested: 1500, used: 1000, capacity: 2000")
    await home.delete("other", grace_s=1)
    await home.pass_time(2)
    assert resize_told(await home.status()) == {}
    assert (await home.container())["allocatedResources"] == {"cpu": "1500m"}


async def test_a_deferred_resize_is_done_when_another_pod_takes_less(home: House) -> None:
    await home.run(sized(), sized("other", "1"))
    await resize(home, {"cpu": "1500m"}, limits={"cpu": "2"})
    assert resize_told(await home.status()) == {"PodResizePending": "Deferred"}
    await resize(home, {"cpu": "100m"}, "other")
    assert resize_told(await home.status()) == {}


async def test_a_runtime_that_fails_is_told_and_asked_again(home: House) -> None:
    await home.run(sized())
    home.runtime.fail("update_resources", "UNKNOWN", "no")
    await resize(home, {"cpu": "500m"})
    told = condition(await home.status(), "PodResizeInProgress")
    assert (told["reason"], told["message"]) == ("Error", "rpc error: code = Unknown desc = no")
    assert (await home.container())["resources"]["requests"] == {"cpu": "100m"}
    assert (await home.container())["allocatedResources"] == {"cpu": "500m"}
    await home.pass_time(10)
    assert resize_told(await home.status()) == {} and len(home.runtime.updated) == 1
