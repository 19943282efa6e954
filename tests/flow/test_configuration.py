"""What a container is made from: environment, command, config maps, secrets; what a pod says when one is missing."""

from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, PODS, SECRETS
from tests.flow.cluster import Cluster, pod


async def make_config(cluster: Cluster, name: str, data: dict[str, str], *, secret: bool = False) -> None:
    field = "stringData" if secret else "data"
    body = {"apiVersion": "v1", "kind": "Secret" if secret else "ConfigMap", "metadata": {"name": name}, field: data}
    await cluster.rest.create(SECRETS if secret else CONFIG_MAPS, body, namespace="default")


async def environment(cluster: Cluster, container: dict[str, Any], **spec: Any) -> dict[str, str]:
    """Return the environment of a container that was started."""
    await cluster.create(pod("p", container=container, **spec))
    (config,) = cluster.runtimes["node-1"].configs.values()
    return dict(config.envs)


def value_from(**source: Any) -> list[dict[str, Any]]:
    return [{"name": "A", "valueFrom": source}]


async def test_references_are_replaced_where_upstream_does(cluster: Cluster) -> None:
    env = [
        {"name": "A", "value": "a"},
        {"name": "B", "value": "$(A)-$(LATER)-$(ABSENT)-$$(A)-$A-$("},
        {"name": "LATER", "value": "$(B)"},
        {"name": "A", "value": "$(A)$(A)"},
    ]
    container = {"env": env, "command": ["echo", "$(A)", "$$(A)"], "args": ["$(LATER)", "$(ABSENT)"]}
    found = await environment(cluster, container, restartPolicy="Never")
    b = "a-$(LATER)-$(ABSENT)-$(A)-$A-$("
    assert found == {"A": "aa", "B": b, "LATER": b}
    (config,) = cluster.runtimes["node-1"].configs.values()
    assert list(config.command) == ["echo", "aa", "$(A)"]
    assert list(config.args) == [b, "$(ABSENT)"]


async def test_env_from_takes_every_key_with_its_prefix_and_env_wins(cluster: Cluster) -> None:
    await make_config(cluster, "c", {"ONE": "1", "two.parts": "2", "3rd-key": "3", "BOTH": "config"})
    await make_config(cluster, "s", {"BOTH": "secret", "WORD": "sesame"}, secret=True)
    container = {
        "envFrom": [
            {"configMapRef": {"name": "c"}},
            {"prefix": "S_", "secretRef": {"name": "s"}},
            {"secretRef": {"name": "s"}},
            {"configMapRef": {"name": "absent", "optional": True}},
            {"secretRef": {"name": "absent", "optional": True}},
        ],
        "env": [{"name": "WORD", "value": "open $(S_WORD)"}],
    }
    assert await environment(cluster, container) == {
        "ONE": "1",
        "two.parts": "2",
        "3rd-key": "3",
        "BOTH": "secret",
        "S_BOTH": "secret",
        "S_WORD": "sesame",
        "WORD": "open sesame",
    }
    # Since 1.30 every printable name is a name: nothing is left out, and nothing is told.
    assert "InvalidEnvironmentVariableNames" not in [reason for reason, _, _ in await cluster.events_of("p")]


async def test_the_pods_own_fields_can_be_had(cluster: Cluster) -> None:
    paths = {
        "NAME": "metadata.name",
        "NAMESPACE": "metadata.namespace",
        "UID": "metadata.uid",
        "LABEL": "metadata.labels['tier']",
        "NO_LABEL": "metadata.labels['absent']",
        "ANNOTATION": "metadata.annotations['example.org/note']",
        "NODE": "spec.nodeName",
        "ACCOUNT": "spec.serviceAccountName",
        "POD_IP": "status.podIP",
        "POD_IPS": "status.podIPs",
        "HOST_IP": "status.hostIP",
        "HOST_IPS": "status.hostIPs",
    }
    env = [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()]
    obj = pod("p", container={"env": env}, labels={"tier": "web"})
    obj["metadata"]["annotations"] = {"example.org/note": "kept"}
    await cluster.create(obj)
    made = await cluster.pod("p")
    (config,) = cluster.runtimes["node-1"].configs.values()
    assert dict(config.envs) == {
        "NAME": "p",
        "NAMESPACE": "default",
        "UID": made["metadata"]["uid"],
        "LABEL": "web",
        "NO_LABEL": "",
        "ANNOTATION": "kept",
        "NODE": "node-1",
        "ACCOUNT": "default",
        "POD_IP": made["status"]["podIP"],
        "POD_IPS": made["status"]["podIP"],
        "HOST_IP": "192.168.0.1",
        "HOST_IPS": "192.168.0.1",
    }


