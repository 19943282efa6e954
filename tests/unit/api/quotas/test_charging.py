"""What quotas say to an object that is created or changed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from podbay.api.quotas.charging import Refused, charge
from podbay.api.resources import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, PODS

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def quota(hard: dict[str, str], used: dict[str, str] | None = None, name: str = "q", **spec: Any) -> dict[str, Any]:
    status = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    return {"metadata": {"name": name}, "spec": {"hard": hard, **spec}, "status": status}


def pod(cpu: str = "", memory: str = "", **spec: Any) -> dict[str, Any]:
    requests = {name: amount for name, amount in (("cpu", cpu), ("memory", memory)) if amount}
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "main", "resources": {"requests": requests}}], **spec},
    }


def now_used(changed: list[dict[str, Any]]) -> list[tuple[str, dict[str, str]]]:
    return [(each["metadata"]["name"], each["status"]["used"]) for each in changed]


def test_every_quota_that_counts_an_object_is_charged() -> None:
    quotas = [
        quota({"pods": "2", "requests.cpu": "2", "secrets": "1"}, {"pods": "1", "requests.cpu": "500m"}),
        quota({"count/pods": "9"}, name="objects"),
        quota({"secrets": "1"}, name="unconcerned"),
        quota({"pods": "0"}, name="scoped", scopes=["BestEffort"]),
    ]
    assert now_used(charge(quotas, PODS, pod("1"), None, NOW)) == [
        ("q", {"pods": "2", "requests.cpu": "1500m", "secrets": "0"}),
        ("objects", {"count/pods": "1"}),
    ]


def test_a_quota_is_named_with_all_that_is_too_much() -> None:
    limited = quota({"requests.cpu": "1", "requests.memory": "1Gi", "pods": "5"}, {"requests.cpu": "900m"})
    with pytest.raises(Refused) as refused:
        charge([limited], PODS, pod("200m", "2Gi"), None, NOW)
    assert str(refused.value) == (
        "exceeded quota: q, requested: requests.cpu=200m,requests.memory=2Gi, used:"
        " requests.cpu=900m,requests.memory=0, limited: requests.cpu=1,requests.memory=1Gi"
    )


def test_containers_say_what_a_quota_counts_of_cpu_and_memory() -> None:
    demanding = quota({"limits.cpu": "1", "memory": "1Gi", "requests.ephemeral-storage": "1Gi"})
    bare = pod("1", initContainers=[{"name": "first", "resources": {"limits": {"cpu": "1"}}}])
    with pytest.raises(Refused) as refused:
        charge([demanding], PODS, bare, None, NOW)
    assert str(refused.value) == "failed quota: q: must specify limits.cpu for: main; memory for: first,main"


def test_a_quota_that_is_not_counted_yet_lets_nothing_in() -> None:
    new = {"metadata": {"name": "new"}, "spec": {"hard": {"pods": "1"}}, "status": {}}
    assert charge([new], PODS, pod(), None, NOW) == []  # not even its limits are in force
    new["status"] = {"hard": {"pods": "1", "count/pods": "1"}, "used": {"pods": "0"}}
    with pytest.raises(Refused) as refused:
        charge([new], PODS, pod(), None, NOW)
    assert str(refused.value) == "status unknown for quota: new, resources: count/pods,pods"


def test_what_is_missing_is_told_before_what_is_too_much() -> None:
    quotas = [quota({"pods": "0"}, name="a"), quota({"requests.cpu": "1"}, name="b")]
    with pytest.raises(Refused, match=r"failed quota: b: must specify requests\.cpu for: main"):
        charge(quotas, PODS, pod(), None, NOW)


def test_a_change_is_charged_by_how_much_it_grows() -> None:
    limited = quota({"requests.cpu": "2", "requests.memory": "1Gi", "pods": "1"}, {"requests.cpu": "1", "pods": "1"})
    (changed,) = charge([limited], PODS, pod("1500m", "1Mi"), pod("1", "2Mi"), NOW)
    assert changed["status"]["used"] == {"requests.cpu": "1500m", "requests.memory": "0", "pods": "1"}
    assert charge([limited], PODS, pod("1", "1Mi"), pod("1", "2Mi"), NOW) == []


def test_a_change_into_a_scope_is_charged_whole() -> None:
    scoped = quota({"pods": "1"}, scopes=["Terminating"])
    (changed,) = charge([scoped], PODS, pod(activeDeadlineSeconds=5), pod(), NOW)
    assert changed["status"]["used"] == {"pods": "1"}


def test_what_is_there_already_may_exceed_and_is_counted() -> None:
    def claim(amount: str) -> dict[str, Any]:
        spec = {"resources": {"requests": {"storage": "1Gi"}}}
        return {"metadata": {"name": "c"}, "spec": spec, "status": {"allocatedResources": {"storage": amount}}}

    limited = quota({"requests.storage": "1Gi"}, {"requests.storage": "1Gi"})
    grown = charge([limited], PERSISTENT_VOLUME_CLAIMS, claim("3Gi"), claim("1Gi"), NOW, may_exceed=True)
    assert now_used(grown) == [("q", {"requests.storage": "3Gi"})]


def test_a_full_quota_lets_in_what_it_does_not_count() -> None:
    full = quota({"configmaps": "1", "pods": "1"}, {"configmaps": "2", "pods": "0"})
    (changed,) = charge([full], PODS, pod(), None, NOW)
    assert changed["status"]["used"]["pods"] == "1"
    with pytest.raises(Refused, match="requested: configmaps=1, used: configmaps=2, limited: configmaps=1"):
        charge([full], CONFIG_MAPS, {"metadata": {"name": "m"}}, None, NOW)
