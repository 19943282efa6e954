"""What containers are told by their environment, their hosts file and their resolver, in real containers.

A name in a docstring is upstream's; below it is every assertion of upstream's test and where it is made here.
"""

from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, PODS, SECRETS
from tests.e2e.node import FOREVER, Node, shell

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
DATA = {"data_1": "value-1", "data_2": "value-2", "data_3": "value-3"}


async def make(node: Node, kind: str) -> None:
    resource = CONFIG_MAPS if kind == "configMap" else SECRETS
    values = {"data": DATA} if kind == "configMap" else {"stringData": DATA}
    body = {"apiVersion": "v1", "kind": resource.kind, "metadata": {"name": "o"}, **values}
    await node.admin.create(resource, body, namespace="default")


@pytest.mark.parametrize("kind", ("configMap", "secret"))
async def test_a_key_can_be_a_variable(node: Node, kind: str) -> None:
    """[sig-node] ConfigMap should be consumable via environment variable [NodeConformance]
    [sig-node] Secrets should be consumable from pods in env vars [NodeConformance]

    Compared with test/e2e/common/node/configmap.go
    Compared with test/e2e/common/node/secrets.go
    - the environment has the variable with the key's value: the only assertion
    """
    await make(node, kind)
    env = [{"name": "DATA_1", "valueFrom": {f"{kind}KeyRef": {"name": "o", "key": "data_1"}}}]
    assert "DATA_1=value-1" in await node.output("env", container={"env": env})


@pytest.mark.parametrize("kind", ("configMap", "secret"))
async def test_all_keys_can_be_variables(node: Node, kind: str) -> None:
    """[sig-node] ConfigMap should be consumable via the environment [NodeConformance]
    [sig-node] Secrets should be consumable via the environment [NodeConformance]

    Compared with test/e2e/common/node/configmap.go
    Compared with test/e2e/common/node/secrets.go
    - the environment has every key with its value: the first assertion
    - and again with the prefix: the second
    """
    await make(node, kind)
    source = {f"{kind}Ref": {"name": "o"}}
    lines = await node.output("env", container={"envFrom": [source, {**source, "prefix": "p_"}]})
    assert {f"{key}={value}" for key, value in DATA.items()} <= set(lines)
    assert {f"p_{key}={value}" for key, value in DATA.items()} <= set(lines)


def fields(**paths: str) -> list[Object]:
    return [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in paths.items()]


def resources(**names: str) -> list[Object]:
    return [{"name": name, "valueFrom": {"resourceFieldRef": {"resource": path}}} for name, path in names.items()]


async def test_a_pod_is_told_its_name_namespace_address_host_and_uid(node: Node) -> None:
    """[sig-node] Downward API should provide pod name, namespace and IP address as env vars [NodeConformance]
    [sig-node] Downward API should provide host IP as an env var [NodeConformance]
    [sig-node] Downward API should provide pod UID as env vars [NodeConformance]

    Compared with test/e2e/common/node/downwardapi.go
    - POD_NAME is the pod's name and POD_NAMESPACE its namespace: the first assertion
    - POD_IP is an address: the second, with the address that the status has
    - HOST_IP is an address: the third, with the node's
    - POD_UID is a uid: the fourth, with the pod's own
    """
    env = fields(
        POD_NAME="metadata.name",
        POD_NAMESPACE="metadata.namespace",
        POD_IP="status.podIP",
        HOST_IP="status.hostIP",
        POD_UID="metadata.uid",
    )
    await node.create(shell(f"env; {FOREVER}", env=env))
    status = await node.running()
    uid = (await node.admin.get(PODS, "p", namespace="default"))["metadata"]["uid"]
    lines = set(await node.log())
    assert {"POD_NAME=p", "POD_NAMESPACE=default"} <= lines
    assert f"POD_IP={status['podIP']}" in lines
    assert f"HOST_IP={status['hostIP']}" in lines
    assert f"POD_UID={uid}" in lines
    await node.delete()


async def test_a_container_is_told_what_it_asked_for(node: Node) -> None:
    """[sig-node] Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars
    [NodeConformance]

    Compared with test/e2e/common/node/downwardapi.go
    - CPU_LIMIT=2, MEMORY_LIMIT=67108864, CPU_REQUEST=1, MEMORY_REQUEST=33554432: the only assertion
    """
    env = resources(
        CPU_LIMIT="limits.cpu",
        MEMORY_LIMIT="limits.memory",
        CPU_REQUEST="requests.cpu",
        MEMORY_REQUEST="requests.memory",
    )
    asked = {"limits": {"cpu": "1250m", "memory": "64Mi"}, "requests": {"cpu": "250m", "memory": "32Mi"}}
    lines = await node.output("env", container={"env": env, "resources": asked})
    wanted = {"CPU_LIMIT=2", "MEMORY_LIMIT=67108864", "CPU_REQUEST=1", "MEMORY_REQUEST=33554432"}
    assert wanted <= set(lines)


async def test_a_container_without_limits_is_told_what_the_node_has(node: Node) -> None:
    """[sig-node] Downward API should provide default limits.cpu/memory from node allocatable [NodeConformance]

    Compared with test/e2e/common/node/downwardapi.go
    - CPU_LIMIT and MEMORY_LIMIT are numbers that are not zero: the only assertion, with the node's numbers
    """
    env = resources(CPU_LIMIT="limits.cpu", MEMORY_LIMIT="limits.memory")
    has = node.kubelet.heartbeat.allocatable
    memory = int(has["memory"].removesuffix("Ki")) * 1024
    assert {f"CPU_LIMIT={has['cpu']}", f"MEMORY_LIMIT={memory}"} <= set(
        await node.output("env", container={"env": env})
    )


