"""What objects use of what quotas count."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from podbay.api.quotas.usage import COUNTED, is_charged, tracked, usage
from podbay.api.resources import (
    CONFIG_MAPS,
    EVENTS,
    LEASES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    Resource,
)

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def pod(*containers: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    named = [{"name": f"c{i}", "resources": resources} for i, resources in enumerate(containers)]
    spec = {"containers": named, **more.pop("spec", {})}
    return {"metadata": {"name": "p", **(metadata or {})}, "spec": spec, **more}


def used(resource: Resource, obj: dict[str, Any]) -> dict[str, str]:
    return {name: str(amount) for name, amount in usage(resource, obj, NOW).items()}


def test_a_pod_uses_what_its_containers_ask_for_under_all_its_names() -> None:
    resources = {
        "requests": {"cpu": "100m", "memory": "1Gi", "hugepages-2Mi": "2Mi", "example.com/gpu": "1"},
        "limits": {"cpu": "1", "ephemeral-storage": "1G", "hugepages-2Mi": "2Mi", "example.com/gpu": "1"},
    }
    assert used(PODS, pod(resources, {"requests": {"cpu": "200m"}})) == {
        "count/pods": "1",
        "pods": "1",
        "cpu": "300m",
        "requests.cpu": "300m",
        "memory": "1Gi",
        "requests.memory": "1Gi",
        "hugepages-2Mi": "2Mi",
        "requests.hugepages-2Mi": "2Mi",
        "requests.example.com/gpu": "1",
        "limits.cpu": "1",
        "limits.ephemeral-storage": "1G",
    }


def test_what_running_a_pod_takes_counts_too_as_limit_only_where_there_is_one() -> None:
    overhead = {"cpu": "10m", "memory": "1Mi"}
    found = used(PODS, pod({"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}, spec={"overhead": overhead}))
    assert (found["requests.cpu"], found["limits.cpu"], found["requests.memory"]) == ("1010m", "1010m", "1Mi")
    assert "limits.memory" not in found


def test_a_resized_pod_counts_as_the_most_of_what_it_asks_for_and_has() -> None:
    has = {"requests": {"cpu": "2"}, "limits": {"cpu": "4"}}
    status = {"containerStatuses": [{"name": "c0", "resources": has, "allocatedResources": {"cpu": "3"}}]}
    found = used(PODS, pod({"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}, status=status))
    assert (found["requests.cpu"], found["limits.cpu"]) == ("3", "4")


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_only_an_object(phase: str) -> None:
    assert used(PODS, pod({"requests": {"cpu": "1"}}, status={"phase": phase})) == {"count/pods": "1"}


def test_a_pod_that_should_be_gone_by_now_is_only_an_object() -> None:
    going = pod(metadata={"deletionTimestamp": "2025-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30})
    assert is_charged(going, NOW + timedelta(seconds=30))
    assert not is_charged(going, NOW + timedelta(seconds=31))


def test_a_claim_uses_storage_of_its_class_in_whole_bytes() -> None:
    spec = {"resources": {"requests": {"storage": "1500m"}}, "storageClassName": "gold"}
    of_class = "gold.storageclass.storage.k8s.io"
    assert used(PERSISTENT_VOLUME_CLAIMS, {"metadata": {"name": "c"}, "spec": spec}) == {
        "count/persistentvolumeclaims": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": "2",
        f"{of_class}/persistentvolumeclaims": "1",
        f"{of_class}/requests.storage": "2",
    }
    allocated = {"metadata": {"name": "c"}, "spec": spec, "status": {"allocatedResources": {"storage": "3"}}}
    assert used(PERSISTENT_VOLUME_CLAIMS, allocated)["requests.storage"] == "3"


def test_other_objects_are_one_of_their_kind_the_oldest_under_a_second_name() -> None:
    obj = {"metadata": {"name": "x"}}
    assert used(CONFIG_MAPS, obj) == {"count/configmaps": "1", "configmaps": "1"}
    assert used(RESOURCE_QUOTAS, obj) == {"count/resourcequotas": "1", "resourcequotas": "1"}
    assert used(LEASES, obj) == {"count/leases.coordination.k8s.io": "1"}
    assert EVENTS not in COUNTED


def test_which_limits_a_kind_is_about() -> None:
    names = [
        "requests.example.com/gpu", "pods", "count/pods", "requests.hugepages-2Mi", "limits.cpu", "secrets",
        "requests.storage", "gold.storageclass.storage.k8s.io/requests.storage", "example.com/gpu",
    ]  # fmt: skip
    assert tracked(PODS, names) == [
        "count/pods", "limits.cpu", "pods", "requests.example.com/gpu", "requests.hugepages-2Mi",
    ]  # fmt: skip
    assert tracked(PERSISTENT_VOLUME_CLAIMS, names) == [
        "gold.storageclass.storage.k8s.io/requests.storage", "requests.storage",
    ]  # fmt: skip
    assert tracked(SECRETS, names) == ["secrets"]
