"""kill -9 of any part: no container stops, no pod is doubled, and the cluster goes on."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, RealCluster, fetch, pod, shell, until


@pytest.fixture
def kept(cluster: RealCluster) -> Iterator[dict[str, str]]:
    """A pod on each node; gives the ids of their containers."""
    names = [f"kept-{index}" for index, _ in enumerate(cluster.nodes())]
    cluster.apply(
        *(
            pod(name, {"name": "kubia", "image": "wanstack/kubia"}, nodeName=node)
            for name, node in zip(names, cluster.nodes(), strict=True)
        )
    )
    cluster.wait_ready(*names)
    yield _container_ids(cluster, names)
    cluster.wait_gone(*names)


def _container_ids(cluster: RealCluster, names: list[str]) -> dict[str, str]:
    return {name: _status(cluster, name)["containerID"] for name in names}


def _status(cluster: RealCluster, name: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("pod", name)["status"]["containerStatuses"][0]
    return found


@pytest.mark.parametrize(
    "victim",
    [("server.pid",), ("node-2", "agent.pid"), ("node-1", "containerd.pid"), ("node-2", "containerd.pid")],
    ids=["server", "agent", "containerd-1", "containerd-2"],
)
def test_a_killed_part_takes_no_container_with_it(
    cluster: RealCluster, kept: dict[str, str], victim: tuple[str, ...]
) -> None:
    before = cluster.pid(*victim)
    os.kill(before, signal.SIGKILL)
    for name in kept if victim != ("server.pid",) else ():
        assert fetch(f"http://{cluster.get('pod', name)['status']['podIP']}:8080") == f"You've hit {name}\n"
    if "containerd.pid" in victim:
        until(lambda: cluster.pid(*victim) != before, "containerd is started again")
    else:
        cluster.up()
    cluster.apply(*(pod(f"new-on-{i}", shell("main", SLEEP), nodeName=n) for i, n in enumerate(cluster.nodes())))
    new = [f"new-on-{i}" for i, _ in enumerate(cluster.nodes())]
    try:
        cluster.wait_ready(*new)
        for name, container in kept.items():
            status = _status(cluster, name)
            assert (status["containerID"], status["restartCount"]) == (container, 0)
            assert fetch(f"http://{cluster.get('pod', name)['status']['podIP']}:8080") == f"You've hit {name}\n"
            assert "Kubia" in cluster.kubectl("logs", name).out
            assert cluster.exec(name, "hostname") == f"{name}\n"
    finally:
        cluster.wait_gone(*new)


def test_a_container_that_ended_while_the_server_was_away_is_started_again(cluster: RealCluster) -> None:
    first = cluster.nodes()[0]
    cluster.apply(pod("mortal", shell("main", "sleep 3; exit 3"), nodeName=first))
    try:
        cluster.wait_ready("mortal")
        os.kill(cluster.pid("server.pid"), signal.SIGKILL)
        cluster.up()
        found = until(
            lambda: (s := _status(cluster, "mortal"))["restartCount"] > 0 and s, "the container is started again"
        )
        assert found["lastState"]["terminated"]["exitCode"] == 3
    finally:
        cluster.wait_gone("mortal")