async def test_variables_can_be_made_of_others(node: Node) -> None:
    """[sig-node] Variable Expansion should allow composing env vars into new env vars [NodeConformance]
    [sig-node] Variable Expansion should allow substituting values in a container's command [NodeConformance]
    [sig-node] Variable Expansion should allow substituting values in a container's args [NodeConformance]

    Compared with test/e2e/common/node/expansion.go
    - FOOBAR=foo-value;;bar-value is in the environment: the first assertion
    - a command with $(TEST_VAR) prints its value: the second
    - so do arguments: the third
    """
    env = [
        {"name": "FOO", "value": "foo-value"},
        {"name": "BAR", "value": "bar-value"},
        {"name": "FOOBAR", "value": "$(FOO);;$(BAR)"},
    ]
    lines = await node.output("env", container={"env": env})
    assert {"FOO=foo-value", "BAR=bar-value", "FOOBAR=foo-value;;bar-value"} <= set(lines)
    env = [{"name": "TEST_VAR", "value": "test-value"}]
    command = {"env": env, "command": ["sh", "-c", 'TEST_VAR=wrong echo "$(TEST_VAR)"']}
    assert await node.output("", container=command) == ["test-value"]
    arguments = {"env": env, "command": ["sh", "-c"], "args": ['TEST_VAR=wrong echo "$(TEST_VAR)"']}
    assert await node.output("", container=arguments) == ["test-value"]


async def test_a_pod_can_have_a_resolver_of_its_own(node: Node) -> None:
    """[sig-network] DNS should support configurable pod DNS nameservers

    Compared with test/e2e/network/dns.go
    - the pod runs: ``output``
    - its search list has resolv.conf.local: line 1
    - its list of servers has 1.1.1.1: line 2
    """
    config = {
        "nameservers": ["1.1.1.1"],
        "searches": ["resolv.conf.local"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "rotate"}],
    }
    lines = await node.output("cat /etc/resolv.conf", dnsPolicy="None", dnsConfig=config)
    assert lines == ["search resolv.conf.local", "nameserver 1.1.1.1", "options ndots:2 rotate"]


async def test_a_hosts_file_has_the_pods_aliases(node: Node) -> None:
    """[sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts
    [NodeConformance]

    Compared with test/e2e/common/node/kubelet.go
    - the log, which is the file, has "123.45.67.89\\tfoo\\tbar": the only assertion
    """
    aliases = [{"ip": "123.45.67.89", "hostnames": ["foo", "bar"]}]
    assert "123.45.67.89\tfoo\tbar" in await node.output("cat /etc/hosts", hostAliases=aliases)


async def test_the_kubelet_writes_the_hosts_file_unless_the_pod_mounts_its_own(node: Node) -> None:
    """[sig-node] KubeletManagedEtcHosts should test kubelet managed /etc/hosts file [NodeConformance]

    Compared with test/e2e/common/node/kubelet_etc_hosts.go
    - in a pod with a network of its own the first two containers have the kubelet's file: the first assertion
    - it is not in the third, which mounts a file there: the second
    - it is not in the containers of a pod in the host's network: the third
    """
    managed = "# Kubernetes-managed hosts file."
    volumes = [{"name": "host-etc-hosts", "hostPath": {"path": "/etc/hosts", "type": "File"}}]
    own = {"volumeMounts": [{"name": "host-etc-hosts", "mountPath": "/etc/hosts"}]}
    script = f"cat /etc/hosts; {FOREVER}"
    await node.create(
        shell(script, "busybox-1"), shell(script, "busybox-2"), shell(script, "busybox-3", **own), volumes=volumes
    )
    await node.running()
    found = [await node.log(f"busybox-{i}") for i in (1, 2, 3)]
    assert found[0][0] == found[1][0] == managed
    assert managed not in found[2]
    await node.delete()
    await node.create(shell(script, "busybox-1"), shell(script, "busybox-2"), hostNetwork=True)
    await node.running()
    for name in ("busybox-1", "busybox-2"):
        assert managed not in await node.log(name)
    await node.delete()


async def test_a_pod_can_be_called_by_its_full_name(node: Node) -> None:
    spec: Object = {"hostname": "web", "subdomain": "shop"}
    script = "hostname; grep web /etc/hosts | cut -f 2,3"
    full = "web.shop.default.svc.cluster.local"
    assert await node.output(script, **spec) == ["web", f"{full}\tweb"]
    assert await node.output("hostname", setHostnameAsFQDN=True, **spec) == [full]


async def test_a_name_that_the_kernel_cannot_take_keeps_the_pod_waiting(node: Node) -> None:
    await node.create(shell("true"), subdomain="s" * 60, setHostnameAsFQDN=True)
    uid = (await node.admin.get(PODS, "p", namespace="default"))["metadata"]["uid"]
    full = f"p.{'s' * 60}.default.svc.cluster.local"
    said = (
        f'Failed to create pod sandbox: failed to generate sandbox config for pod "p_default({uid})": failed to'
        f" construct FQDN from pod hostname and cluster domain, FQDN {full} is too long (64 characters is the max,"
        f" {len(full)} characters requested)"
    )
    await node.told("FailedCreatePodSandBox", said)
    await node.delete()
