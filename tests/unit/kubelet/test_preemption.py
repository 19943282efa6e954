"""Who has to go for a critical pod, case by case as upstream's tests have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from podbay.kubelet import preemption
from podbay.kubelet.preemption import NotEnough, is_critical, is_preemptable, victims
from tests.unit.kubelet.views import a_container, a_pod, a_sidecar

MEBI = 1 << 20


@dataclass(frozen=True)
class Guest:
    name: str
    pod: dict[str, Any]
    is_static: bool = False


def guest(name: str, cpu: int = 0, memory: int = 0, *, limited: bool = False, **more: Any) -> Guest:
    """Return a pod that asks for thousandths of a cpu and mebibytes of memory."""
    is_static = more.pop("is_static", False)
    amounts = {key: text for key, text, has in (("cpu", f"{cpu}m", cpu), ("memory", f"{memory}Mi", memory)) if has}
    resources = {"requests": amounts} | ({"limits": amounts} if limited else {})
    return Guest(name, a_pod(a_container("main", resources=resources), **more), is_static)


def lacks(cpu: int = 0, memory: int = 0, pods: int = 0) -> dict[str, int]:
    asked = {"cpu": cpu, "memory": memory * MEBI, "pods": pods}
    return {name: amount for name, amount in asked.items() if amount}


CLUSTER_CRITICAL = guest("cluster-critical", 100, 100, priority=2_000_000_000)
NODE_CRITICAL = guest("node-critical", 100, 100, priority=2_000_001_000)
STATIC = guest("static", 100, 100, is_static=True)
BEST_EFFORT = guest("best-effort")
BURSTABLE = guest("burstable", 100, 100)
LARGE_BURSTABLE = guest("large-burstable", 300, 300)
GUARANTEED = guest("guaranteed", 100, 100, limited=True)
LARGE_GUARANTEED = guest("large-guaranteed", 300, 300, limited=True)
EVERYBODY = [BEST_EFFORT, BURSTABLE, LARGE_BURSTABLE, GUARANTEED, LARGE_GUARANTEED]


@pytest.mark.parametrize(
    ("critical_one", "others", "missing", "expected"),
    [
        pytest.param(CLUSTER_CRITICAL, EVERYBODY, lacks(), [], id="nothing is missing"),
        pytest.param(CLUSTER_CRITICAL, [BURSTABLE], lacks(100, 100, 1), [BURSTABLE], id="one has just what is missing"),
        pytest.param(CLUSTER_CRITICAL, [BURSTABLE, BEST_EFFORT], lacks(pods=1), [BEST_EFFORT], id="best effort first"),
        pytest.param(CLUSTER_CRITICAL, [BURSTABLE, GUARANTEED], lacks(pods=1), [BURSTABLE], id="guaranteed last"),
        pytest.param(
            CLUSTER_CRITICAL,
            [BEST_EFFORT, LARGE_BURSTABLE, BURSTABLE],
            lacks(100, 100),
            [BURSTABLE],
            id="of two that have enough the one that has less",
        ),
        pytest.param(
            CLUSTER_CRITICAL,
            [BEST_EFFORT, BURSTABLE, LARGE_BURSTABLE],
            lacks(150, 150),
            [LARGE_BURSTABLE],
            id="one that has enough rather than two",
        ),
        pytest.param(
            CLUSTER_CRITICAL,
            EVERYBODY,
            lacks(350, 350),
            [LARGE_BURSTABLE, BURSTABLE],
            id="two where one has too little",
        ),
        pytest.param(
            CLUSTER_CRITICAL,
            [CLUSTER_CRITICAL, *EVERYBODY],
            lacks(0, 550),
            [LARGE_BURSTABLE, LARGE_GUARANTEED],
            id="a guaranteed one where it must be, and then no burstable one too many",
        ),
        pytest.param(NODE_CRITICAL, [CLUSTER_CRITICAL], lacks(100), [CLUSTER_CRITICAL], id="critical by priority"),
        pytest.param(STATIC, [BURSTABLE], lacks(100), [BURSTABLE], id="for a static pod"),
    ],
)
def test_as_few_and_as_little_guaranteed_pods_go_as_can_be(
    critical_one: Guest, others: Sequence[Guest], missing: dict[str, int], expected: Sequence[Guest]
) -> None:
    assert [each.name for each in victims(critical_one, others, missing)] == [each.name for each in expected]


@pytest.mark.parametrize(
    ("critical_one", "others", "missing", "left"),
    [
        (CLUSTER_CRITICAL, [], lacks(pods=1), "(res: pods, q: 1), "),
        (CLUSTER_CRITICAL, [BURSTABLE], lacks(200, 0, 2), "(res: cpu, q: 100), (res: pods, q: 1), "),
        (CLUSTER_CRITICAL, [BEST_EFFORT], lacks(memory=1), "(res: memory, q: 1048576), "),
        (CLUSTER_CRITICAL, [NODE_CRITICAL], lacks(100), "(res: cpu, q: 100), "),
        (CLUSTER_CRITICAL, [CLUSTER_CRITICAL], lacks(100), "(res: cpu, q: 100), "),
        (NODE_CRITICAL, [STATIC], lacks(100), "(res: cpu, q: 100), "),
    ],
)
def test_where_nobody_would_be_enough_it_is_told_what_would_still_be_missing(
    critical_one: Guest, others: Sequence[Guest], missing: dict[str, int], left: str
) -> None:
    with pytest.raises(NotEnough) as raised:
        victims(critical_one, others, missing)
    assert preemption.refusal(raised.value) == (
        "UnexpectedAdmissionError",
        "Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods "
        f"to preempt: no set of running pods found to reclaim resources: [{left}]",
    )


def test_a_static_pod_is_critical_whatever_its_priority_and_others_by_theirs() -> None:
    assert is_critical(STATIC) and is_critical(CLUSTER_CRITICAL)
    assert not is_critical(guest("high", priority=1_999_999_999)) and not is_critical(BURSTABLE)


def test_between_critical_pods_only_a_higher_priority_makes_one_go() -> None:
    of_low_priority = guest("static-low", is_static=True, priority=5)
    assert is_preemptable(of_low_priority, by=NODE_CRITICAL)
    assert not is_preemptable(STATIC, by=NODE_CRITICAL)  # it has none
    assert not is_preemptable(CLUSTER_CRITICAL, by=STATIC)
    assert not is_preemptable(NODE_CRITICAL, by=CLUSTER_CRITICAL)


def test_each_missing_resource_counts_alike_and_so_do_sidecars_and_extended_resources() -> None:
    half_of_both, all_of_one = guest("half", 50, 50), guest("one", 100)
    assert victims(STATIC, [all_of_one, half_of_both], lacks(100, 50)) == [half_of_both, all_of_one]
    gpu = {"requests": {"example.com/gpu": "1"}}
    has_gpu = Guest("gpu", a_pod(init=(a_sidecar("side", resources=gpu),)))
    assert victims(STATIC, [BEST_EFFORT, has_gpu], {"example.com/gpu": 1}) == [has_gpu]


def test_of_pods_that_are_alike_the_one_with_less_memory_goes() -> None:
    less, more = guest("less", 100, 10), guest("more", 100, 20)
    assert victims(STATIC, [less, more], lacks(100)) == [less] == victims(STATIC, [more, less], lacks(100))
