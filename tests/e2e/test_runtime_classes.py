"""Runtime classes, to the letter of upstream's conformance tests, and what they do to real containers."""

import json
from typing import Any

import pytest

from podbay.kubelet import cgroups
from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, until
from tests.e2e.watching import condition

pytestmark = pytest.mark.e2e
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


def runtime_class(name: str, handler: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name, "labels": {"test": "classes"}},
        "handler": handler,
        **more,
    }


def refused(cluster: RealCluster, name: str) -> str:
    """Create a pod of a class; return why it is refused."""
    body = json.dumps(pod("rejected", shell("main", "true"), runtimeClassName=name))
    done = cluster.kubectl("create", "-f", "-", stdin=body, check=False)
    assert done.code == 1
    return done.err


def scheduled(cluster: RealCluster, name: str) -> Pod:
    return until(lambda: _placed(cluster, name), f"{name} is scheduled")  # type: ignore[no-any-return]


def _placed(cluster: RealCluster, name: str) -> Pod | None:
    found: Pod = cluster.get("pod", name)
    return found if condition(found, "PodScheduled").get("status") == "True" else None


def memory_limit(cluster: RealCluster, uid: str) -> int:
    """Return what a pod's cgroup may take of memory, in bytes."""
    files = {"memory.limit_in_bytes", "memory.max"}
    (found,) = [
        file
        for root in (cgroups.MOUNT / "memory", cgroups.MOUNT)
        for directory in (root / f"podbay-{cluster.name}").glob(f"**/pod{uid}")
        for file in directory.iterdir()
        if file.name in files
    ]
    return int(found.read_text())


def test_a_pod_of_a_class_that_never_was_or_is_gone_is_rejected(cluster: RealCluster) -> None:
    """[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass [NodeConformance]
    [sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass [NodeConformance]

    Compared with test/e2e/common/node/runtimeclass.go
    Upstream's assertions, and where they are made here:
    - the creation of a pod of a class that is not there is refused with Forbidden: the first assertion
    - a class is made and deleted, and is not found any more: the two commands after it
    - the creation of a pod of that class is refused with Forbidden: the last assertion
    """
    assert 'pods "rejected" is forbidden: pod rejected: RuntimeClass "nonexistent" not found' in refused(
        cluster, "nonexistent"
    )
    cluster.apply(runtime_class("delete-me", "runc"))
    cluster.kubectl("delete", "runtimeclass", "delete-me")
    assert "NotFound" in cluster.kubectl("get", "runtimeclass", "delete-me", check=False).err
    assert 'RuntimeClass "delete-me" not found' in refused(cluster, "delete-me")


@pytest.mark.parametrize("overhead", [None, {"cpu": "10m", "memory": "1Mi"}])
def test_a_pod_of_a_class_is_scheduled_with_its_overhead(cluster: RealCluster, overhead: dict[str, str] | None) -> None:
    """[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead [NodeConformance]
    [sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead
    [NodeConformance]

    Compared with test/e2e/common/node/runtimeclass.go
    Upstream's assertions, and where they are made here:
    - the class is made, and a pod of it is scheduled: ``scheduled``
    - it has no overhead if the class has none, else the class's: the comparison
    - the class can be deleted: the last command
    """
    more = {} if overhead is None else {"overhead": {"podFixed": overhead}}
    cluster.apply(runtime_class("preconfigured-handler", "test-handler", **more))
    try:
        cluster.apply(pod("of-class", shell("main", SLEEP), runtimeClassName="preconfigured-handler"))
        assert scheduled(cluster, "of-class")["spec"].get("overhead") == overhead
    finally:
        cluster.wait_gone("of-class")
        cluster.kubectl("delete", "runtimeclass", "preconfigured-handler")


