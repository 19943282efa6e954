"""Who may do what: nodes, components, anybody, nobody."""

import pytest

from podbay.wire.http import PeerCertificate
from tests.unit.apiserver.support import MAPS, PODS, Api, config_map, pod

NODE = PeerCertificate("system:node:n", ("system:nodes",))
JANE = PeerCertificate("jane")
SECRETS = "/api/v1/namespaces/default/secrets"


async def test_nobody_is_unauthorized(api: Api) -> None:
    refused = await api.call("GET", PODS, status=401, peer=None)
    assert (refused["reason"], refused["message"]) == ("Unauthorized", "Unauthorized")


async def test_a_user_without_rights_is_told_so_in_full(api: Api) -> None:
    refused = await api.call("GET", PODS, status=403, peer=JANE)
    assert refused["message"] == (
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    refused = await api.call("DELETE", "/api/v1/nodes/n", status=403, peer=JANE)
    assert refused["message"] == (
        'nodes "n" is forbidden: User "jane" cannot delete resource "nodes" in API group "" at the cluster scope'
    )


@pytest.mark.parametrize("path", ["/version", "/api", "/apis", "/api/v1", "/readyz", "/openapi/v3"])
async def test_any_user_may_discover(api: Api, path: str) -> None:
    assert (await api.send("GET", path, peer=JANE)).status == 200


async def test_any_user_may_not_read_metrics(api: Api) -> None:
    refused = await api.call("GET", "/metrics", status=403, peer=JANE)
    assert refused["message"] == 'forbidden: User "jane" cannot get path "/metrics"'


async def test_a_node_reads_its_own_pods_and_what_they_name_and_nothing_else(api: Api) -> None:
    volume = [{"name": "e", "envFrom": [{"configMapRef": {"name": "named"}}], "image": "i"}]
    await api.create(PODS, pod("mine", nodeName="n", containers=volume))
    await api.create(PODS, pod("theirs", nodeName="m"))
    for name in ("named", "other"):
        await api.create(MAPS, config_map(name))
    await api.call("GET", f"{PODS}/mine", peer=NODE)
    await api.call("GET", f"{PODS}/theirs", peer=NODE, status=403)
    await api.call("GET", f"{MAPS}/named", peer=NODE)
    await api.call("GET", f"{MAPS}/other", peer=NODE, status=403)
    await api.call("GET", SECRETS, peer=NODE, status=403)
    await api.call("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn", peer=NODE)
    await api.call("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dm", peer=NODE, status=403)
    await api.call("POST", PODS, pod("new"), peer=NODE, status=403)


async def test_a_node_follows_what_its_pods_volumes_name_one_by_one(api: Api) -> None:
    volumes = [{"name": "v", "projected": {"sources": [{"secret": {"name": "named"}}]}}]
    await api.create(PODS, pod("mine", nodeName="n", volumes=volumes))
    one = f"{SECRETS}?fieldSelector=metadata.name%3D"
    assert (await api.call("GET", f"{one}named", peer=NODE))["items"] == []
    await api.call("GET", f"{one}other", peer=NODE, status=403)
    await api.call("GET", SECRETS, peer=NODE, status=403)
    await api.call("GET", f"{MAPS}?fieldSelector=metadata.name%3Dnamed", peer=NODE, status=403)
    await api.call("GET", "/api/v1/secrets?fieldSelector=metadata.name%3Dnamed", peer=NODE, status=403)
    watch = await api.send("GET", f"{one}named&watch=true&timeoutSeconds=0", peer=NODE)
    assert watch.status == 200
    watch = await api.send("GET", f"{one}other&watch=true&timeoutSeconds=0", peer=NODE)
    assert watch.status == 403


async def test_the_scheduler_binds_and_does_not_create(api: Api) -> None:
    scheduler = PeerCertificate("system:kube-scheduler")
    await api.create(PODS, pod("web"))
    binding = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n"}}
    await api.call("POST", f"{PODS}/web/binding", binding, peer=scheduler, status=201)
    await api.call("POST", PODS, pod("other"), peer=scheduler, status=403)
