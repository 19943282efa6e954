"""The clusters that the end-to-end tests share: made once, gone at the end."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from podbay.standalone.images.example import build_example
from tests.e2e.containerd import PrivateContainerd, private_containerd
from tests.e2e.harness import NEWEST, VERSIONS, RealCluster, kubectl_path
from tests.e2e.images import TESTER, build_tester
from tests.e2e.node import Node, one_node


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here."""
    for item in items:
        if "tests/e2e" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("images")
    found = {name: directory / f"{name}.tar" for name in ("kubia", "busybox")}
    for name, path in found.items():
        build_example(name, path)
    return found


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, archives: dict[str, Path]) -> Iterator[RealCluster]:
    """Two nodes, with the example images."""
    assert os.geteuid() == 0, "the end-to-end tests need root, because containers do: run them with sudo"
    made = RealCluster(f"e2e-{uuid.uuid4().hex[:6]}", tmp_path_factory.mktemp("cluster"))
    try:
        made.up("--nodes", "2")
        for path in archives.values():
            made.podbay("image", "import", str(path), "--name", made.name)
        yield made
    finally:
        made.life("destroy")


@pytest.fixture(scope="session")
def tester(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the name of an image that says how it was called, on every node of the shared cluster."""
    archive = tmp_path_factory.mktemp("tester") / "tester.tar"
    build_tester(archive)
    cluster.podbay("image", "import", str(archive), "--name", cluster.name)
    return TESTER


@pytest.fixture(scope="session")
def kubectl_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory in which ``kubectl`` is the newest one."""
    directory = tmp_path_factory.mktemp("bin")
    (directory / "kubectl").symlink_to(kubectl_path(NEWEST))
    return directory


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    """Give the version of every kubectl that people have, one after the other."""
    return str(request.param)


@pytest.fixture
def another(tmp_path: Path) -> Iterator[RealCluster]:
    """Give a name for a cluster of the test's own; whatever the test made is destroyed."""
    made = RealCluster(f"own-{uuid.uuid4().hex[:6]}", tmp_path)
    try:
        yield made
    finally:
        made.podbay("destroy", "--name", made.name, check=False)


@pytest.fixture(scope="module")
def containerd() -> Iterator[PrivateContainerd]:
    """Run a containerd for the tests of a module."""
    with private_containerd() as containerd:
        yield containerd


@pytest.fixture
async def node(containerd: PrivateContainerd) -> AsyncIterator[Node]:
    """Run a kubelet and an API server for one test."""
    async with one_node(containerd) as node:
        yield node
