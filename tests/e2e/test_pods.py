"""Pods as their users see them, to the letter of upstream's conformance tests."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until
from tests.e2e.watching import watched

pytestmark = pytest.mark.e2e

FINALIZER = "example.com/test-finalizer"


def labelled(name: str, labels: dict[str, str], **spec: object) -> dict[str, object]:
    made = pod(name, shell("main", SLEEP), **spec)
    made["metadata"]["labels"] = labels
    return made


def names(cluster: RealCluster, selector: str) -> list[str]:
    return [found["metadata"]["name"] for found in cluster.get("pods", "-l", selector)["items"]]


def test_a_pod_has_its_hosts_address(cluster: RealCluster) -> None:
    """[sig-node] Pods should get a host IP [NodeConformance]

    Compared with test/e2e/common/node/pods.go
    - the pod runs, and its status has a host IP that is not empty: the assertion (besides, it is its node's)
    """
    cluster.apply(pod("hosted", shell("main", SLEEP)))
    (found,) = cluster.wait_ready("hosted")
    assert found["status"]["hostIP"]
    addresses = cluster.get("node", found["spec"]["nodeName"])["status"]["addresses"]
    assert found["status"]["hostIP"] in [address["address"] for address in addresses]
    cluster.wait_gone("hosted")


def test_a_pod_is_submitted_and_removed(cluster: RealCluster) -> None:
    """[sig-node] Pods should be submitted and removed [NodeConformance]

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - no pod has the label before; one has it after: the comparisons of names
    - a watch sees the pod come: the watch's first version
    - it runs: ``wait_ready``
    - after a graceful deletion the watch sees it go, with a deletion timestamp and a grace period: ``until_gone``, and
      the watch's last version
    - no pod has the label in the end: the last comparison
    """
    assert names(cluster, "time=removed") == []
    with watched(cluster, "submitted", until_gone=True) as versions:
        cluster.apply(labelled("submitted", {"time": "removed"}, terminationGracePeriodSeconds=5))
        assert names(cluster, "time=removed") == ["submitted"]
        cluster.wait_ready("submitted")
        cluster.kubectl("delete", "pod", "submitted")
    assert versions[0]["metadata"]["name"] == "submitted"
    last = versions[-1]
    assert last["metadata"]["deletionTimestamp"] and last["spec"]["terminationGracePeriodSeconds"] == 5
    assert names(cluster, "time=removed") == []


def test_a_pod_is_updated(cluster: RealCluster) -> None:
    """[sig-node] Pods should be updated [NodeConformance]

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - one pod has the label: the first comparison
    - after an update of the label, one pod has the new one: the second comparison
    """
    cluster.apply(labelled("updated", {"time": "before"}))
    cluster.wait_ready("updated")
    assert names(cluster, "time=before") == ["updated"]
    found = cluster.get("pod", "updated")
    found["metadata"]["labels"]["time"] = "after"
    del found["metadata"]["resourceVersion"]
    cluster.kubectl("replace", "-f", "-", stdin=json.dumps(found))
    assert names(cluster, "time=after") == ["updated"]
    cluster.wait_gone("updated")


def test_a_collection_of_pods_is_deleted(cluster: RealCluster) -> None:
    """[sig-node] Pods should delete a collection of pods

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - three pods with the label are there: the first ``until``
    - after the deletion of the collection by the label, none is there: the second ``until``
    """
    cluster.apply(*(labelled(f"many-{i}", {"type": "many"}) for i in range(3)))
    until(lambda: len(names(cluster, "type=many")) == 3, "three are there")
    query = "/api/v1/namespaces/default/pods?labelSelector=type%3Dmany&gracePeriodSeconds=1"
    cluster.kubectl("delete", "--raw", query)
    until(lambda: names(cluster, "type=many") == [], "all are gone")


def test_a_pods_status_is_patched(cluster: RealCluster) -> None:
    """[sig-node] Pods should patch a pod status

    Compared with test/e2e/common/node/pods.go
    - the answer to the patch of the status has the label, the message and the reason: the assertions
    """
    cluster.apply(pod("patched", shell("main", SLEEP)))
    cluster.wait_ready("patched")
    status = {"message": "Patched by e2e test", "reason": "E2E"}
    patch = json.dumps({"metadata": {"labels": {"podstatus": "testpodstatus"}}, "status": status})
    out = cluster.kubectl("patch", "pod", "patched", "--subresource=status", "-p", patch, "-o", "json").out
    answer = json.loads(out)
    assert answer["metadata"]["labels"]["podstatus"] == "testpodstatus"
    assert (answer["status"]["message"], answer["status"]["reason"]) == ("Patched by e2e test", "E2E")
    cluster.wait_gone("patched")


def test_equal_requests_and_limits_are_guaranteed(cluster: RealCluster) -> None:
    """[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for
    memory and cpu

    Compared with test/e2e/node/pods.go
    - the pod's status has the QoS class Guaranteed: the assertion
    """
    amounts = {"cpu": "100m", "memory": "100Mi"}
    cluster.apply(pod("guaranteed", shell("main", SLEEP, resources={"limits": amounts, "requests": amounts})))
    assert cluster.get("pod", "guaranteed")["status"]["qosClass"] == "Guaranteed"
    cluster.wait_gone("guaranteed")


def test_a_pod_goes_through_its_life_and_its_status_too(cluster: RealCluster) -> None:
    """[sig-node] Pods should run through the lifecycle of Pods and PodStatus

    Compared with test/e2e/common/node/pods.go
    Upstream's assertions, and where they are made here:
    - no pod with the label hinders the list before: the first comparison
    - the pod is created and its phase becomes Running: ``wait_ready``
    - a strategic merge patch of a label and of the container's image is taken; a watch from before it sees the pod
      modified, and the pod has the new label and the new image: the patch, the versions and the assertions after it
    - Ready and ContainersReady, both True then, are replaced by False through the status subresource, and the answer
      has both False: the replacement
    - the collection with the label is deleted; a watch sees the pod deleted (``until_gone``), and a read says NotFound:
      the end
    """
    assert names(cluster, "test-pod-static=true") == []
    with watched(cluster, "pod-test", until_gone=True) as versions:
        cluster.apply(labelled("pod-test", {"test-pod-static": "true"}))
        (before,) = cluster.wait_ready("pod-test")
        assert before["status"]["phase"] == "Running"
        image = "docker.io/wanstack/kubia"
        patch = {
            "metadata": {"labels": {"test-pod": "patched"}},
            "spec": {"containers": [{"name": "main", "image": image}]},
        }
        cluster.kubectl("patch", "pod", "pod-test", "--type=strategic", "-p", json.dumps(patch))
        patched = cluster.get("pod", "pod-test")
        assert patched["metadata"]["labels"]["test-pod"] == "patched"
        assert patched["spec"]["containers"][0]["image"] == image
        until(lambda: _replace_readiness(cluster, "pod-test"), "the status is replaced")
        query = "/api/v1/namespaces/default/pods?labelSelector=test-pod-static%3Dtrue&gracePeriodSeconds=1"
        cluster.kubectl("delete", "--raw", query)
        until(lambda: "NotFound" in cluster.kubectl("get", "pod", "pod-test", check=False).err, "it is gone")
    modified = [seen for seen in versions if seen["metadata"]["labels"].get("test-pod") == "patched"]
    assert modified and "deletionTimestamp" in versions[-1]["metadata"]


def _replace_readiness(cluster: RealCluster, name: str) -> bool:
    """Say of a ready pod that it is not, as long as nobody else writes its status at the same moment."""
    found = cluster.get("pod", name, "--subresource=status")
    wanted = [c for c in found["status"]["conditions"] if c["type"] in ("Ready", "ContainersReady")]
    if [c["status"] for c in wanted] != ["True", "True"]:
        return False
    for condition in wanted:
        condition["status"] = "False"
    text = json.dumps(found)
    done = cluster.kubectl("replace", "--subresource=status", "-f", "-", "-o", "json", stdin=text, check=False)
    if done.code != 0:
        assert "Conflict" in done.err, done
        return False
    told = {c["type"]: c["status"] for c in json.loads(done.out)["status"]["conditions"]}
    assert (told["Ready"], told["ContainersReady"]) == ("False", "False")
    return True


def test_a_container_that_is_deaf_to_its_end_is_killed_when_the_grace_period_is_over(cluster: RealCluster) -> None:
    deaf = shell("deaf", "trap '' TERM; while :; do sleep 1; done")
    made = pod("deaf", deaf, shell("polite", SLEEP), terminationGracePeriodSeconds=4)
    made["metadata"]["finalizers"] = [FINALIZER]  # so that what became of it can still be read
    cluster.apply(made)
    cluster.wait_ready("deaf")
    cluster.kubectl("delete", "pod", "deaf", "--wait=false")

    def ends() -> dict[str, dict[str, Any]]:
        states = {s["name"]: s["state"] for s in cluster.get("pod", "deaf")["status"]["containerStatuses"]}
        ended = {name: state["terminated"] for name, state in states.items() if "terminated" in state}
        return ended if len(ended) == len(states) else {}

    ended = until(ends, "both have ended")
    assert {name: (end["exitCode"], end["reason"]) for name, end in ended.items()} == {
        "deaf": (137, "Error"), "polite": (0, "Completed"),
    }  # fmt: skip
    late = datetime.fromisoformat(cluster.get("pod", "deaf")["metadata"]["deletionTimestamp"])
    at = {name: datetime.fromisoformat(end["finishedAt"]) for name, end in ended.items()}
    assert at["polite"] < at["deaf"]
    assert timedelta(seconds=-1) <= at["deaf"] - late < timedelta(seconds=10)
    cluster.kubectl("patch", "pod", "deaf", "-p", '{"metadata": {"finalizers": null}}')
    cluster.kubectl("wait", "--for=delete", "pod/deaf", "--timeout=20s")
