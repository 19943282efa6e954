"""Disruption budgets, seen from outside: what is counted, who may be evicted, and whom preemption spares."""

from typing import Any

import pytest

from podbay.api.errors import StatusError, TooManyRequests
from podbay.api.resources import EVENTS, POD_DISRUPTION_BUDGETS, PODS, PRIORITY_CLASSES
from podbay.client.rest import Object
from tests.flow.cluster import Cluster, pod

APP = {"matchLabels": {"app": "web"}}
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
NEVER_READY: dict[str, Any] = {"readinessProbe": {"exec": {"command": ["false"]}}}


async def make_budget(cluster: Cluster, name: str = "web", **spec: Any) -> None:
    body = {"metadata": {"name": name, "namespace": "default"}, "spec": {"selector": APP, **spec}}
    await cluster.rest.create(POD_DISRUPTION_BUDGETS, body, namespace="default")
    await cluster.settle()


async def make_pod(cluster: Cluster, name: str, *, owner: Object | None = None, **spec: Any) -> None:
    body = pod(name, **spec)
    body["metadata"]["labels"] = {"app": "web"}
    if owner is not None:
        body["metadata"]["ownerReferences"] = [owner]
    await cluster.create(body)


async def evict(cluster: Cluster, name: str, **options: Any) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    if options:
        body["deleteOptions"] = options
    await cluster.rest.create(PODS, body, namespace="default", name=name, subresource="eviction")


async def status_of(cluster: Cluster, name: str = "web") -> Object:
    await cluster.settle()
    found = await cluster.rest.get(POD_DISRUPTION_BUDGETS, name, namespace="default")
    status: Object = found["status"]
    for one in status.get("conditions", ()):
        del one["lastTransitionTime"]
    return status


async def told(cluster: Cluster, name: str = "web") -> set[tuple[str, str]]:
    await cluster.settle()
    query = {"fieldSelector": f"involvedObject.name={name},involvedObject.kind=PodDisruptionBudget"}
    return {(e["reason"], e["message"]) for e in (await cluster.rest.list(EVENTS, query=query))["items"]}


def allowed(reason: str, *, yes: bool, message: str = "", generation: int = 1) -> Object:
    condition: Object = {"type": "DisruptionAllowed", "status": "True" if yes else "False", "reason": reason}
    return {**condition, "message": message, "observedGeneration": generation}


async def test_pods_are_counted_and_evicted_while_enough_stay_healthy(cluster: Cluster) -> None:
    await make_budget(cluster, minAvailable=1)
    assert ("NoPods", "No matching pods found") in await told(cluster)
    assert await status_of(cluster) == {
        "currentHealthy": 0, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 0, "observedGeneration": 1,
        "conditions": [allowed("InsufficientPods", yes=False)],
    }  # fmt: skip
    for name in ("a", "b"):
        await make_pod(cluster, name, terminationGracePeriodSeconds=1)
    assert await status_of(cluster) == {
        "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1, "expectedPods": 2, "observedGeneration": 1,
        "conditions": [allowed("SufficientPods", yes=True)],
    }  # fmt: skip
    await evict(cluster, "a")
    with pytest.raises(TooManyRequests) as refused:
        await evict(cluster, "b")
    assert refused.value.message == REFUSED
    await cluster.settle()
    with pytest.raises(TooManyRequests) as refused:
        await evict(cluster, "b")
    (cause,) = refused.value.as_status()["details"]["causes"]
    assert cause == {
        "reason": "DisruptionBudget",
        "message": "The disruption budget web needs 1 healthy pods and has 1 currently",
    }
    await make_pod(cluster, "c")
    assert (await status_of(cluster))["disruptionsAllowed"] == 1
    await evict(cluster, "b")


async def test_a_changed_budget_refuses_until_it_is_counted_again(cluster: Cluster) -> None:
    await make_budget(cluster, minAvailable=0)
    await make_pod(cluster, "a")
    await cluster.settle()
    await cluster.controllers.kill()
    changes = {"spec": {"minAvailable": 1}}
    changed = await cluster.rest.patch(POD_DISRUPTION_BUDGETS, "web", changes, namespace="default")
    assert changed["metadata"]["generation"] == 2
    with pytest.raises(TooManyRequests) as refused:
        await evict(cluster, "a")
    details = refused.value.as_status()["details"]
    assert details["retryAfterSeconds"] == 10
    assert details["causes"][0]["message"] == "The disruption budget web is still being processed by the server."
    cluster.controllers.start()
    assert (await status_of(cluster))["conditions"] == [allowed("InsufficientPods", yes=False, generation=2)]


