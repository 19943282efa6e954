"""Runtime classes, seen from outside: what a class makes of a pod, where it may run, and by which handler."""

from typing import Any

from podbay.api.resources import PODS, RUNTIME_CLASSES
from podbay.cri.runtime import RuntimeHandler
from tests.flow.cluster import Cluster, condition, pod


async def make_class(cluster: Cluster, name: str = "vm", handler: str = "kata", **more: Any) -> None:
    await cluster.rest.create(RUNTIME_CLASSES, {"metadata": {"name": name}, "handler": handler, **more})


async def test_an_overhead_takes_its_part_of_a_node_and_of_no_quality(cluster: Cluster) -> None:
    await make_class(cluster, overhead={"podFixed": {"cpu": "3"}})
    cluster.runtimes["node-1"].handlers = (RuntimeHandler(name=""), RuntimeHandler(name="kata"))
    first = await cluster.create(pod("first", runtimeClassName="vm"))
    assert first["status"]["qosClass"] == "BestEffort"
    await cluster.create(pod("second", runtimeClassName="vm"))
    assert await cluster.phase("first") == "Running"
    message = condition(await cluster.pod("second"), "PodScheduled")["message"]
    assert message.startswith("0/1 nodes are available: 1 Insufficient cpu.")
    await cluster.create(pod("third", runtimeClassName="vm", nodeName="node-1"))
    third = (await cluster.pod("third"))["status"]
    assert (third["phase"], third["reason"]) == ("Failed", "OutOfcpu")


async def test_a_handler_that_the_runtime_does_not_have_is_told_until_it_has(cluster: Cluster) -> None:
    await make_class(cluster)
    await cluster.create(pod("web", runtimeClassName="vm"))
    said = 'rpc error: code = Unknown desc = failed to get sandbox runtime: no runtime for "kata" is configured'
    assert ("FailedCreatePodSandBox", f"Failed to create pod sandbox: {said}") in [
        event[:2] for event in await cluster.events_of("web")
    ]
    assert await cluster.phase("web") == "Pending"
    cluster.runtimes["node-1"].handlers = (RuntimeHandler(name="kata"),)
    await cluster.until_running("web")


async def test_a_class_that_went_before_the_kubelet_saw_it_is_told(cluster: Cluster) -> None:
    await make_class(cluster)
    body = pod("web", runtimeClassName="vm", schedulingGates=[{"name": "example.com/wait"}])
    await cluster.create(body)
    await cluster.rest.delete(RUNTIME_CLASSES, "vm")
    await cluster.rest.patch(PODS, "web", {"spec": {"schedulingGates": None}}, namespace="default")
    await cluster.settle()
    message = 'Failed to create pod sandbox: runtimeclass.node.k8s.io "vm" not found'
    assert ("FailedCreatePodSandBox", message) in [event[:2] for event in await cluster.events_of("web")]


async def test_what_a_pod_may_ask_of_the_runtime_is_what_its_handler_can(cluster: Cluster) -> None:
    await make_class(cluster)
    cluster.runtimes["node-1"].handlers = (
        RuntimeHandler(name="", user_namespaces=True, recursive_read_only=True), RuntimeHandler(name="kata"),
    )  # fmt: skip
    await cluster.pass_time(300)
    await cluster.create(pod("web", runtimeClassName="vm", hostUsers=False))
    said = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"
    assert ("FailedCreatePodSandBox", f"Failed to create pod sandbox: {said}") in [
        event[:2] for event in await cluster.events_of("web")
    ]
    mount = {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "Enabled"}
    volumes = [{"name": "v", "emptyDir": {}}]
    await cluster.create(pod("deep", runtimeClassName="vm", volumes=volumes, container={"volumeMounts": [mount]}))
    (deep,) = (await cluster.pod("deep"))["status"]["containerStatuses"]
    assert deep["state"]["waiting"]["reason"] == "CreateContainerConfigError"


async def test_mounts_are_told_as_the_sandboxs_handler_can_even_after_the_kubelet_and_the_class_went(
    cluster: Cluster,
) -> None:
    await make_class(cluster)
    cluster.runtimes["node-1"].handlers = (
        RuntimeHandler(name=""), RuntimeHandler(name="kata", recursive_read_only=True),
    )  # fmt: skip
    await cluster.pass_time(300)
    mount = {"name": "v", "mountPath": "/v", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    volumes = [{"name": "v", "emptyDir": {}}]
    await cluster.create(pod("deep", runtimeClassName="vm", volumes=volumes, container={"volumeMounts": [mount]}))
    await cluster.create(pod("flat", volumes=volumes, container={"volumeMounts": [mount]}))
    told = {"deep": "Enabled", "flat": "Disabled"}

    async def mounted(name: str) -> str:
        (status,) = (await cluster.pod(name))["status"]["containerStatuses"]
        return str(status["volumeMounts"][0]["recursiveReadOnly"])

    assert {name: await mounted(name) for name in told} == told
    await cluster.rest.delete(RUNTIME_CLASSES, "vm")
    await cluster.kubelets["node-1"].kill()
    for name in told:
        lost = {"status": {"containerStatuses": None}}
        await cluster.rest.patch(PODS, name, lost, namespace="default", subresource="status", merge=True)
    cluster.kubelets["node-1"].start()
    await cluster.settle()
    assert {name: await mounted(name) for name in told} == told
