"""Tables: the cells that upstream's printers give for the same objects."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from podbay.api import resources
from podbay.wire.table import as_partial, as_table
from podbay.wire.table.columns import human_duration

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
META = {"name": "web", "creationTimestamp": "2026-01-01T11:55:00Z"}
SECOND, MINUTE, HOUR, DAY = 1, 60, 3600, 86400
YEAR = 365 * DAY


def table(resource: resources.Resource, *objects: dict[str, Any], include: str = "None") -> dict[str, Any]:
    return as_table(resource, objects, now=NOW, include_object=include, list_meta={"resourceVersion": "7"})


def cells(resource: resources.Resource, obj: dict[str, Any]) -> dict[str, Any]:
    answer = table(resource, {"metadata": META, **obj})
    names = [column["name"] for column in answer["columnDefinitions"]]
    return dict(zip(names, answer["rows"][0]["cells"], strict=True))


def pod_word(status: dict[str, Any], *, containers: int = 2, **more: Any) -> tuple[str, str, str]:
    spec = {"containers": [{"name": f"c{i}"} for i in range(containers)], **more.pop("spec", {})}
    found = cells(resources.PODS, {"spec": spec, "status": status, **more})
    return found["Ready"], found["Status"], found["Restarts"]


RUNNING = {"ready": True, "restartCount": 3, "state": {"running": {}}}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"phase": "Pending"}, ("0/2", "Pending", "0")),
        ({"phase": "Running", "containerStatuses": [RUNNING, {"restartCount": 3}]}, ("1/2", "Running", "6")),
        ({"phase": "Unknown", "containerStatuses": [RUNNING, {"restartCount": 3}]}, ("1/2", "Unknown", "6")),
        ({"phase": "Failed", "reason": "Evicted"}, ("0/2", "Evicted", "0")),
        (
            {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]},
            ("0/2", "SchedulingGated", "0"),
        ),
        (
            {"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
            ("0/2", "ImagePullBackOff", "0"),
        ),
        (
            {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"signal": 9, "exitCode": 137}}}]},
            ("0/2", "Signal:9", "0"),
        ),
        (
            {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"exitCode": 3}}}]},
            ("0/2", "ExitCode:3", "0"),
        ),
        (
            {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}, RUNNING],
            },
            ("1/2", "Running", "3"),
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}, RUNNING],
            },
            ("1/2", "NotReady", "3"),
        ),
        (
            {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "restartCount": 2,
                        "ready": True,
                        "state": {"running": {}},
                        "lastState": {"terminated": {"finishedAt": "2026-01-01T11:59:50Z"}},
                    },
                    {"restartCount": 1, "lastState": {"terminated": {"finishedAt": "2026-01-01T11:00:00Z"}}},
                ],
            },
            ("1/2", "Running", "3 (10s ago)"),
        ),
    ],
)
def test_a_pod_is_described_in_one_word(status: dict[str, Any], expected: tuple[str, str, str]) -> None:
    assert pod_word(status) == expected


@pytest.mark.parametrize(
    ("init", "word"),
    [
        ({"state": {"waiting": {"reason": "PodInitializing"}}}, "Init:0/2"),
        ({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, "Init:ImagePullBackOff"),
        ({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}, "Init:Error"),
        ({"state": {"terminated": {"exitCode": 1}}}, "Init:ExitCode:1"),
        ({"state": {"terminated": {"exitCode": 137, "signal": 9}}}, "Init:Signal:9"),
        ({"state": {"terminated": {"exitCode": 0}}}, "Init:1/2"),
    ],
)
def test_the_init_container_at_work_gives_the_word(init: dict[str, Any], word: str) -> None:
    status = {
        "phase": "Pending",
        "initContainerStatuses": [{"name": "a", "restartCount": 4, **init}, {"name": "b", "restartCount": 1}],
        "containerStatuses": [{"restartCount": 9}],
    }
    restarts = "5" if word == "Init:1/2" else "4"
    spec = {"initContainers": [{"name": "a"}, {"name": "b"}]}
    assert pod_word(status, containers=1, spec=spec) == ("0/1", word, restarts)


def test_a_sidecar_counts_among_the_containers() -> None:
    status = {
        "phase": "Running",
        "initContainerStatuses": [
            {"name": "side", "started": True, "ready": True, "restartCount": 2, "state": {"running": {}}}
        ],
        "containerStatuses": [RUNNING],
    }
    spec = {"initContainers": [{"name": "side", "restartPolicy": "Always"}]}
    assert pod_word(status, containers=1, spec=spec) == ("2/2", "Running", "5")


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"phase": "Running"}, "Terminating"),
        ({"phase": "Running", "reason": "NodeLost"}, "Unknown"),
        ({"phase": "Succeeded"}, "Succeeded"),
    ],
)
def test_a_pod_that_is_going_says_so_until_it_has_ended(status: dict[str, Any], word: str) -> None:
    assert pod_word(status, metadata={**META, "deletionTimestamp": "2026-01-01T11:59:00Z"})[1] == word


def test_wide_columns_of_a_pod_say_none_where_there_is_nothing() -> None:
    found = cells(resources.PODS, {"spec": {}, "status": {}})
    assert list(found.values())[5:] == ["<none>"] * 4
    found = cells(
        resources.PODS,
        {
            "spec": {"nodeName": "n1", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
            "status": {"podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "b", "status": "True"}]},
        },
    )
    assert (found["IP"], found["Node"], found["Readiness Gates"]) == ("10.0.0.1", "n1", "1/2")


def test_a_finished_pods_row_has_the_condition_completed() -> None:
    pod = {"metadata": META, "status": {"phase": "Succeeded"}}
    assert table(resources.PODS, pod)["rows"][0]["conditions"] == [
        {
            "type": "Completed",
            "status": "True",
            "reason": "Succeeded",
            "message": "The pod has completed successfully.",
        }
    ]
    assert "conditions" not in table(resources.PODS, {"metadata": META, "status": {"phase": "Running"}})["rows"][0]


def test_a_node_tells_readiness_roles_and_addresses() -> None:
    node = {
        "metadata": {**META, "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "edge"}},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "10.1.1.1"}],
            "nodeInfo": {"kubeletVersion": "v1.33.1", "osImage": "Debian"},
        },
    }
    assert list(cells(resources.NODES, node).values()) == [
        "web", "Ready,SchedulingDisabled", "edge,worker", "5m", "v1.33.1",
        "10.1.1.1", "<none>", "Debian", "<unknown>", "<unknown>",
    ]  # fmt: skip
    assert list(cells(resources.NODES, {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}).values())[
        1:3
    ] == ["NotReady", "<none>"]
    assert cells(resources.NODES, {})["Status"] == "Unknown"


def test_the_other_kinds_have_upstreams_columns() -> None:
    assert cells(resources.NAMESPACES, {"status": {"phase": "Active"}}) == {
        "Name": "web",
        "Status": "Active",
        "Age": "5m",
    }
    assert cells(resources.CONFIG_MAPS, {"data": {"a": "1"}, "binaryData": {"b": ""}})["Data"] == 2
    secret = cells(resources.SECRETS, {"type": "Opaque", "data": {"a": "", "b": ""}})
    assert secret == {"Name": "web", "Type": "Opaque", "Data": 2, "Age": "5m"}
    assert cells(resources.SERVICE_ACCOUNTS, {}) == {"Name": "web", "Secrets": 0, "Age": "5m"}
    assert cells(resources.LEASES, {"spec": {"holderIdentity": "me"}}) == {"Name": "web", "Holder": "me", "Age": "5m"}


EVENT: dict[str, Any] = {
    "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{c}"},
    "type": "Normal",
    "reason": "Pulled",
    "message": " done\n",
    "firstTimestamp": "2026-01-01T11:00:00Z",
    "lastTimestamp": "2026-01-01T11:59:00Z",
    "count": 4,
    "source": {"component": "kubelet", "host": "n1"},
}


def test_an_event_tells_first_and_last_time_count_and_source() -> None:
    assert cells(resources.EVENTS, EVENT) == {
        "Last Seen": "60s",
        "Type": "Normal",
        "Reason": "Pulled",
        "Object": "pod/web",
        "Subobject": "spec.containers{c}",
        "Source": "kubelet, n1",
        "Message": "done",
        "First Seen": "60m",
        "Count": 4,
        "Name": "web",
    }


def test_an_event_of_the_new_form_tells_its_series_and_reporter() -> None:
    event = {
        "involvedObject": {"kind": "Node"},
        "eventTime": "2026-01-01T11:50:00.000000Z",
        "series": {"count": 9, "lastObservedTime": "2026-01-01T11:59:58.000000Z"},
        "reportingComponent": "sched",
        "reportingInstance": "s-1",
    }
    found = cells(resources.EVENTS, event)
    assert (found["Last Seen"], found["First Seen"], found["Count"]) == ("2s", "10m", 9)
    assert (found["Object"], found["Source"]) == ("node", "sched, s-1")
    single = cells(resources.EVENTS, {key: value for key, value in event.items() if key != "series"})
    assert (single["Last Seen"], single["Count"]) == ("10m", 1)


def test_both_versions_of_an_event_give_one_row() -> None:
    names = {
        "involvedObject": "regarding", "message": "note", "source": "deprecatedSource",
        "firstTimestamp": "deprecatedFirstTimestamp", "lastTimestamp": "deprecatedLastTimestamp",
        "count": "deprecatedCount",
    }  # fmt: skip
    new = {names.get(key, key): value for key, value in EVENT.items()}
    assert cells(resources.EVENTS_V1, new) == cells(resources.EVENTS, EVENT)


def test_rows_carry_nothing_metadata_or_the_object() -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": META, "data": {}}
    partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}
    assert as_partial(obj) == partial
    assert "object" not in table(resources.CONFIG_MAPS, obj)["rows"][0]
    assert table(resources.CONFIG_MAPS, obj, include="Metadata")["rows"][0]["object"] == partial
    assert table(resources.CONFIG_MAPS, obj, include="Object")["rows"][0]["object"] == obj


def test_a_table_names_itself_and_its_revision() -> None:
    answer = table(resources.PODS)
    assert (answer["kind"], answer["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert (answer["metadata"], answer["rows"]) == ({"resourceVersion": "7"}, [])
    assert answer["columnDefinitions"][0]["format"] == "name"
    assert [c["name"] for c in answer["columnDefinitions"] if c["priority"]] == [
        "IP", "Node", "Nominated Node", "Readiness Gates",
    ]  # fmt: skip


def test_an_object_without_a_time_has_an_unknown_age() -> None:
    assert cells(resources.NAMESPACES, {"metadata": {"name": "x"}})["Age"] == "<unknown>"


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (-2, "<invalid>"), (-1.999, "0s"), (0, "0s"), (0.999, "0s"), (70, "70s"), (119.999, "119s"), (120, "2m"),
        (121, "2m1s"), (190, "3m10s"), (10 * MINUTE - 0.001, "9m59s"), (10 * MINUTE + 1, "10m"), (70 * MINUTE, "70m"),
        (3 * HOUR - 0.001, "179m"), (3 * HOUR, "3h"), (3 * HOUR + MINUTE, "3h1m"), (8 * HOUR - 0.001, "7h59m"),
        (8 * HOUR + 59 * MINUTE, "8h"), (47 * HOUR, "47h"), (2 * DAY, "2d"), (49 * HOUR, "2d1h"),
        (8 * DAY - 0.001, "7d23h"), (8 * DAY + 23 * HOUR, "8d"), (367 * DAY, "367d"), (2 * YEAR - 0.001, "729d"),
        (2 * YEAR + 23 * HOUR, "2y"), (2 * YEAR + DAY, "2y1d"), (3 * YEAR, "3y"), (8 * YEAR - 0.001, "7y364d"),
        (8 * YEAR + 364 * DAY, "8y"), (9 * YEAR, "9y"),
    ],
)  # fmt: skip
def test_a_duration_is_told_as_people_read_it(duration_s: float, text: str) -> None:
    assert human_duration(timedelta(seconds=duration_s).total_seconds()) == text
