from dataclasses import replace
from typing import Any

import pytest

from podbay.cri.runtime import ContainerState, ContainerUser, LinuxResources
from podbay.kubelet.container_report import mounts_report, resources_report, user_report
from podbay.kubelet.status import Circumstances, pod_status
from tests.unit.kubelet.views import EXITED, RUNNING, a_container, a_pod, a_sidecar, has, ran

ASKED = {"limits": {"cpu": "0.5", "memory": "128Mi"}, "requests": {"cpu": "250m", "memory": "64Mi"}}


def resources_of(asked: dict[str, Any], told: LinuxResources | None, state: ContainerState = RUNNING) -> Any:
    container = a_container("c", resources=asked) if asked else a_container("c")
    return resources_report(container, replace(ran("c", state), resources=told))


def test_without_a_word_of_the_runtime_a_container_has_what_was_allocated_to_it() -> None:
    assert resources_of(ASKED, None) == {"resources": ASKED, "allocatedResources": ASKED["requests"]}


def test_a_container_that_asks_for_nothing_has_empty_resources() -> None:
    assert resources_of({}, LinuxResources(cpu_shares=2)) == {"resources": {}}


def test_what_the_runtime_has_is_told_where_the_pod_asks_for_it() -> None:
    told = LinuxResources(cpu_period_us=100_000, cpu_quota_us=70_000, cpu_shares=307, memory_limit_bytes=1 << 28)
    assert resources_of(ASKED, told) == {
        "resources": {
            "limits": {"cpu": "700m", "memory": "256Mi"},
            "requests": {"cpu": "300m", "memory": "64Mi"},
        },
        "allocatedResources": ASKED["requests"],
    }
    assert resources_of({"requests": {"cpu": "1"}}, told)["resources"] == {"requests": {"cpu": "300m"}}


def test_what_is_the_same_keeps_its_spelling() -> None:
    told = LinuxResources(cpu_period_us=100_000, cpu_quota_us=50_000, cpu_shares=256, memory_limit_bytes=128 << 20)
    assert resources_of(ASKED, told)["resources"] == ASKED


def test_amounts_below_what_a_cgroup_can_have_stay_as_allocated() -> None:
    asked = {"limits": {"cpu": "5m"}, "requests": {"cpu": "1m"}}
    told = LinuxResources(cpu_period_us=100_000, cpu_quota_us=1000, cpu_shares=2)
    assert resources_of(asked, told)["resources"] == asked


def test_a_container_that_has_ended_has_what_was_allocated() -> None:
    assert resources_of(ASKED, LinuxResources(cpu_shares=9), EXITED)["resources"] == ASKED


@pytest.mark.parametrize(
    ("mode", "can", "told"),
    [
        (None, True, "Disabled"),
        ("Disabled", True, "Disabled"),
        ("IfPossible", True, "Enabled"),
        ("IfPossible", False, "Disabled"),
        ("Enabled", True, "Enabled"),
        ("Enabled", False, "Disabled"),
    ],
)
def test_a_read_only_mount_says_whether_it_is_so_all_the_way_down(mode: str | None, can: bool, told: str) -> None:
    mount = {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": mode}
    assert mounts_report({"volumeMounts": [mount]}, recursive_read_only=can) == [
        {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": told}
    ]


def test_a_writable_mount_says_where_it_is() -> None:
    mount = {"name": "v", "mountPath": "/v", "subPath": "s", "mountPropagation": "None"}
    assert mounts_report({"volumeMounts": [mount]}, recursive_read_only=True) == [{"name": "v", "mountPath": "/v"}]


def test_whom_a_container_runs_as_is_told_if_the_runtime_tells() -> None:
    user = ContainerUser(uid=1000, gid=0, supplemental_groups=(7, 8))
    assert user_report(replace(ran("c", RUNNING), user=user)) == {
        "user": {"linux": {"uid": 1000, "gid": 0, "supplementalGroups": [7, 8]}}
    }
    alone = user_report(replace(ran("c", RUNNING), user=ContainerUser(uid=0, gid=0)))
    assert alone == {"user": {"linux": {"uid": 0, "gid": 0}}}
    assert user_report(ran("c", RUNNING)) == {}


def test_every_kind_of_container_is_reported_of() -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}], "resources": ASKED}
    pod = a_pod(
        a_container("main", **mount), init=(a_sidecar("side", **mount),), ephemeralContainers=[a_container("debug")]
    )
    seen = has(ran("main", RUNNING), ran("side", RUNNING), ran("debug", RUNNING))
    status = pod_status(pod, seen, Circumstances(now="", host_ip=""))
    report = {
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "resources": ASKED,
        "allocatedResources": ASKED["requests"],
    }
    assert report.items() <= status["containerStatuses"][0].items()
    assert report.items() <= status["initContainerStatuses"][0].items()
    assert status["ephemeralContainerStatuses"][0]["resources"] == {}


def test_what_was_mounted_stays_told_whatever_the_runtime_can_do_later() -> None:
    mount = {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    pod = a_pod(a_container("main", volumeMounts=[mount]))
    before = pod_status(pod, has(), Circumstances(now="", host_ip="", recursive_read_only=True))
    assert "resources" not in before["containerStatuses"][0]
    able = Circumstances(now="", host_ip="", recursive_read_only=True)
    made = pod_status(pod | {"status": before}, has(ran("main", RUNNING)), able)
    after = pod_status(pod | {"status": made}, has(ran("main", RUNNING)), Circumstances(now="", host_ip=""))
    mounted = after["containerStatuses"][0]["volumeMounts"]
    assert mounted == before["containerStatuses"][0]["volumeMounts"]
    assert mounted[0]["recursiveReadOnly"] == "Enabled"


def test_what_is_told_of_mounts_before_there_is_a_container_follows_what_the_runtime_can() -> None:
    mount = {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    pod = a_pod(a_container("main", volumeMounts=[mount]))
    before = pod_status(pod, has(), Circumstances(now="", host_ip=""))
    able = Circumstances(now="", host_ip="", recursive_read_only=True)
    after = pod_status(pod | {"status": before}, has(ran("main", RUNNING)), able)
    assert after["containerStatuses"][0]["volumeMounts"][0]["recursiveReadOnly"] == "Enabled"
