"""The audit log of a cluster: every part's requests, each under its own name."""

from pathlib import Path
from typing import Any

from podbay.api.resources import PODS
from podbay.wire import json
from tests.flow.cluster import pod, running_cluster

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [create, patch, update, delete]
  resources: [{resources: [pods, pods/binding, pods/status]}]
"""


def told(event: dict[str, Any]) -> tuple[str, str, str]:
    """Return who did what to which resource."""
    about = event["objectRef"]
    resource = "/".join(part for part in (about["resource"], about.get("subresource")) if part)
    return event["user"]["username"], event["verb"], resource


async def test_the_log_tells_a_pods_life_by_who_did_what(tmp_path: Path) -> None:
    async with running_cluster(tmp_path, POLICY) as cluster:
        await cluster.add_node("node-1")
        await cluster.create(pod("web"))
        assert await cluster.phase("web") == "Running"
        await cluster.rest.delete(PODS, "web", namespace="default")

        async def gone() -> bool:
            return not await cluster.exists(PODS, "web", "default")

        await cluster.until(gone)
        await cluster.audit_log.written()
        events = [json.decode(line) for line in (tmp_path / "audit.log").read_bytes().splitlines()]
    assert {event["objectRef"]["name"] for event in events} == {"web"}
    assert {event["stage"] for event in events} == {"ResponseComplete"}
    assert list(dict.fromkeys(map(told, events))) == [
        ("admin", "create", "pods"),
        ("system:kube-scheduler", "create", "pods/binding"),
        ("system:node:node-1", "patch", "pods/status"),
        ("admin", "delete", "pods"),
        ("system:node:node-1", "delete", "pods"),
    ]
    assert {event["annotations"]["authorization.k8s.io/decision"] for event in events} == {"allow"}
