from typing import Any

import pytest

from podbay.kubelet.eviction.pressure import Pressure, refusal
from podbay.kubelet.eviction.thresholds import Observation, parse_thresholds
from tests.unit.kubelet.stats.samples import manifest


def seen(memory: int = 1000, disk: int = 1000) -> dict[str, Observation]:
    return {"memory.available": Observation(memory, 1000), "nodefs.available": Observation(disk, 1000)}


def pressure(
    hard: dict[str, str], soft: dict[str, str] | None = None, reclaim: dict[str, str] | None = None
) -> Pressure:
    grace = dict.fromkeys(soft or {}, "30s")
    return Pressure(parse_thresholds(hard, soft or {}, grace, reclaim or {}), transition_s=300.0)


def test_a_hard_threshold_asks_at_once_and_memory_comes_first() -> None:
    found = pressure({"nodefs.available": "10%", "memory.available": "100"})
    asking, conditions = found.update(seen(memory=1, disk=1), 0.0)
    assert [each.signal for each in asking] == ["memory.available", "nodefs.available"]
    assert conditions == ("DiskPressure", "MemoryPressure")


def test_a_soft_threshold_is_a_condition_at_once_and_asks_after_its_grace_period() -> None:
    found = pressure({}, {"memory.available": "100"})
    assert found.update(seen(memory=1), 0.0) == ([], ("MemoryPressure",))
    assert found.update(seen(memory=1), 29.0)[0] == []
    assert len(found.update(seen(memory=1), 30.0)[0]) == 1


def test_a_soft_threshold_that_is_left_for_a_while_counts_anew() -> None:
    found = pressure({}, {"memory.available": "100"})
    found.update(seen(memory=1), 0.0)
    found.update(seen(), 20.0)
    assert found.update(seen(memory=1), 40.0)[0] == []


def test_a_condition_lasts_for_the_transition_period() -> None:
    found = pressure({"nodefs.available": "10%"})
    found.update(seen(disk=1), 0.0)
    assert found.update(seen(), 299.0) == ([], ("DiskPressure",))
    assert found.update(seen(), 300.0) == ([], ())


def test_what_has_been_asked_for_goes_on_until_enough_is_reclaimed() -> None:
    found = pressure({"nodefs.available": "100"}, reclaim={"nodefs.available": "50"})
    assert len(found.update(seen(disk=1), 0.0)[0]) == 1
    assert len(found.update(seen(disk=120), 10.0)[0]) == 1
    assert not found.is_relieved(seen(disk=120))
    assert found.is_relieved(seen(disk=150))
    assert found.update(seen(disk=150), 20.0)[0] == []


REQUESTING = {"containers": [{"name": "c", "resources": {"requests": {"memory": "1Mi"}}}]}
TOLERANT = {"tolerations": [{"key": "node.kubernetes.io/memory-pressure", "operator": "Exists"}]}


@pytest.mark.parametrize(
    ("conditions", "spec", "is_taken"),
    [
        ((), {}, True),
        (("MemoryPressure",), {}, False),
        (("MemoryPressure",), REQUESTING, True),
        (("MemoryPressure",), TOLERANT, True),
        (("MemoryPressure",), {"priority": 2_000_000_000}, True),
        (("DiskPressure",), REQUESTING, False),
        (("DiskPressure", "MemoryPressure"), TOLERANT, False),
    ],
)
def test_a_node_under_pressure_takes_only_whom_it_can_bear(
    conditions: tuple[str, ...], spec: dict[str, Any], is_taken: bool
) -> None:
    found = refusal(manifest(**spec), conditions)
    if is_taken:
        assert found is None
    else:
        assert found == ("Evicted", f"The node had condition: [{' '.join(conditions)}]. ")
