"""Every command of the study note that podbay starts from, by real kubectl and by podbay's own command line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import ROOT, RealCluster, fetch, pod, shell, until
from tests.e2e.harness import SLEEP as FOREVER

MANIFEST = ROOT / "examples" / "kubia-manual.yaml"


@pytest.fixture(params=["kubectl", "podbay"])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kubia(cluster: RealCluster, which: str) -> Iterator[str]:
    """The note's pod, created and running."""
    made = cluster.cli(which)("create", "-f", str(MANIFEST))
    assert made.out == "pod/kubia-manual created\n"
    cluster.wait_ready("kubia-manual")
    yield "kubia-manual"
    cluster.wait_gone("kubia-manual")


def test_the_pod_is_created_shown_read_and_reached(cluster: RealCluster, which: str, kubia: str) -> None:
    k = cluster.cli(which)
    listed = k("get", "pods").out.splitlines()
    assert listed[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert [line.split()[:4] for line in listed[1:] if line.startswith(kubia)] == [[kubia, "1/1", "Running", "0"]]
    shown = json.loads(k("get", "pod", kubia, "-o", "json").out)
    assert shown["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert shown["status"]["phase"] == "Running"
    yaml = k("get", "pod", kubia, "-o", "yaml").out
    assert yaml.startswith("apiVersion: v1\nkind: Pod\nmetadata:\n")
    until(lambda: "Kubia server starting..." in k("logs", kubia).out, "the log is there")
    assert "Kubia server starting...\n" in k("logs", kubia, "-c", "kubia").out
    with cluster.port_forward(kubia, 8080, which=which) as (url, _):
        assert fetch(url) == f"You've hit {kubia}\n"


def test_explain_says_what_a_field_is(cluster: RealCluster, which: str) -> None:
    told = cluster.cli(which)("explain", "pod.apiVersion").out
    assert told.startswith("KIND:       Pod\nVERSION:    v1\n\nFIELD: apiVersion <string>\n")
    fields = cluster.cli(which)("explain", "pod").out
    for field in ("apiVersion\t<string>", "kind\t<string>", "metadata\t<ObjectMeta>", "spec\t<PodSpec>"):
        assert field in fields


def test_labels_select_pods_to_show_and_to_delete(cluster: RealCluster, which: str) -> None:
    k = cluster.cli(which)
    cluster.apply(*(pod(name, shell("main", FOREVER)) for name in ("one", "two", "three")))
    cluster.wait_ready("one", "two", "three")
    assert k("label", "pod", "one", "env=prod").out == "pod/one labeled\n"
    k("label", "pod", "two", "env=devel", "creation_method=manual")
    k("label", "pod", "three", "creation_method=manual")
    assert k("label", "pod", "one", "env=debug", check=False).code == 1
    k("label", "pod", "one", "env=debug", "--overwrite")
    k("label", "pod", "one", "env=prod", "--overwrite")
    assert k("get", "po", "-l", "env in (prod,devel)", "-o", "name").out == "pod/one\npod/two\n"
    assert k("get", "po", "-l", "!env", "-o", "name").out == "pod/three\n"
    columns = [line.split() for line in k("get", "po", "-L", "env").out.splitlines()]
    assert columns[0][-1] == "ENV"
    gone = k("delete", "po", "-l", "creation_method=manual").out
    assert sorted(gone.splitlines()) == ['pod "three" deleted', 'pod "two" deleted']
    assert k("get", "po", "-o", "name").out == "pod/one\n"
    k("delete", "po", "--all")
    assert cluster.get("pods")["items"] == []


def test_namespaces_keep_names_apart_and_take_their_pods_with_them(cluster: RealCluster, which: str) -> None:
    k = cluster.cli(which)
    assert k("create", "namespace", "custom-namespace").out == "namespace/custom-namespace created\n"
    for namespace in ("default", "custom-namespace"):
        k("create", "-f", str(MANIFEST), "-n", namespace)
    cluster.wait_ready("kubia-manual")
    cluster.wait_ready("kubia-manual", namespace="custom-namespace")
    assert len(k("get", "po", "-n", "custom-namespace", "--no-headers").out.splitlines()) == 1
    assert k("delete", "ns", "custom-namespace").out == 'namespace "custom-namespace" deleted\n'
    refused = k("get", "ns", "custom-namespace", check=False)
    assert refused.err == 'Error from server (NotFound): namespaces "custom-namespace" not found\n'
    assert cluster.get("pod", "kubia-manual")["status"]["phase"] == "Running"
    cluster.wait_gone("kubia-manual")


def test_a_pod_waits_for_a_node_of_its_kind_and_goes_there(cluster: RealCluster, which: str) -> None:
    k = cluster.cli(which)
    second = cluster.nodes()[1]
    cluster.apply(pod("picky", shell("main", FOREVER), nodeSelector={"gpu": "true"}))
    try:

        def refusal() -> str:
            conditions = cluster.get("pod", "picky")["status"].get("conditions") or [{}]
            return str(conditions[0].get("message", ""))

        told = until(refusal, "the scheduler says why the pod waits")
        assert told.startswith("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")
        assert "FailedScheduling" in k("describe", "pod", "picky").out
        assert k("label", "node", second, "gpu=true").out == f"node/{second} labeled\n"
        (placed,) = cluster.wait_ready("picky")
        assert placed["spec"]["nodeName"] == second
        assert k("get", "nodes", "-l", "gpu=true", "-o", "name").out == f"node/{second}\n"
    finally:
        cluster.wait_gone("picky")
        cluster.kubectl("label", "node", second, "gpu-")


def test_a_json_file_makes_a_pod_as_well(cluster: RealCluster, which: str, tmp_path: Path) -> None:
    path = tmp_path / "pod.json"
    path.write_text(json.dumps(pod("from-json", shell("main", FOREVER))))
    assert cluster.cli(which)("create", "-f", str(path)).out == "pod/from-json created\n"
    cluster.wait_ready("from-json")
    assert cluster.cli(which)("delete", "-f", str(path)).out == 'pod "from-json" deleted\n'