async def test_a_container_knows_its_resources_in_the_unit_that_it_asks_for(cluster: Cluster) -> None:
    asked = {
        "REQUEST": {"resource": "requests.cpu"},
        "MILLI": {"resource": "requests.cpu", "divisor": "1m"},
        "LIMIT": {"resource": "limits.memory", "divisor": "1Mi"},
        "BYTES": {"resource": "limits.memory"},
        "NO_LIMIT": {"resource": "limits.cpu"},
        "OTHER": {"resource": "requests.memory", "containerName": "other", "divisor": "1Ki"},
    }
    env = [{"name": name, "valueFrom": {"resourceFieldRef": reference}} for name, reference in asked.items()]
    resources = {"requests": {"cpu": "1500m"}, "limits": {"memory": "100500Ki"}}
    both = pod("p", container={"env": env, "resources": resources})
    both["spec"]["containers"].append({
        "name": "other", "image": "i:1", "resources": {"requests": {"memory": "1Gi"}},
    })  # fmt: skip
    await cluster.create(both)
    main = next(c for c in cluster.runtimes["node-1"].configs.values() if c.name == "main")
    assert dict(main.envs) == {
        "REQUEST": "2",
        "MILLI": "1500",
        "LIMIT": "99",
        "BYTES": str(100500 * 1024),
        "NO_LIMIT": "4",  # what the node has
        "OTHER": str(1 << 20),
    }


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"env": value_from(configMapKeyRef={"name": "c", "key": "k"})}, 'configmap "c" not found'),
        ({"env": value_from(secretKeyRef={"name": "s", "key": "k"})}, 'secret "s" not found'),
        ({"envFrom": [{"configMapRef": {"name": "c"}}]}, 'configmap "c" not found'),
        ({"envFrom": [{"secretRef": {"name": "s"}}]}, 'secret "s" not found'),
        (
            {"env": value_from(configMapKeyRef={"name": "there", "key": "k"})},
            "couldn't find key k in ConfigMap default/there",
        ),
        (
            {"env": value_from(secretKeyRef={"name": "there", "key": "k"})},
            "couldn't find key k in Secret default/there",
        ),
    ],
)
async def test_what_is_missing_is_told_and_waited_for(
    cluster: Cluster, container: dict[str, Any], message: str
) -> None:
    await make_config(cluster, "there", {"x": "y"})
    await make_config(cluster, "there", {"x": "y"}, secret=True)
    await cluster.create(pod("p", container=container))
    status = (await cluster.pod("p"))["status"]
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"]["waiting"] == {
        "reason": "CreateContainerConfigError",
        "message": message,
    }
    assert ("Failed", f"Error: {message}", 1) in await cluster.events_of("p")

    for name in ("c", "s"):
        await make_config(cluster, name, {"k": "v"}, secret=name == "s")
    for resource in (CONFIG_MAPS, SECRETS):
        await cluster.rest.patch(resource, "there", {"data": {"k": "dg=="}}, namespace="default")
    await cluster.until_running("p", within_s=20)


async def test_what_is_optional_may_be_missing(cluster: Cluster) -> None:
    await make_config(cluster, "there", {"x": "y"})
    env = [
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "absent", "key": "k", "optional": True}}},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "there", "key": "k", "optional": True}}},
        {"name": "C", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "k", "optional": True}}},
        {"name": "D", "value": "$(A)"},
    ]
    assert await environment(cluster, {"env": env}) == {"D": "$(A)"}


async def test_a_restarted_container_sees_the_configuration_as_it_is_then(cluster: Cluster) -> None:
    await make_config(cluster, "c", {"k": "old"})
    env = value_from(configMapKeyRef={"name": "c", "key": "k"})
    assert await environment(cluster, {"env": env}) == {"A": "old"}
    await cluster.rest.patch(CONFIG_MAPS, "c", {"data": {"k": "new"}}, namespace="default")
    runtime = cluster.runtimes["node-1"]
    (first,) = await runtime.containers()
    runtime.end_container(first.id, 1)
    await cluster.settle()
    assert [dict(config.envs) for config in runtime.configs.values()] == [{"A": "old"}, {"A": "new"}]


@pytest.mark.parametrize(
    ("spec", "hostname", "pod_ip"),
    [
        ({}, "p", "10.244.0.2"),
        ({"hostname": "mine"}, "mine", "10.244.0.2"),
        ({"hostNetwork": True}, "", "192.168.0.1"),
        ({"hostNetwork": True, "hostname": "mine"}, "", "192.168.0.1"),
    ],
)
async def test_a_pods_name_and_address(cluster: Cluster, spec: dict[str, Any], hostname: str, pod_ip: str) -> None:
    env = value_from(fieldRef={"fieldPath": "status.podIP"})
    assert await environment(cluster, {"env": env}, **spec) == {"A": pod_ip}
    (sandbox,) = cluster.runtimes["node-1"].sandbox_configs.values()
    assert (sandbox.hostname, sandbox.host_network) == (hostname, bool(spec.get("hostNetwork")))
    status = (await cluster.pod("p"))["status"]
    assert (status["podIP"], status["podIPs"], status["hostIP"]) == (pod_ip, [{"ip": pod_ip}], "192.168.0.1")


async def test_a_name_longer_than_a_host_name_is_cut(cluster: Cluster) -> None:
    name = "a" * 61 + "--b" + "tail" * 5
    await cluster.create(pod(name))
    (sandbox,) = cluster.runtimes["node-1"].sandbox_configs.values()
    assert sandbox.hostname == name[:63].rstrip("-.")


async def test_containers_are_started_in_order_each_after_the_other(cluster: Cluster) -> None:
    many = pod("p")
    many["spec"]["containers"] += [{"name": name, "image": "i:1"} for name in ("zeta", "alpha", "mid")]
    await cluster.create(many)
    assert [c.name for c in cluster.runtimes["node-1"].configs.values()] == ["main", "zeta", "alpha", "mid"]
    started = [m for r, m, _ in await cluster.events_of("p") if r == "Started"]
    assert started == [f"Started container {name}" for name in ("main", "zeta", "alpha", "mid")]
    statuses = (await cluster.pod("p"))["status"]["containerStatuses"]
    assert [s["name"] for s in statuses] == ["alpha", "main", "mid", "zeta"]


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
async def test_a_pods_quality_of_service(cluster: Cluster, resources: dict[str, Any], quality: str) -> None:
    await cluster.create(pod("p", container={"resources": resources}))
    assert (await cluster.pod("p"))["status"]["qosClass"] == quality
    assert await cluster.exists(PODS, "p", "default")
