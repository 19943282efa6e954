"""Pods that use the API: what they find in their environment and their token, and what they may do with it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import RealCluster
from tests.e2e.python_image import PYTHON, build_python

LIST = """
from kubernetes import client, config
config.load_incluster_config()
print(sorted(pod.metadata.name for pod in client.CoreV1Api().list_namespaced_pod("default").items))
"""


@pytest.fixture(scope="module")
def python(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the name of an image with Python and the official client."""
    archive = tmp_path_factory.mktemp("images") / "python.tar"
    build_python(archive, ["kubernetes"])
    cluster.podbay("image", "import", str(archive), "--name", cluster.name)
    return PYTHON


def policy(account: str, **spec: Any) -> str:
    said = {"user": f"system:serviceaccount:default:{account}", **spec}
    return json.dumps({"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": said})


@pytest.fixture
def policies(cluster: RealCluster) -> Iterator[Path]:
    """Give the file of the cluster's policies, and take it away."""
    file = Path("/var/lib/podbay", cluster.name, "policies.jsonl")
    yield file
    file.unlink(missing_ok=True)


def runs(name: str, image: str, *args: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": image, "imagePullPolicy": "Never", "args": list(args)}
    spec = {"containers": [container], "restartPolicy": "Never", **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def said_by(cluster: RealCluster, name: str) -> str:
    cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
    return cluster.kubectl("logs", name).out


@pytest.mark.parametrize("links", [True, False])
def test_a_container_finds_the_api_server_in_its_environment(cluster: RealCluster, links: bool) -> None:
    command = ["sh", "-c", "env | grep ^KUBERNETES_ | sort; echo $0 $1", "$(KUBERNETES_SERVICE_HOST)", "$(OWN)"]
    pod = runs("finder", "busybox:latest", enableServiceLinks=links)
    container = pod["spec"]["containers"][0]
    own = {"name": "KUBERNETES_SERVICE_PORT_HTTPS", "value": "mine"}
    container |= {"command": command, "env": [own, {"name": "OWN", "value": "$(KUBERNETES_SERVICE_PORT)"}]}
    cluster.apply(pod)
    try:
        *lines, expanded = said_by(cluster, "finder").splitlines()
    finally:
        cluster.wait_gone("finder")
    found = dict(line.split("=", 1) for line in lines)
    host, port = found["KUBERNETES_SERVICE_HOST"], found["KUBERNETES_SERVICE_PORT"]
    assert expanded == f"{host} {port}"
    assert found == {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KUBERNETES_SERVICE_PORT_HTTPS": "mine",
        "KUBERNETES_PORT": f"tcp://{host}:{port}",
        f"KUBERNETES_PORT_{port}_TCP": f"tcp://{host}:{port}",
        f"KUBERNETES_PORT_{port}_TCP_PROTO": "tcp",
        f"KUBERNETES_PORT_{port}_TCP_PORT": port,
        f"KUBERNETES_PORT_{port}_TCP_ADDR": host,
    }


def test_the_official_client_lists_pods_from_inside_on_every_node(
    cluster: RealCluster, python: str, policies: Path
) -> None:
    nodes = cluster.nodes()
    policies.write_text(policy("default", readonly=True, namespace="default", resource="pods") + "\n")
    names = [f"lister-{i}" for i in range(len(nodes))]
    cluster.apply(*(runs(n, python, "-c", LIST, nodeName=node) for n, node in zip(names, nodes, strict=True)))
    try:
        for name in names:
            assert f"'{name}'" in said_by(cluster, name)
    finally:
        cluster.wait_gone(*names)


def test_a_pod_may_do_what_its_account_may_and_no_more(cluster: RealCluster, python: str) -> None:
    cluster.apply(runs("refused", python, "-c", LIST))
    try:
        cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/refused", "--timeout=60s")
        assert 'User \\"system:serviceaccount:default:default\\" cannot list resource \\"pods\\"' in (
            cluster.kubectl("logs", "refused").out
        )
    finally:
        cluster.wait_gone("refused")
