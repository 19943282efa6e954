"""A cluster on a containerd that was there already, with a CNI configuration of its own: `up --runtime-endpoint`.

The containerd is the test's: podbay must neither start, configure nor end it, and what is in it besides pods stays.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podbay.standalone.machine import binary
from tests.e2e.containerd import PrivateContainerd, private_containerd
from tests.e2e.harness import SLEEP, RealCluster, pod, shell, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture
def given() -> Iterator[PrivateContainerd]:
    """Run a containerd that no other test uses: `up` refuses one that has pods."""
    with private_containerd(has_default_route=True) as containerd:
        yield containerd


def endpoint(containerd: PrivateContainerd) -> str:
    return f"unix://{containerd.socket}"


def kept(containerd: PrivateContainerd, what: str) -> set[str]:
    """Return the names of what a containerd keeps: its containers, sandboxes among them, or its images."""
    command = [binary("ctr", "containerd"), "-a", str(containerd.socket), "-n", "k8s.io", what, "list", "-q"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def container(cluster: RealCluster, name: str) -> tuple[str, int]:
    """Return the id of a pod's container, and how often it was started again."""
    status: dict[str, Any] = cluster.get("pod", name)["status"]["containerStatuses"][0]
    return status["containerID"], status["restartCount"]


def told(cluster: RealCluster) -> dict[str, str]:
    """Return what `podbay status` tells, by its first column."""
    lines = cluster.podbay("status", "--name", cluster.name, check=False).out.splitlines()
    return {what: text.strip() for what, _, text in (line.partition("  ") for line in lines)}


def test_a_given_containerd_runs_the_pods_and_is_left_as_it_was(given: PrivateContainerd, another: RealCluster) -> None:
    images, pid, where = kept(given, "images"), given.pid, endpoint(given)
    another.up("--runtime-endpoint", where)
    another.apply(pod("p", shell("main", f"echo hello; {SLEEP}")))
    (shown,) = another.wait_ready("p")
    address = shown["status"]["podIP"]
    assert address.startswith("10.213."), "the address is not of the user's network"
    for cli in (another.podbay, another.kubectl):
        assert cli("logs", "p").out == "hello\n"
        assert cli("exec", "p", "--", "hostname", "-i").out.strip() == address
    another.exec("p", "sh", "-c", 'nc -w 5 "$KUBERNETES_SERVICE_HOST" "$KUBERNETES_SERVICE_PORT" < /dev/null')
    rows = told(another)
    assert where in rows["runtime"]
    assert not any(what.startswith("containerd") for what in rows)
    doctor = another.podbay("doctor").out
    assert f"ok       runtime of cluster {another.name}: {where}" in doctor

    before = container(another, "p")
    os.kill(another.pid("server.pid"), signal.SIGKILL)
    another.up()
    assert container(another, "p") == before

    another.life("down")
    assert given.pid == pid and Path(f"/proc/{pid}").exists()
    another.up("--runtime-endpoint", where)
    (again,) = another.wait_ready("p")
    assert again["metadata"]["uid"] == shown["metadata"]["uid"]
    assert container(another, "p")[1] == before[1] + 1

    another.life("destroy")
    assert kept(given, "containers") == set()
    assert kept(given, "images") == images
    assert Path(f"/proc/{pid}").exists()
    assert Path(f"/sys/class/net/{given.bridge}").exists()


def test_a_given_containerd_that_ends_is_told_of_and_taken_up_when_it_is_back(
    given: PrivateContainerd, another: RealCluster
) -> None:
    another.up("--runtime-endpoint", endpoint(given))
    another.apply(pod("p", shell("main", SLEEP)))
    another.wait_ready("p")
    before = container(another, "p")
    given.kill()
    until(lambda: "does not answer" in told(another)["runtime"], "status tells that the runtime ended")
    doctor = another.podbay("doctor", check=False)
    assert doctor.code == 1
    assert f"missing  runtime of cluster {another.name}: the runtime at {endpoint(given)} does not answer" in doctor.out
    given.start()
    until(lambda: "does not answer" not in told(another)["runtime"], "status tells that the runtime is back")
    another.apply(pod("q", shell("main", SLEEP)))
    another.wait_ready("p", "q")
    assert container(another, "p") == before


def test_an_endpoint_that_cannot_serve_is_refused_and_leaves_nothing(
    given: PrivateContainerd, another: RealCluster, tmp_path: Path
) -> None:
    nowhere = f"unix://{tmp_path}/nothing.sock"
    (tmp_path / "file").touch()
    for arguments, why in (
        ((nowhere,), f"the runtime at {nowhere} does not answer (its socket is not there)"),
        ((f"unix://{tmp_path}/file",), f"the runtime at unix://{tmp_path}/file does not answer"),
        (("/run/x.sock",), "--runtime-endpoint /run/x.sock: it must be a socket, as in unix:///"),
        (("tcp://127.0.0.1:1",), "--runtime-endpoint tcp://127.0.0.1:1: it must be a socket"),
        ((endpoint(given), "--nodes", "2"), "--nodes and --runtime-endpoint exclude each other"),
    ):
        refused = another.podbay("up", "--name", another.name, "--runtime-endpoint", *arguments, check=False)
        assert refused.code == 1
        assert why in refused.err
        assert "Traceback" not in refused.err
        assert not Path("/var/lib/podbay", another.name).exists()


def test_a_containerd_with_pods_of_somebody_else_is_refused(
    given: PrivateContainerd, another: RealCluster, tmp_path: Path
) -> None:
    where = endpoint(given)
    another.up("--runtime-endpoint", where)
    second = RealCluster(f"{another.name}-2", tmp_path)
    try:
        refused = second.podbay("up", "--name", second.name, "--runtime-endpoint", where, check=False)
        assert refused.code == 1
        assert f"cluster {another.name} runs its pods on {where}" in refused.err
    finally:
        second.podbay("destroy", "--name", second.name, check=False)
    another.apply(pod("p", shell("main", SLEEP)))
    another.wait_ready("p")
    before = container(another, "p")
    second.environment |= {f"PODBAY_{what}": str(tmp_path / what) for what in ("STATE", "RUN", "LOG")}
    refused = second.podbay("up", "--name", second.name, "--runtime-endpoint", where, check=False)
    assert f"the runtime at {where} runs pods of somebody else" in refused.err
    refused = another.podbay("up", "--name", another.name, "--runtime-endpoint", f"{where}x", check=False)
    assert f"was made with {where} as its runtime endpoint" in refused.err
    refused = another.podbay("up", "--name", another.name, "--nodes", "2", check=False)
    assert "a cluster on a given runtime has one node" in refused.err
    assert container(another, "p") == before
