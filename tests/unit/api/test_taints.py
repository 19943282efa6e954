"""Taints: who accepts which, for how long, and which a node should have."""

from typing import Any

import pytest

from podbay.api.taints import stay_s, wanted_taints

NOW = "2026-01-01T00:00:00Z"
LOST = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
OTHER = {"key": "a", "value": "1", "effect": "NoExecute"}


def for_a_time(seconds: int | None, key: str = LOST["key"]) -> dict[str, Any]:
    toleration: dict[str, Any] = {"key": key, "operator": "Exists", "effect": "NoExecute"}
    return toleration if seconds is None else {**toleration, "tolerationSeconds": seconds}


@pytest.mark.parametrize(
    ("taints", "tolerations", "seconds"),
    [
        ([], [], None),
        ([{**LOST, "effect": "NoSchedule"}], [], None),
        ([LOST], [], 0),
        ([LOST], [for_a_time(300)], 300),
        ([LOST], [for_a_time(None)], None),
        ([LOST], [for_a_time(-5)], 0),
        ([LOST], [for_a_time(300), for_a_time(20), for_a_time(None)], 20),
        ([LOST, OTHER], [for_a_time(300)], 0),
        ([LOST, OTHER], [for_a_time(300), for_a_time(None, "a")], 300),
    ],
)
def test_how_long_a_pod_may_stay(taints: list[Any], tolerations: list[Any], seconds: float | None) -> None:
    assert stay_s(taints, tolerations) == seconds


def node(*conditions: tuple[str, str], **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"conditions": [{"type": kind, "status": status} for kind, status in conditions]}}


def pairs(of: dict[str, Any]) -> list[tuple[str, str]]:
    return [(taint["key"].rpartition("/")[2], taint["effect"]) for taint in wanted_taints(of, NOW)]


def test_a_nodes_conditions_call_for_taints() -> None:
    assert pairs(node(("Ready", "True"), ("DiskPressure", "False"))) == []
    assert pairs(node(("Ready", "False"))) == [("not-ready", "NoSchedule"), ("not-ready", "NoExecute")]
    assert pairs(node(("Ready", "Unknown"))) == [("unreachable", "NoSchedule"), ("unreachable", "NoExecute")]
    assert pairs(node(("Ready", "True"), ("MemoryPressure", "True"))) == [("memory-pressure", "NoSchedule")]
    assert pairs(node(("Ready", "True"), unschedulable=True)) == [("unschedulable", "NoSchedule")]


def test_what_users_put_there_stays_and_what_is_over_goes() -> None:
    users, over = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}, {**LOST, "timeAdded": "then"}
    assert wanted_taints(node(("Ready", "True"), taints=[users, over]), NOW) == [users]
    still = wanted_taints(node(("Ready", "Unknown"), taints=[over]), NOW)
    assert still == [over, {"key": LOST["key"], "effect": "NoSchedule", "timeAdded": NOW}]
