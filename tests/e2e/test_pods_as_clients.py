"""Pods that use the API: what they find in their environment and their token, and what they may do with it."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.harness import ROOT, RealCluster, until
from tests.e2e.python_image import PYTHON, build_python

OPERATOR: Final = Path(__file__).with_name("kopf_operator.py")
FINALIZER: Final = "kopf.zalando.org/KopfFinalizerMarker"

LIST = """
from kubernetes import client, config
config.load_incluster_config()
print(sorted(pod.metadata.name for pod in client.CoreV1Api().list_namespaced_pod("default").items))
"""


@pytest.fixture(scope="module")
def python(cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the name of an image with Python, the official client and kopf."""
    archive = tmp_path_factory.mktemp("images") / "python.tar"
    build_python(archive, ["kubernetes", "kopf"])
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


def the_pages_policies() -> str:
    """Return what the page about pods lets an operator do."""
    _, _, page = (ROOT / "docs" / "pods.md").read_text("utf-8").partition("\n## Pods that use the API\n")
    return page.partition("```json\n")[2].partition("```")[0]


@contextmanager
def operator(cluster: RealCluster, image: str, policies: Path, *scope: str, namespace: str) -> Iterator[None]:
    """Run the operator as an account that may do what the page says in a namespace (or in ``*``), and no more."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "operator"}}
    code = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "operator-code"}}
    policies.write_text(the_pages_policies().replace('"namespace": "default"', f'"namespace": "{namespace}"'))
    arguments = ["-m", "kopf", "run", "--standalone", "--liveness=http://0.0.0.0:8080/healthz", *scope]
    runner = runs(
        "operator",
        image,
        *arguments,
        f"/operator/{OPERATOR.name}",
        serviceAccountName="operator",
        securityContext={"runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534},
        volumes=[{"name": "code", "configMap": {"name": "operator-code"}}],
    )
    runner["spec"]["containers"][0] |= {
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1},
        "volumeMounts": [{"name": "code", "mountPath": "/operator"}],
    }
    cluster.apply(account, code | {"data": {OPERATOR.name: OPERATOR.read_text()}}, runner)
    try:
        cluster.wait_ready("operator")
        yield
    finally:
        cluster.wait_gone("operator")
        cluster.kubectl("delete", "serviceaccount/operator", "configmap/operator-code")
        for left in cluster.get("configmaps", "-A", "-l", "greet=yes")["items"]:
            named = ("configmap", "friend", "-n", left["metadata"]["namespace"])
            cluster.kubectl("patch", *named, "-p", '{"metadata": {"finalizers": null}}')
            cluster.kubectl("delete", *named)


@pytest.fixture
def elsewhere(cluster: RealCluster) -> Iterator[str]:
    """Give a namespace that is not the operator's own."""
    cluster.kubectl("create", "namespace", "elsewhere")
    yield "elsewhere"
    cluster.kubectl("delete", "namespace", "elsewhere")


def greetable(cluster: RealCluster, namespace: str) -> None:
    metadata = {"name": "friend", "namespace": namespace, "labels": {"greet": "yes"}}
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"mood": "sad"}})


def friend(cluster: RealCluster, namespace: str) -> dict[str, Any]:
    found: dict[str, Any] = cluster.get("configmap", "friend", "-n", namespace)
    return found


def told_of(cluster: RealCluster, made: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what the events on an object say, and who posted them."""
    chosen = f"--field-selector=involvedObject.uid={made['metadata']['uid']}"
    events = cluster.get("events", "-n", made["metadata"]["namespace"], chosen)["items"]
    return sorted((event["reason"], event["message"], event["source"]["component"]) for event in events)


def test_a_kopf_operator_handles_one_namespace_from_a_pod(
    cluster: RealCluster, python: str, policies: Path, elsewhere: str
) -> None:
    with operator(cluster, python, policies, "-n", "default", namespace="default"):
        greetable(cluster, elsewhere)
        handles_friend(cluster, "default")
        assert "annotations" not in (untouched := friend(cluster, elsewhere)["metadata"])
        assert "finalizers" not in untouched


def test_a_kopf_operator_handles_all_namespaces_from_a_pod(
    cluster: RealCluster, python: str, policies: Path, elsewhere: str
) -> None:
    with operator(cluster, python, policies, "-A", namespace="*"):
        for namespace in ("default", elsewhere):
            handles_friend(cluster, namespace)


def handles_friend(cluster: RealCluster, namespace: str) -> None:
    """Let a config map live and die, and see kopf's handlers at work on it."""
    greetable(cluster, namespace)
    greeted = until(
        lambda: (found := friend(cluster, namespace))["data"].get("answer") and found, f"greeted in {namespace}"
    )
    assert greeted["data"] == {"mood": "sad", "greeting": "Hello, friend!", "answer": "sad, too"}
    assert greeted["metadata"]["finalizers"] == [FINALIZER]
    changes(cluster, namespace, "glad")
    cluster.kubectl("delete", "configmap", "friend", "-n", namespace, "--timeout=40s")
    told = [("Greeted", "friend was greeted", "kopf"), ("Parted", "friend was let go", "kopf")]
    until(lambda: told_of(cluster, greeted) == told, "the operator's events are there")
    troubles = [line for line in cluster.kubectl("logs", "operator").out.splitlines() if "[INFO" not in line]
    assert troubles == [], "kopf complains of nothing"


def changes(cluster: RealCluster, namespace: str, mood: str) -> None:
    cluster.kubectl("patch", "configmap", "friend", "-n", namespace, "-p", json.dumps({"data": {"mood": mood}}))
    until(lambda: friend(cluster, namespace)["data"]["answer"] == f"{mood}, too", "the change is answered")


def test_a_kopf_operator_outlives_the_api_server_and_leaves_in_order(
    cluster: RealCluster, python: str, policies: Path
) -> None:
    with operator(cluster, python, policies, "-n", "default", namespace="default"):
        greetable(cluster, "default")
        until(lambda: "answer" in friend(cluster, "default")["data"], "greeted")
        os.kill(cluster.pid("server.pid"), signal.SIGKILL)
        cluster.up()
        changes(cluster, "default", "glad")
        assert cluster.get("pod", "operator")["status"]["containerStatuses"][0]["restartCount"] == 0
        cluster.kubectl("delete", "configmap", "friend", "--timeout=40s")
        # A finalizer holds the pod, so that what became of it can still be read.
        cluster.kubectl(
            "patch", "pod", "operator", "-p", json.dumps({"metadata": {"finalizers": ["example.com/held"]}})
        )
        try:
            cluster.kubectl("delete", "pod", "operator", "--grace-period=30", "--wait=false")
            cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/operator", "--timeout=30s")
            assert "Leaving in order." in cluster.kubectl("logs", "operator").out
        finally:
            cluster.kubectl("patch", "pod", "operator", "-p", '{"metadata": {"finalizers": null}}')