async def test_a_granted_eviction_that_does_not_come_is_given_back(cluster: Cluster) -> None:
    await make_budget(cluster, minAvailable=1)
    for name in ("a", "b"):
        await make_pod(cluster, name)
    await cluster.settle()
    found = await cluster.rest.get(POD_DISRUPTION_BUDGETS, "web", namespace="default")
    now = (await cluster.pod("b"))["metadata"]["creationTimestamp"]
    status = {**found["status"], "disruptedPods": {"a": now}, "disruptionsAllowed": 0}
    await cluster.rest.update(POD_DISRUPTION_BUDGETS, {**found, "status": status}, subresource="status")
    held = await status_of(cluster)
    assert (held["disruptedPods"], held["currentHealthy"], held["disruptionsAllowed"]) == ({"a": now}, 1, 0)
    await cluster.pass_time(125)
    freed = await status_of(cluster)
    assert (freed.get("disruptedPods"), freed["currentHealthy"], freed["disruptionsAllowed"]) == (None, 2, 1)
    assert "NotDeleted" in [reason for reason, _, _ in await cluster.events_of("a")]


async def test_shares_need_controllers_with_a_scale(cluster: Cluster) -> None:
    await make_pod(cluster, "a")
    await make_budget(cluster, maxUnavailable="50%")
    status = await status_of(cluster)
    assert (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]) == (0, 0, 0)
    assert (
        "UnmanagedPods",
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: web,},"
        "MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged. As a result, the status of the"
        " PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please"
        ' set ".spec.minAvailable" field of the PDB to an integer value.',
    ) in await told(cluster)
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}
    await make_pod(cluster, "b", owner=owner)
    why = 'no matches for kind "ReplicaSet" in version "apps/v1"'
    status = await status_of(cluster)
    assert status["conditions"] == [allowed("SyncFailed", yes=False, message=why)]
    assert (
        "CalculateExpectedPodCountFailed", f"Failed to calculate the number of expected pods: {why}"
    ) in await told(cluster)  # fmt: skip
    with pytest.raises(TooManyRequests):
        await evict(cluster, "a")


@pytest.mark.parametrize(("policy", "goes"), [(None, False), ("IfHealthyBudget", False), ("AlwaysAllow", True)])
async def test_whether_unhealthy_pods_may_go_is_the_budgets_policy(
    cluster: Cluster, policy: str | None, goes: bool
) -> None:
    await make_pod(cluster, "a", container=NEVER_READY)
    await make_budget(cluster, minAvailable=1, **({"unhealthyPodEvictionPolicy": policy} if policy else {}))
    if goes:
        await evict(cluster, "a")
        assert "deletionTimestamp" in (await cluster.pod("a"))["metadata"]
    else:
        with pytest.raises(TooManyRequests):
            await evict(cluster, "a")
        await make_pod(cluster, "b")
        await cluster.settle()
        await evict(cluster, "a")  # as many are healthy as have to be, so it is none of them


async def test_pods_that_do_not_run_and_trials_cost_nothing(cluster: Cluster) -> None:
    await make_pod(cluster, "gated", schedulingGates=[{"name": "example.com/wait"}])
    await make_pod(cluster, "a")
    await make_budget(cluster, minAvailable=2)
    await evict(cluster, "gated")
    with pytest.raises(TooManyRequests):
        await evict(cluster, "a", dryRun=["All"])
    await cluster.rest.patch(POD_DISRUPTION_BUDGETS, "web", {"spec": {"minAvailable": 0}}, namespace="default")
    await cluster.settle()
    await evict(cluster, "a", dryRun=["All"])
    assert (await status_of(cluster))["disruptionsAllowed"] == 1


async def test_a_pod_of_two_budgets_cannot_be_evicted(cluster: Cluster) -> None:
    await make_budget(cluster, minAvailable=0)
    await make_budget(cluster, "other", minAvailable=0)
    await make_pod(cluster, "a")
    with pytest.raises(StatusError) as refused:
        await evict(cluster, "a")
    assert refused.value.message == (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )
    assert refused.value.as_status()["code"] == 500
    found = [count for reason, _, count in await cluster.events_of("a") if reason == "MultiplePodDisruptionBudgets"]
    assert found
    await cluster.rest.patch(PODS, "a", {"metadata": {"annotations": {"note": "new"}}}, namespace="default")
    await cluster.settle()  # what no budget looks at is not told again
    told = [count for reason, _, count in await cluster.events_of("a") if reason == "MultiplePodDisruptionBudgets"]
    assert told == found


async def test_preemption_spares_whom_a_budget_holds(cluster: Cluster) -> None:
    await cluster.rest.create(PRIORITY_CLASSES, {"metadata": {"name": "high"}, "value": 1000})
    half: dict[str, Any] = {"resources": {"requests": {"cpu": "1500m"}}}
    await make_pod(cluster, "held", container=half)
    await cluster.pass_time(5)
    await cluster.create(pod("free", container=half))
    await make_budget(cluster, minAvailable=1)
    await cluster.create(pod("high", container={"resources": {"requests": {"cpu": "2"}}}, priorityClassName="high"))
    await cluster.settle()
    assert "deletionTimestamp" not in (await cluster.pod("held"))["metadata"]
    assert not await cluster.exists(PODS, "free", "default") or (
        "deletionTimestamp" in (await cluster.pod("free"))["metadata"]
    )
