"""What of a newer version of a pod is news to its worker, and what is only its own words come back."""

from typing import Any

import pytest

from podbay.kubelet.news import asks_otherwise, tells_otherwise

GATE = {"readinessGates": [{"conditionType": "example.com/open"}]}


def pod(*conditions: tuple[str, str], spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    told = [{"type": kind, "status": status} for kind, status in conditions]
    return {"metadata": {"name": "p", **metadata}, "spec": spec or {}, "status": {"conditions": told}}


@pytest.mark.parametrize(
    "newer",
    [
        pod(spec={"activeDeadlineSeconds": 1}),
        pod(deletionTimestamp="now"),
        pod(deletionGracePeriodSeconds=1),
        pod(labels={"a": "1"}),
        pod(annotations={"a": "1"}),
    ],
)
def test_a_change_of_what_is_asked_for_is_news(newer: dict[str, Any]) -> None:
    assert asks_otherwise(newer, pod())


def test_a_condition_is_asked_for_only_by_a_gate() -> None:
    opened = ("example.com/open", "True")
    assert asks_otherwise(pod(opened, spec=GATE), pod(spec=GATE))
    assert not asks_otherwise(pod(opened), pod())


def test_a_newer_version_number_or_status_asks_for_nothing() -> None:
    assert not asks_otherwise(pod(("Ready", "True"), resourceVersion="2"), pod(resourceVersion="1"))


def test_the_kubelets_own_conditions_are_told_otherwise_only_by_others() -> None:
    assert tells_otherwise(pod(("Ready", "False")), pod(("Ready", "True")))
    assert tells_otherwise(pod(), pod(("Initialized", "True")))
    assert not tells_otherwise(pod(("PodScheduled", "True"), ("DisruptionTarget", "True")), pod())
