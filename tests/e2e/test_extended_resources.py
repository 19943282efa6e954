"""Resources that somebody else hands out: said by kubectl, counted by the scheduler and at the node's door."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.harness import SLEEP, Pod, RealCluster, pod, shell, until
from tests.e2e.watching import condition

RESOURCE = "example.com/foo"


def say(cluster: RealCluster, node: str, amount: str | None) -> None:
    found = {"status": {"capacity": {RESOURCE: amount}}}
    cluster.kubectl("patch", "node", node, "--subresource=status", "-p", json.dumps(found))

    def follows() -> bool:
        status = cluster.get("node", node)["status"]
        return bool(status["capacity"].get(RESOURCE) == status["allocatable"].get(RESOURCE) == amount)

    until(follows, f"{amount} in capacity and allocatable of {node}")


@pytest.fixture
def node(cluster: RealCluster) -> Iterator[str]:
    """A node that has three."""
    chosen = cluster.nodes()[0]
    say(cluster, chosen, "3")
    yield chosen
    say(cluster, chosen, None)


def asking(name: str, amount: int, **spec: Any) -> Pod:
    resources = {"limits": {RESOURCE: str(amount)}}
    return pod(name, shell("main", SLEEP, resources=resources), **spec)


def test_pods_get_an_extended_resource_until_there_is_none_left(cluster: RealCluster, node: str) -> None:
    cluster.apply(asking("foo-two", 2))
    (placed,) = cluster.wait_ready("foo-two")
    assert placed["spec"]["nodeName"] == node
    cluster.apply(asking("foo-waits", 2), asking("foo-refused", 2, nodeName=node))
    why = until(lambda: condition(cluster.get("pod", "foo-waits"), "PodScheduled").get("message"), "it is told to wait")
    assert f"Insufficient {RESOURCE}" in why
    refused = until(lambda: cluster.get("pod", "foo-refused")["status"].get("reason"), "the node refuses it")
    assert refused == f"OutOf{RESOURCE}"
    cluster.wait_gone("foo-two", "foo-refused")
    cluster.wait_ready("foo-waits")
    told = cluster.kubectl("describe", "node", node).out
    assert [line.split() for line in told.splitlines() if RESOURCE in line] == [
        [f"{RESOURCE}:", "3"], [f"{RESOURCE}:", "3"], [RESOURCE, "2", "2"],
    ]  # fmt: skip
    cluster.wait_gone("foo-waits")
