from typing import Any

import pytest

from podbay.cri.runtime import LinuxResources
from podbay.kubelet.resources import linux_resources, pod_resources


def pod(*resources: dict[str, Any]) -> dict[str, Any]:
    containers = [{"name": str(index), "resources": each} for index, each in enumerate(resources)]
    return {"spec": {"containers": containers}}


def container_resources(resources: dict[str, Any]) -> LinuxResources:
    made = pod(resources)
    return linux_resources(made, made["spec"]["containers"][0], 1 << 30, ())


def test_requests_are_shares_and_limits_are_quotas() -> None:
    found = container_resources({"requests": {"cpu": "250m"}, "limits": {"cpu": "1500m", "memory": "64Mi"}})
    assert (found.cpu_shares, found.cpu_quota_us, found.cpu_period_us) == (256, 150_000, 100_000)
    assert found.memory_limit_bytes == 64 << 20


def test_a_limit_alone_is_a_request_too() -> None:
    assert container_resources({"limits": {"cpu": "2"}}).cpu_shares == 2048


def test_nothing_asked_is_the_least() -> None:
    assert container_resources({}) == LinuxResources(cpu_shares=2, oom_score_adj=1000)


def test_the_smallest_quota_is_a_millisecond() -> None:
    assert container_resources({"limits": {"cpu": "1m"}}).cpu_quota_us == 1000


@pytest.mark.parametrize(
    ("resources", "score"),
    [
        ({}, 1000),
        ({"limits": {"cpu": "1", "memory": "1Mi"}}, -997),
        ({"requests": {"memory": "512Mi"}}, 500),
        ({"requests": {"memory": "2Gi"}}, 3),
        ({"requests": {"cpu": "1"}}, 999),
    ],
)
def test_who_asked_for_more_memory_is_killed_later(resources: dict[str, Any], score: int) -> None:
    assert container_resources(resources).oom_score_adj == score


def test_a_pod_has_what_its_containers_have_together() -> None:
    one = {"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "64Mi"}}
    two = {"limits": {"cpu": "500m", "memory": "32Mi"}}
    assert pod_resources(pod(one, two), ()) == LinuxResources(
        cpu_shares=1024, cpu_period_us=100_000, cpu_quota_us=150_000, memory_limit_bytes=96 << 20
    )


def test_a_pod_is_limited_only_if_each_of_its_containers_is() -> None:
    one = {"requests": {"cpu": "500m"}, "limits": {"cpu": "1", "memory": "64Mi"}}
    assert pod_resources(pod(one, {}), ()) == LinuxResources(cpu_shares=512)


def test_a_container_has_the_huge_pages_that_it_asks_for_and_none_of_another_size() -> None:
    sizes = (2 << 20, 1 << 30)
    asks = {"cpu": "1", "hugepages-2Mi": "4Mi", "hugepages-64Ki": "64Ki"}
    made = pod({"limits": asks, "requests": asks}, {"limits": {"cpu": "1"}})
    found = [linux_resources(made, one, 1 << 30, sizes).huge_pages for one in made["spec"]["containers"]]
    assert found == [(("2MB", 4 << 20), ("1GB", 0)), (("2MB", 0), ("1GB", 0))]


def test_a_pod_has_the_huge_pages_of_all_its_containers_and_of_its_overhead() -> None:
    sizes = (2 << 20, 1 << 30)
    asks = {"cpu": "1", "hugepages-2Mi": "4Mi"}
    made = pod({"requests": asks}, {"requests": asks})
    made["spec"]["initContainers"] = [{"name": "i", "resources": {"requests": {"hugepages-1Gi": "1Gi"}}}]
    made["spec"]["overhead"] = {"cpu": "250m", "hugepages-2Mi": "2Mi"}
    assert pod_resources(made, sizes).huge_pages == (("2MB", 10 << 20), ("1GB", 1 << 30))
