"""What a node may say about itself and its pods."""

from typing import Any

import pytest

from podbay.wire.http import PeerCertificate
from tests.unit.apiserver.support import PODS, Api, pod

NODE = PeerCertificate("system:node:n", ("system:nodes",))
MERGE = "application/merge-patch+json"


async def test_a_node_registers_itself_and_no_other(api: Api) -> None:
    await api.call("POST", "/api/v1/nodes", {"metadata": {"name": "n"}}, peer=NODE, status=201)
    refused = await api.call("POST", "/api/v1/nodes", {"metadata": {"name": "m"}}, peer=NODE, status=403)
    assert refused["message"] == 'nodes "m" is forbidden: node "n" is not allowed to modify node "m"'


@pytest.mark.parametrize("label", ["node-restriction.kubernetes.io/x", "a.k8s.io/x", "node-role.kubernetes.io/worker"])
async def test_a_node_does_not_steer_pods_to_itself_by_labels(api: Api, label: str) -> None:
    node = {"metadata": {"name": "n", "labels": {label: "", "own.example.com/x": "", "kubernetes.io/hostname": "n"}}}
    refused = await api.call("POST", "/api/v1/nodes", node, peer=NODE, status=403)
    assert refused["message"].endswith(f'node "n" is not allowed to set the following labels: {label}')
    del node["metadata"]["labels"][label]  # type: ignore[attr-defined]
    await api.call("POST", "/api/v1/nodes", node, peer=NODE, status=201)
    change = {"metadata": {"labels": {label: "y"}}}
    for path in ("/api/v1/nodes/n", "/api/v1/nodes/n/status"):
        refused = await api.call("PATCH", path, change, peer=NODE, media=MERGE, status=403)
        assert refused["message"].endswith(f"is not allowed to modify labels: {label}")


async def test_a_node_keeps_its_taints(api: Api) -> None:
    node = {"metadata": {"name": "n"}, "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}
    await api.call("POST", "/api/v1/nodes", node, peer=NODE, status=201)
    refused = await api.call("PATCH", "/api/v1/nodes/n", {"spec": {"taints": []}}, peer=NODE, media=MERGE, status=403)
    assert refused["message"].endswith('node "n" is not allowed to modify taints')


async def test_a_node_does_not_label_a_pod_through_its_status(api: Api) -> None:
    await api.create(PODS, pod("a", nodeName="n"))
    labels = {"metadata": {"labels": {"x": "y"}}}
    refused = await api.call("PATCH", f"{PODS}/a/status", labels, peer=NODE, media=MERGE, status=403)
    assert refused["message"] == 'pods "a" is forbidden: node "n" cannot update labels through pod status'
    await api.call("PATCH", f"{PODS}/a/status", {"status": {"message": "m"}}, peer=NODE, media=MERGE)


def mirror(**changes: Any) -> dict[str, Any]:
    made = pod("static", nodeName="n")
    made["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u", "controller": True}
    made["metadata"]["ownerReferences"] = [owner | changes]
    return made


async def test_a_node_makes_mirror_pods_of_its_own_only(api: Api) -> None:
    refused = await api.call("POST", PODS, pod("a", nodeName="n"), peer=NODE, status=403)
    assert "can only create mirror pods" in refused["message"]
    for changes in ({"name": "m"}, {"controller": False}, {"blockOwnerDeletion": True}):
        await api.call("POST", PODS, mirror(**changes), peer=NODE, status=403)
    elsewhere = mirror()
    elsewhere["spec"]["nodeName"] = "m"
    await api.call("POST", PODS, elsewhere, peer=NODE, status=403)
    secretive = mirror()
    secretive["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "s"}}]
    await api.call("POST", PODS, secretive, peer=NODE, status=403)
    claiming = mirror()
    claiming["spec"]["volumes"] = [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]
    refused = await api.call("POST", PODS, claiming, peer=NODE, status=403)
    assert refused["message"].endswith('node "n" can not create pods that reference persistentvolumeclaims')
    await api.call("POST", PODS, mirror(), peer=NODE, status=201)