def test_classes_have_every_verb(cluster: RealCluster) -> None:
    """[sig-node] RuntimeClass should support RuntimeClasses API operations

    Compared with test/e2e/common/node/runtimeclass.go
    Upstream's assertions, and where they are made here:
    - the group, its version v1 and the resource runtimeclasses are discovered: the first three assertions
    - a class is made; making it again is refused with AlreadyExists; a second is made: the creations
    - a third, made during a watch of the label, is seen by it; so is a class with the annotations of a patch and of an
      update: the watch's versions
    - a class that is read has the uid that it was made with: ``uid``
    - a list by the label has three: the first count
    - a merge patch and an update of annotations are taken: the annotations
    - a deleted class is not found, and two are left; a deleted collection leaves none: the end
    """
    groups = json.loads(cluster.kubectl("get", "--raw", "/apis").out)["groups"]
    assert "v1" in [v["version"] for g in groups if g["name"] == "node.k8s.io" for v in g["versions"]]
    group = json.loads(cluster.kubectl("get", "--raw", "/apis/node.k8s.io").out)
    assert "v1" in [version["version"] for version in group["versions"]]
    found = json.loads(cluster.kubectl("get", "--raw", "/apis/node.k8s.io/v1").out)["resources"]
    assert "runtimeclasses" in [resource["name"] for resource in found]

    def listed() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = cluster.get("runtimeclasses", "-l", "test=classes")["items"]
        return items

    first = json.dumps(runtime_class("class-1", "handler-1"))
    made = json.loads(cluster.kubectl("create", "-f", "-", "-o", "json", stdin=first).out)
    assert "AlreadyExists" in cluster.kubectl("create", "-f", "-", stdin=first, check=False).err
    cluster.apply(runtime_class("class-2", "handler-2"))
    version = json.loads(cluster.kubectl("get", "--raw", CLASSES).out)["metadata"]["resourceVersion"]
    cluster.apply(runtime_class("class-3", "handler-3"))
    assert cluster.get("runtimeclass", "class-1")["metadata"]["uid"] == made["metadata"]["uid"]
    assert len(listed()) == 3
    patch = '{"metadata":{"annotations":{"patched":"true"}}}'
    patched = cluster.kubectl("patch", "runtimeclass", "class-1", "--type=merge", "-p", patch, "-o", "json").out
    changed = json.loads(patched)
    assert changed["metadata"]["annotations"]["patched"] == "true"
    changed["metadata"]["annotations"]["updated"] = "true"
    told = cluster.kubectl("replace", "-f", "-", "-o", "json", stdin=json.dumps(changed)).out
    assert json.loads(told)["metadata"]["annotations"]["updated"] == "true"
    watch = f"{CLASSES}?watch=1&labelSelector=test%3Dclasses&timeoutSeconds=1&resourceVersion={version}"
    events = [json.loads(line) for line in cluster.kubectl("get", "--raw", watch).out.splitlines()]
    seen = [(e["type"], e["object"]["metadata"]["name"], e["object"]["metadata"].get("annotations")) for e in events]
    assert seen == [
        ("ADDED", "class-3", None),
        ("MODIFIED", "class-1", {"patched": "true"}),
        ("MODIFIED", "class-1", {"patched": "true", "updated": "true"}),
    ]
    cluster.kubectl("delete", "runtimeclass", "class-1")
    assert "NotFound" in cluster.kubectl("get", "runtimeclass", "class-1", check=False).err
    assert len(listed()) == 2
    cluster.kubectl("delete", "--raw", f"{CLASSES}?labelSelector=test%3Dclasses")
    assert listed() == []


def test_a_pod_runs_by_the_handler_of_its_class_and_its_overhead_is_its_own(cluster: RealCluster) -> None:
    cluster.apply(runtime_class("other", "runc", overhead={"podFixed": {"cpu": "100m", "memory": "16Mi"}}))
    limits = {"cpu": "200m", "memory": "32Mi"}
    container = shell("main", SLEEP, resources={"limits": limits})
    cluster.apply(pod("with-overhead", container, runtimeClassName="other"))
    (found,) = cluster.wait_ready("with-overhead")
    assert memory_limit(cluster, found["metadata"]["uid"]) == 48 * 1024 * 1024
    described = cluster.kubectl("describe", "node", found["spec"]["nodeName"]).out
    row = next(line.split() for line in described.splitlines() if " with-overhead " in line)
    assert row[2] == "300m"
    cluster.wait_gone("with-overhead")
    cluster.kubectl("delete", "runtimeclass", "other")


def test_a_handler_that_the_runtime_has_not_is_told(cluster: RealCluster) -> None:
    cluster.apply(runtime_class("unconfigured", "no-such-handler"))
    cluster.apply(pod("unconfigured", shell("main", SLEEP), runtimeClassName="unconfigured"))

    def told() -> str:
        events = cluster.get(
            "events", "--field-selector=involvedObject.name=unconfigured,reason=FailedCreatePodSandBox"
        )
        return " ".join(event["message"] for event in events["items"])

    message = until(told, "the kubelet says why")
    assert message.startswith("Failed to create pod sandbox: rpc error: code = Unknown desc = failed to get sandbox")
    assert 'no runtime for "no-such-handler" is configured' in message
    assert cluster.get("pod", "unconfigured")["status"]["phase"] == "Pending"
    cluster.wait_gone("unconfigured")
    cluster.kubectl("delete", "runtimeclass", "unconfigured")
