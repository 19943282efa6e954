"""Pods that take more of the node's disk than they may: they go, the node and the others stay."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

PATIENCE_S: Final = 90.0
STORAGE: Final = "ephemeral-storage"


def filling(name: str, where: str, *, limits: dict[str, str], size_limit: str | None = None) -> dict[str, Any]:
    source = {"sizeLimit": size_limit} if size_limit else {}
    main = shell(
        "main",
        f"dd if=/dev/zero of={where}/file bs=1M count=8; {SLEEP}",
        resources={"limits": limits},
        volumeMounts=[{"name": "cache", "mountPath": "/cache"}],
    )
    return pod(name, main, volumes=[{"name": "cache", "emptyDir": source}], restartPolicy="Always")


@pytest.fixture(scope="module")
def evicted(cluster: RealCluster) -> Any:
    """Run pods that fill their disks beside one that has room enough; give the statuses once they have failed."""
    fillers = {
        "volume": filling("volume", "/cache", limits={}, size_limit="4Mi"),
        "whole": filling("whole", "/cache", limits={STORAGE: "4Mi"}),
        "layer": {**filling("layer", "", limits={STORAGE: "4Mi"})},
    }
    fillers["layer"]["spec"]["containers"].append(
        {"image": "busybox", "imagePullPolicy": "IfNotPresent", **shell("roomy", SLEEP)}
        | {"resources": {"limits": {STORAGE: "1Gi"}}}
    )
    roomy = filling("roomy", "/cache", limits={STORAGE: "1Gi"}, size_limit="1Gi")
    cluster.apply(*fillers.values(), roomy)
    cluster.wait_ready("roomy")

    def failed() -> Any:
        found = {name: cluster.get("pod", name)["status"] for name in (*fillers, "roomy")}
        return found if all(found[name]["phase"] == "Failed" for name in fillers) else None

    yield until(failed, "the pods that have too much are evicted", patience_s=PATIENCE_S)
    cluster.wait_gone(*fillers, "roomy")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("volume", 'Usage of EmptyDir volume "cache" exceeds the limit "4Mi". '),
        ("whole", "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. "),
        ("layer", 'Container main exceeded its local ephemeral storage limit "4Mi". '),
    ],
)
def test_a_pod_that_takes_more_than_it_may_is_evicted(
    cluster: RealCluster, evicted: Any, name: str, message: str
) -> None:
    status = evicted[name]
    assert (status["reason"], status["message"]) == ("Evicted", message)
    which = f"involvedObject.name={name},reason=Evicted"
    events = until(lambda: cluster.get("events", "--field-selector", which)["items"], "its eviction is told of")
    assert [(event["type"], event["message"]) for event in events] == [("Warning", message)]


def test_others_beside_it_stay_and_its_files_are_gone(cluster: RealCluster, evicted: Any) -> None:
    assert evicted["roomy"]["phase"] == "Running"
    uids = [cluster.get("pod", name)["metadata"]["uid"] for name in ("volume", "whole", "layer")]

    def told_of() -> set[str]:
        summaries = [
            json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary").out)
            for node in cluster.nodes()
        ]
        return {each["podRef"]["name"] for summary in summaries for each in summary["pods"]}

    until(lambda: not {"volume", "whole", "layer"} & told_of(), "nothing of the evicted pods is measured any more")

    def volumes(uid: str) -> list[Path]:
        return list(Path("/var/lib/podbay", cluster.name).glob(f"node-*/kubelet/pods/{uid}/volumes/*/*"))

    assert volumes(cluster.get("pod", "roomy")["metadata"]["uid"]) != []
    assert [path for uid in uids for path in volumes(uid)] == []


def test_a_pod_that_wants_more_disk_than_a_node_has_waits_for_one(cluster: RealCluster) -> None:
    cluster.apply(pod("huge", shell("main", SLEEP, resources={"requests": {STORAGE: "900Ti"}})))
    waits = until(
        lambda: [
            each["message"]
            for each in cluster.get("pod", "huge")["status"].get("conditions") or ()
            if each["type"] == "PodScheduled" and each["status"] == "False"
        ],
        "the scheduler says why",
    )
    assert "2 Insufficient ephemeral-storage" in waits[0]
    cluster.wait_gone("huge")
