"""An image store that lost content: the pod says so, others run, and pulling again mends it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import NODES, SECRETS
from podbay.standalone.containerd import SANDBOX_IMAGE
from podbay.standalone.machine import binary
from tests.e2e.containerd import PrivateContainerd
from tests.e2e.harness import SLEEP, RealCluster, pod
from tests.e2e.harness import shell as cluster_shell
from tests.e2e.node import FOREVER, Node, shell
from tests.e2e.registry import Registry, private_registry, pull_secret

Object = dict[str, Any]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with private_registry(tmp_path_factory.mktemp("registries") / "one", "me") as made:
        yield made


def ctr(socket: Path, *words: str) -> list[str]:
    command = [binary("ctr", "containerd"), "-a", str(socket), "-n", "k8s.io", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def contents(socket: Path) -> set[str]:
    return set(ctr(socket, "content", "ls", "-q"))


async def test_a_container_whose_image_lost_its_content_says_so_until_it_is_pulled_again(
    node: Node, containerd: PrivateContainerd, registry: Registry
) -> None:
    registry.push("lost/app")
    image = f"{registry.host}/lost/app:1"
    await node.admin.create(SECRETS, pull_secret("s", {registry.host: "me"}), namespace="default")
    secrets = {"imagePullSecrets": [{"name": "s"}]}
    before = contents(containerd.socket)
    await node.create(shell(FOREVER, image=image, imagePullPolicy="IfNotPresent"), name="before", **secrets)
    await node.running("before")
    for digest in contents(containerd.socket) - before:
        ctr(containerd.socket, "content", "rm", digest)

    await node.create(shell(FOREVER, image=image, imagePullPolicy="IfNotPresent"), name="after", **secrets)
    waiting = await node.waits("CreateContainerError", "after")
    assert waiting["message"].endswith("not found")
    await node.told("Failed", f"Error: {waiting['message']}", "after")
    await node.create(shell(FOREVER), name="other")
    await node.running("other")
    assert "running" in (await node.running("before"))["containerStatuses"][0]["state"]
    conditions = (await node.admin.get(NODES, "n1"))["status"]["conditions"]
    assert next(c["status"] for c in conditions if c["type"] == "Ready") == "True"

    await node.create(shell(FOREVER, image=image, imagePullPolicy="Always"), name="again", **secrets)
    await node.running("again")
    await node.running("after")


def test_a_node_that_lost_the_sandboxes_image_makes_it_anew(another: RealCluster, archives: dict[str, Path]) -> None:
    another.up()
    another.podbay("image", "import", str(archives["busybox"]), "--name", another.name)
    socket = Path("/run/podbay", another.name, "node-1", "containerd.sock")
    (digest,) = (word for word in ctr(socket, "images", "ls", f"name=={SANDBOX_IMAGE}") if word.startswith("sha256:"))
    ctr(socket, "content", "rm", digest)
    another.apply(pod("p", cluster_shell("c", SLEEP)))
    another.wait_ready("p")
