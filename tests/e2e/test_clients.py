"""What every kubectl that people have asks of the API server: schemas, bodies in its own encoding, patches, tables."""

import json
from collections.abc import Iterator

import pytest

from tests.e2e.harness import RealCluster

_UNKNOWN = 'strict decoding error: unknown field "spec.containers[0].imagee"'


def manifest(name: str, **container: str) -> str:
    """Return a pod that no node takes, so that nothing but the API is tried."""
    spec = {"containers": [{"name": "c", "image": "busybox", **container}], "nodeSelector": {"no": "such"}}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


@pytest.fixture
def namespace(cluster: RealCluster, version: str) -> Iterator[str]:
    """Give a namespace that this kubectl made (from 1.32 on in protobuf), and take it away with it."""
    name = f"k{version.replace('.', '-')}"
    assert cluster.kubectl("create", "namespace", name, version=version).out == f"namespace/{name} created\n"
    yield name
    assert cluster.kubectl("delete", "namespace", name, version=version).out == f'namespace "{name}" deleted\n'


def test_fields_are_explained(cluster: RealCluster, version: str) -> None:
    told = cluster.kubectl("explain", "pod.spec.containers.imagePullPolicy", version=version).out
    assert "imagePullPolicy <string>" in told
    assert "IfNotPresent" in told
    every = cluster.kubectl("explain", "pod.spec", "--recursive", version=version).out
    assert "tolerationSeconds" in every
    for kind in ("node", "namespace", "configmap", "secret", "serviceaccount", "event", "lease", "priorityclass"):
        assert "FIELDS" in cluster.kubectl("explain", kind, version=version).out


def test_unknown_fields_are_refused_warned_about_or_ignored(cluster: RealCluster, version: str, namespace: str) -> None:
    def create(name: str, *flags: str) -> tuple[int, str, str]:
        done = cluster.kubectl(
            "create", "-f", "-", "-n", namespace, *flags, stdin=manifest(name, imagee="x"), version=version, check=False
        )
        return done.code, done.out, done.err

    code, _, told = create("strict", "--validate=strict")
    assert code == 1
    assert _UNKNOWN in told
    code, out, told = create("warn", "--validate=warn")
    assert (code, out) == (0, "pod/warn created\n")
    assert 'unknown field "spec.containers[0].imagee"' in told
    assert create("ignore", "--validate=ignore") == (0, "pod/ignore created\n", "")
    names = cluster.kubectl("get", "pods", "-n", namespace, "-o", "name", version=version).out
    assert names == "pod/ignore\npod/warn\n"


def test_applying_changes_what_differs_and_nothing_else(cluster: RealCluster, version: str, namespace: str) -> None:
    def apply(text: str) -> str:
        return cluster.kubectl("apply", "-f", "-", "-n", namespace, stdin=text, version=version).out

    assert apply(manifest("web")) == "pod/web created\n"
    assert apply(manifest("web")) == "pod/web unchanged\n"
    assert apply(manifest("web", image="busybox:2")) == "pod/web configured\n"
    images = "jsonpath={.spec.containers[*].image}"
    assert cluster.kubectl("get", "pod", "web", "-n", namespace, "-o", images, version=version).out == "busybox:2"


def test_small_objects_are_made_labelled_listed_and_deleted(cluster: RealCluster, version: str, namespace: str) -> None:
    def k(*words: str) -> str:
        return cluster.kubectl("-n", namespace, *words, version=version).out

    assert k("create", "configmap", "c", "--from-literal=a=1") == "configmap/c created\n"
    assert k("create", "secret", "generic", "s", "--from-literal=a=1") == "secret/s created\n"
    assert k("create", "serviceaccount", "robot") == "serviceaccount/robot created\n"
    assert k("get", "configmap", "c", "-o", "jsonpath={.data}") == '{"a":"1"}'
    assert k("get", "secret", "s", "-o", "jsonpath={.data.a}") == "MQ=="
    assert k("label", "configmap", "c", "env=prod") == "configmap/c labeled\n"
    assert k("annotate", "configmap", "c", "who=me").startswith("configmap/c annotate")  # 1.27 forgets the rest
    table = [line.split()[:2] for line in k("get", "configmaps", "-l", "env=prod").splitlines()]
    assert table == [["NAME", "DATA"], ["c", "1"]]
    assert k("patch", "configmap", "c", "--type=json", '-p=[{"op":"remove","path":"/data/a"}]') == (
        "configmap/c patched\n"
    )
    assert k("delete", "configmap,secret", "c", "s", "--ignore-not-found").splitlines() == [
        'configmap "c" deleted',
        'secret "s" deleted',
    ]
