"""Quotas counted anew."""

from datetime import UTC, datetime
from typing import Any

from podbay.api.quotas.counting import counted_status, frees, is_counted, kinds_of
from podbay.api.resources import CONFIG_MAPS, LEASES, PODS, SECRETS, Resource

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def quota(hard: dict[str, str], status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}, "status": status or {}}


def pod(phase: str = "Running", cpu: str = "1") -> dict[str, Any]:
    containers = [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]
    return {"metadata": {"name": "p"}, "spec": {"containers": containers}, "status": {"phase": phase}}


def there(resource: Resource) -> list[dict[str, Any]]:
    return [pod(), pod("Succeeded"), pod(cpu="250m")] if resource is PODS else [{"metadata": {"name": "x"}}]


def test_a_quota_is_about_the_kinds_that_its_limits_name() -> None:
    hard = {"secrets": "1", "count/leases.coordination.k8s.io": "1", "example.com/unheard": "1", "services": "1"}
    assert set(kinds_of(quota(hard))) == {SECRETS, LEASES}


def test_everything_that_can_be_counted_is() -> None:
    hard = {
        "pods": "5", "requests.cpu": "4", "count/pods": "9", "configmaps": "3", "services": "0",
        "count/widgets.example.com": "1",
    }  # fmt: skip
    assert counted_status(quota(hard), there, NOW) == {
        "hard": hard,
        "used": {"pods": "2", "requests.cpu": "1250m", "count/pods": "3", "configmaps": "1", "services": "0"},
    }


def test_what_cannot_be_counted_stays_as_it_was_known_and_what_is_not_limited_goes() -> None:
    old = {"hard": {"pods": "1"}, "used": {"pods": "9", "count/widgets.example.com": "4", "secrets": "2"}}
    status = counted_status(quota({"count/widgets.example.com": "5", "pods": "1"}, old), there, NOW)
    assert status["used"] == {"pods": "2", "count/widgets.example.com": "4"}


def test_a_scoped_quota_counts_its_pods_and_no_other_kind() -> None:
    scoped = quota({"pods": "5", "configmaps": "5"}, scopes=["NotBestEffort"])
    assert counted_status(scoped, there, NOW)["used"] == {"pods": "2", "configmaps": "0"}


def test_a_quota_is_written_only_when_it_says_something_else() -> None:
    status = {"hard": {"pods": "1k"}, "used": {"pods": "2"}}
    assert is_counted(quota({}, {"hard": {"pods": "1000"}, "used": {"pods": "2"}}), status)
    assert not is_counted(quota({}, {"hard": {"pods": "1k"}, "used": {"pods": "3"}}), status)
    assert not is_counted(quota({}, {}), {"hard": {}, "used": {}})


def test_what_lets_a_quota_be_counted_anew() -> None:
    assert frees(PODS, pod(), pod("Failed"), NOW)
    assert not frees(PODS, pod("Pending"), pod(), NOW)
    assert not frees(CONFIG_MAPS, {"data": {"a": "b"}}, {"data": {}}, NOW)
