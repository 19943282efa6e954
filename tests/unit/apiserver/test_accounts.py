"""Whose name a new pod acts in, and which token it is given."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.server import ApiServer
from podbay.wire import json
from podbay.wire.http import PeerCertificate
from tests.unit.apiserver.support import PODS, Api, pod

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
PLACE = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """A server that publishes a certificate, and so gives pods tokens."""
    made = Api()
    made.server = ApiServer(made.store, made.clock, ApiServerConfig(root_ca="certificate"))
    await made.server.start()
    yield made
    await made.close()


async def spec_of(api: Api, made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = (await api.create(PODS, made))["spec"]
    return found


async def test_a_pod_is_given_its_token_the_ca_and_its_namespace(api: Api) -> None:
    containers = [{"name": "a", "image": "i"}, {"name": "b", "image": "i", "volumeMounts": [mount("mine", PLACE)]}]
    first = {"name": "first", "image": "i"}
    volumes = [{"name": "mine", "emptyDir": {}}]
    spec = await spec_of(api, pod("web", containers=containers, initContainers=[first], volumes=volumes))
    volume = spec["volumes"][1]
    assert volume["name"].startswith("kube-api-access-")
    assert len(volume["name"]) == len("kube-api-access-xxxxx")
    assert volume["projected"] == {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {
                "downwardAPI": {
                    "items": [
                        {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
                    ]
                }
            },
        ],
        "defaultMode": 420,
    }
    given = {"name": volume["name"], "readOnly": True, "mountPath": PLACE}
    assert spec["initContainers"][0]["volumeMounts"] == [given]
    assert [container["volumeMounts"] for container in spec["containers"]] == [[given], [mount("mine", PLACE)]]


def mount(name: str, path: str) -> dict[str, str]:
    return {"name": name, "mountPath": path}


async def test_a_volume_that_is_there_already_is_taken(api: Api) -> None:
    volumes = [{"name": "kube-api-access-mine", "emptyDir": {}}]
    spec = await spec_of(api, pod("web", volumes=volumes))
    assert [volume["name"] for volume in spec["volumes"]] == ["kube-api-access-mine"]
    assert spec["containers"][0]["volumeMounts"][0]["name"] == "kube-api-access-mine"


@pytest.mark.parametrize(
    ("of_pod", "of_account", "has"),
    [(None, None, True), (False, None, False), (None, False, False), (True, False, True), (False, True, False)],
)
async def test_the_pod_and_then_its_account_decide(
    api: Api, of_pod: bool | None, of_account: bool | None, has: bool
) -> None:
    account = {"metadata": {"name": "robot"}}
    if of_account is not None:
        account["automountServiceAccountToken"] = of_account  # type: ignore[assignment]
    await api.create(ACCOUNTS, account)
    made = pod("web", serviceAccountName="robot")
    if of_pod is not None:
        made["spec"]["automountServiceAccountToken"] = of_pod
    spec = await spec_of(api, made)
    assert bool(spec.get("volumes")) is has
    assert bool(spec["containers"][0].get("volumeMounts")) is has


async def test_a_mirror_pod_has_no_account_and_no_token(api: Api) -> None:
    node = PeerCertificate("system:node:n", ("system:nodes",))
    made = await api.create("/api/v1/nodes", {"metadata": {"name": "n"}})
    mirror = pod("static-n", nodeName="n")
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": made["metadata"]["uid"], "controller": True}
    mirror["metadata"]["ownerReferences"] = [owner]
    spec = (await api.call("POST", PODS, mirror, peer=node, status=201))["spec"]
    assert "serviceAccountName" not in spec
    assert not spec.get("volumes")
    mirror["spec"]["serviceAccountName"] = "default"
    refused = await api.call("POST", PODS, mirror, status=403)
    assert refused["message"].endswith("a mirror pod may not reference service accounts")
    del mirror["spec"]["serviceAccountName"]
    token = {"serviceAccountToken": {"path": "t"}}
    mirror["spec"]["volumes"] = [{"name": "v", "projected": {"sources": [token]}}]
    refused = await api.call("POST", PODS, mirror, status=403)
    assert refused["message"].endswith("a mirror pod may not use ServiceAccountToken volume projections")


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]},
        {"imagePullSecrets": [{"name": "s"}]},
        {"containers": [{"name": "c", "image": "i", "envFrom": [{"secretRef": {"name": "s"}}]}]},
    ],
)
async def test_a_mirror_pod_names_no_secret(api: Api, spec: dict[str, Any]) -> None:
    mirror = pod("static-n", nodeName="n", **spec)
    mirror["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    refused = await api.call("POST", PODS, mirror, status=403)
    assert refused["message"] == 'pods "static-n" is forbidden: a mirror pod may not reference secrets'


async def test_a_volume_without_a_name_is_refused_as_such(api: Api) -> None:
    refused = await api.call("POST", PODS, pod("web", volumes=[{"emptyDir": {}}]), status=422)
    assert refused["message"] == 'Pod "web" is invalid: spec.volumes[0].name: Required value'


async def test_without_a_certificate_there_is_no_token(api: Api) -> None:
    plain = Api()
    await plain.server.start()
    assert not (await spec_of(plain, pod("web"))).get("volumes")
    await plain.close()


async def test_a_pod_waits_a_second_for_an_account_that_comes_back(api: Api) -> None:
    await api.call("DELETE", f"{ACCOUNTS}/default")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(api.send("POST", PODS, pod("web")))
        await api.clock.advance(0.5)
        assert not waiting.done()
        await api.create(ACCOUNTS, {"metadata": {"name": "default"}})
        await api.clock.advance(0.1)
    assert waiting.result().status == 201
    await api.call("DELETE", f"{ACCOUNTS}/default")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(api.send("POST", PODS, pod("other")))
        await api.clock.advance(1)
    refused = json.decode(waiting.result().body)
    assert refused["message"] == (
        'pods "other" is forbidden: error looking up service account default/default: serviceaccount "default" not'
        " found"
    )
