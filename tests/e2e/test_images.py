"""The images of a cluster: imported once, on every node at every pull policy, offline, until they are removed."""

import functools
import gzip
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

_NAME = "example.com/tools/box"


def saved(archive: Path, target: Path, *names: str) -> Path:
    """Write the image of an OCI archive as ``docker save`` writes one, under other names."""

    def blob(digest: str) -> str:
        return "blobs/sha256/" + digest.removeprefix("sha256:")

    with tarfile.open(archive) as old, tarfile.open(target, "w") as new:

        def read(name: str) -> bytes:
            file = old.extractfile(name)
            assert file is not None
            return file.read()

        def write(name: str, data: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))

        index = json.loads(read("index.json"))
        manifest = json.loads(read(blob(index["manifests"][0]["digest"])))
        files = [blob(part["digest"]) for part in (manifest["config"], *manifest["layers"])]
        for name in files:
            write(name, read(name))
        write("manifest.json", json.dumps([{"Config": files[0], "RepoTags": names, "Layers": files[1:]}]).encode())
    return target


@pytest.fixture
def box(cluster: RealCluster, archives: dict[str, Path], tmp_path: Path) -> Iterator[Path]:
    """Give an archive with two tags; whatever of it was imported is removed."""
    yield saved(archives["busybox"], tmp_path / "box.tar", f"{_NAME}:1", f"{_NAME}:2")
    for tag in ("1", "2"):
        cluster.podbay("image", "remove", f"{_NAME}:{tag}", "--name", cluster.name, check=False)


def listed(cluster: RealCluster) -> list[list[str]]:
    lines = cluster.podbay("image", "list", "--name", cluster.name).out.splitlines()
    return [line.split() for line in lines if line.startswith(_NAME)]


def lacks_image(cluster: RealCluster, name: str) -> bool:
    """Tell whether a pod waits because its node has no image for it and may not pull."""
    statuses = cluster.get("pod", name)["status"].get("containerStatuses") or [{}]
    return bool(statuses[0].get("state", {}).get("waiting", {}).get("reason") == "ErrImageNeverPull")


def test_an_imported_image_runs_on_every_node_whatever_the_policy(cluster: RealCluster, box: Path) -> None:
    told = cluster.podbay("image", "import", str(box), "--name", cluster.name).out
    assert told == f"imported {_NAME}:1\nimported {_NAME}:2\n"
    assert [row[:2] for row in listed(cluster)] == [[_NAME, "1"], [_NAME, "2"]]
    wanted = []
    for number, node in enumerate(cluster.nodes()):
        for policy in ("Always", "IfNotPresent", "Never"):
            container = shell("c", SLEEP, image=f"{_NAME}:1", imagePullPolicy=policy)
            wanted.append(pod(f"box-{number}-{policy.lower()}", container, nodeName=node))
    names = [made["metadata"]["name"] for made in wanted]
    cluster.apply(*wanted)
    try:
        cluster.wait_ready(*names)
    finally:
        cluster.wait_gone(*names)


def test_an_archive_comes_from_standard_input_too_and_may_be_zipped(
    cluster: RealCluster, box: Path, tmp_path: Path
) -> None:
    zipped = tmp_path / "box.tar.gz"
    zipped.write_bytes(gzip.compress(box.read_bytes(), 1))
    with zipped.open("rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-m", "podbay", "image", "import", "-", "--name", cluster.name],
            env=cluster.environment, stdin=stdin, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"imported {_NAME}:1\n" in done.stdout


def test_a_removed_image_is_gone_from_the_registry_and_from_every_node(cluster: RealCluster, box: Path) -> None:
    cluster.podbay("image", "import", str(box), "--name", cluster.name)
    for tag in ("1", "2"):
        cluster.podbay("image", "remove", f"{_NAME}:{tag}", "--name", cluster.name)
    assert listed(cluster) == []
    names = []
    for number, node in enumerate(cluster.nodes()):
        names.append(f"gone-{number}")
        never = shell("c", SLEEP, image=f"{_NAME}:1", imagePullPolicy="Never")
        cluster.apply(pod(names[-1], never, nodeName=node))
    try:
        for name in names:
            until(functools.partial(lacks_image, cluster, name), f"{name} has no image")
    finally:
        cluster.wait_gone(*names)


def test_of_two_tags_the_other_stays(cluster: RealCluster, box: Path) -> None:
    cluster.podbay("image", "import", str(box), "--name", cluster.name)
    cluster.podbay("image", "remove", f"{_NAME}:1", "--name", cluster.name)
    assert [row[:2] for row in listed(cluster)] == [[_NAME, "2"]]
    cluster.apply(pod("other", shell("c", SLEEP, image=f"{_NAME}:2", imagePullPolicy="Never")))
    try:
        cluster.wait_ready("other")
    finally:
        cluster.wait_gone("other")


def test_an_image_that_is_not_there_cannot_be_removed(cluster: RealCluster) -> None:
    refused = cluster.podbay("image", "remove", f"{_NAME}:none", "--name", cluster.name, check=False)
    assert refused.code == 1
    assert refused.err.startswith("error: ")
