"""A runtime that hangs on one call: the node stays in charge, and the pod says what happened."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podbay.api.resources import NODES, PODS
from tests.e2e.containerd import BUSYBOX, PrivateContainerd
from tests.e2e.hanging import HangingProxy, hanging_proxy
from tests.e2e.node import FOREVER, Node, one_node, shell
from tests.waiting import until

Object = dict[str, Any]
PATIENCE_S = 2.0
LATE = "rpc error: code = DeadlineExceeded desc = context deadline exceeded"


@pytest.fixture
async def proxy(containerd: PrivateContainerd) -> AsyncIterator[HangingProxy]:
    async with hanging_proxy(containerd.socket) as made:
        yield made


@pytest.fixture
async def node(containerd: PrivateContainerd, proxy: HangingProxy) -> AsyncIterator[Node]:
    async with one_node(containerd, proxy.socket, PATIENCE_S) as made:
        try:
            yield made
        finally:
            proxy.free()


async def hangs(proxy: HangingProxy, method: str) -> None:
    """Return once a call hangs."""
    await until(lambda: method in proxy.asked, f"{method} hangs")


async def is_ready(node: Node) -> bool:
    conditions = (await node.admin.get(NODES, "n1"))["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


async def test_while_a_pull_hangs_other_pods_come_and_go_and_this_one_can_be_deleted(
    node: Node, proxy: HangingProxy
) -> None:
    proxy.hanging = {"PullImage"}
    await node.create(shell(FOREVER, image="127.0.0.1:1/slow:1", imagePullPolicy="Always"), name="slow")
    await hangs(proxy, "PullImage")
    await node.create(shell(FOREVER), name="other")
    await node.running("other")
    await node.told("Pulling", 'Pulling image "127.0.0.1:1/slow:1"', "slow")
    await node.waits("ContainerCreating", "slow")
    await node.delete("other")
    await node.delete("slow")
    assert await is_ready(node)


async def test_a_container_that_is_not_made_in_time_is_told_and_made_later(node: Node, proxy: HangingProxy) -> None:
    proxy.hanging = {"CreateContainer"}
    await node.create(shell(FOREVER))
    assert (await node.waits("CreateContainerError"))["message"] == "context deadline exceeded"
    await node.told("Failed", "Error: context deadline exceeded")
    assert await is_ready(node)
    proxy.free()
    await node.running()


async def test_a_pod_whose_container_is_not_made_can_be_deleted(node: Node, proxy: HangingProxy) -> None:
    proxy.hanging = {"CreateContainer"}
    await node.create(shell(FOREVER))
    await hangs(proxy, "CreateContainer")
    await node.delete()


async def test_a_sandbox_that_is_not_made_in_time_is_told_and_made_later(node: Node, proxy: HangingProxy) -> None:
    proxy.hanging = {"RunPodSandbox"}
    await node.create(shell(FOREVER))
    await node.told("FailedCreatePodSandBox", f"Failed to create pod sandbox: {LATE}")
    proxy.free()
    await node.running()


async def test_a_container_that_is_not_stopped_ends_with_its_sandbox(node: Node, proxy: HangingProxy) -> None:
    await node.create(shell(FOREVER), shell(FOREVER, "beside"))
    await node.create(shell(FOREVER), name="other")
    await node.running()
    await node.running("other")
    proxy.hanging = {"StopContainer"}
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 1}
    await node.admin.delete(PODS, "p", namespace="default", options=options)
    await hangs(proxy, "StopContainer")
    assert "running" in (await node.running("other"))["containerStatuses"][0]["state"]
    parts = [f'failed to "KillContainer" for "{name}" with KillContainerError: "{LATE}"' for name in ("beside", "main")]
    await node.told("FailedKillPod", f"error killing pod: [{', '.join(parts)}]")

    async def gone() -> bool:
        return [sandbox.name for sandbox in await node.runtime.sandboxes()] == ["other"]

    await until(gone, "only the other pod has a sandbox")
    assert [pod["metadata"]["name"] for pod in (await node.admin.list(PODS))["items"]] == ["other"]
    assert await is_ready(node)


async def test_a_runtime_that_says_nothing_of_images_is_told_and_asked_again(node: Node, proxy: HangingProxy) -> None:
    proxy.hanging = {"ImageStatus"}
    await node.create(shell(FOREVER))
    message = f'Failed to inspect image "{BUSYBOX}": {LATE}'
    assert (await node.waits("ImageInspectError"))["message"] == message
    proxy.free()
    await node.running()
