"""What a user gets wrong, through both command lines: a clear error each time, and nothing has changed.

Every case is tried with podbay's command line and with kubectl, which share the server's half of the message.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import NEWEST, Finished, RealCluster, kubectl_path, pod, until

CLIS = ("podbay", "kubectl")
_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: wrong%s}\nspec: {containers: [%s]}\n"
_CONTAINER = "{name: c, image: busybox}"


def config_map(size: int) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: big}}\ndata: {{a: {'x' * size}}}\n"


CASES: dict[str, tuple[str, str]] = {
    "unknown field": (_POD % ("", "{name: c, imagee: busybox}"), 'unknown field "spec.containers[0].imagee"'),
    "wrong type": (
        _POD % ("", "{name: c, image: busybox, ports: [{containerPort: eighty}]}"),
        "cannot be handled as a Pod: json: cannot unmarshal string into Go struct field",
    ),
    "missing name": (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{labels: {{a: b}}}}\nspec: {{containers: [{_CONTAINER}]}}\n",
        "name or generateName is required",
    ),
    "duplicate container": (
        _POD % ("", f"{_CONTAINER}, {_CONTAINER}"),
        'The Pod "wrong" is invalid: spec.containers[1].name: Duplicate value: "c"',
    ),
    "no container": (_POD % ("", ""), "spec.containers: Required value"),
    "invalid label": (
        _POD % (', labels: {env: "no spaces please"}', _CONTAINER),
        'The Pod "wrong" is invalid: metadata.labels: Invalid value: "no spaces please"',
    ),
    "invalid name": (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: Not_A_Name}}\nspec: {{containers: [{_CONTAINER}]}}\n",
        'The Pod "Not_A_Name" is invalid: metadata.name: Invalid value: "Not_A_Name"',
    ),
    "no such namespace": (
        _POD % (", namespace: nowhere", _CONTAINER),
        'Error from server (NotFound): error when creating "{file}": namespaces "nowhere" not found',
    ),
    "no image": (_POD % ("", "{name: c}"), "spec.containers[0].image: Required value"),
    "a volume that is not there": (
        _POD % ("", "{name: c, image: busybox, volumeMounts: [{name: v, mountPath: /v}]}"),
        'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ),
    "a body of 10 MB": (config_map(10 << 20), "Error from server (RequestEntityTooLarge)"),
    "too much for a config map": (config_map((1 << 20) + 1), "Too long: may not be more than 1048576 bytes"),
    "no apiVersion": ("kind: Pod\nmetadata: {name: wrong}\n", "apiVersion not set"),
    "no object": ("- a\n- b\n", "invalid object to validate"),
}


@pytest.fixture
def unchanged(cluster: RealCluster) -> Any:
    """Look that the objects of the cluster are the same afterwards."""

    def names() -> str:
        return cluster.kubectl("get", "pods,configmaps,secrets,namespaces,serviceaccounts", "-A", "-o", "name").out

    before = names()
    yield
    assert names() == before


def refused(done: Finished, message: str) -> None:
    assert done.code == 1
    assert message in done.err, done
    assert "Traceback" not in done.err
    assert "created" not in done.out + done.err


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("which", CLIS)
@pytest.mark.parametrize("case", CASES)
def test_a_wrong_manifest_is_refused_and_nothing_is_made(
    cluster: RealCluster, tmp_path: Path, which: str, case: str
) -> None:
    manifest, message = CASES[case]
    file = tmp_path / "wrong.yaml"
    file.write_text(manifest)
    refused(cluster.cli(which)("create", "-f", str(file), check=False), message.replace("{file}", str(file)))


@pytest.mark.usefixtures("unchanged")
def test_broken_yaml_is_told_with_line_and_column(cluster: RealCluster, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("apiVersion: v1\nkind: Pod\nmetadata:\n  name: wrong\n namespace: default\n")
    refused(
        cluster.podbay("create", "-f", str(file), check=False),
        f"error: error parsing {file}: error converting YAML to JSON: yaml: line 5, column 2: did not find expected"
        " key",
    )
    refused(cluster.kubectl("create", "-f", str(file), check=False), "yaml: line 4: did not find expected key")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("command", ["create", "apply", "replace", "delete"])
def test_of_several_documents_none_is_sent_if_one_is_broken(cluster: RealCluster, tmp_path: Path, command: str) -> None:
    file = tmp_path / "two.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: first}\n---\na: [\n")
    refused(cluster.podbay(command, "-f", str(file), check=False), "yaml: line 6, column 1")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("which", CLIS)
def test_an_unknown_kind_is_told_with_its_version(cluster: RealCluster, tmp_path: Path, which: str) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("apiVersion: v1\nkind: Podd\nmetadata: {name: wrong}\n")
    done = cluster.cli(which)("create", "-f", str(file), "--validate=false", check=False)
    refused(
        done,
        f'resource mapping not found for name: "wrong" namespace: "" from "{file}": no matches for kind "Podd" in'
        ' version "v1"\nensure CRDs are installed first',
    )
    refused(cluster.cli(which)("get", "podds", check=False), 'the server doesn\'t have a resource type "podds"')


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("which", CLIS)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("get pods nowhere", 'Error from server (NotFound): pods "nowhere" not found'),
        ("get pods --nope", "error: unknown flag: --nope"),
        ("get pods -l a==b==c", "found '==', expected: ',' or 'end of string'"),
        ("label pods --all Bad=no=good", "error: "),
        ("run wrong", 'required flag(s) "image" not set'),
        ("run Wrong --image=busybox", 'The Pod "Wrong" is invalid: '),
        ("create namespace Not_A_Name", 'The Namespace "Not_A_Name" is invalid: metadata.name: Invalid value'),
        ("delete namespace nowhere", 'Error from server (NotFound): namespaces "nowhere" not found'),
        ("delete namespace default", "this namespace may not be deleted"),
        ("logs nowhere", 'pods "nowhere" not found in namespace "default"'),
        ("exec nowhere -- ls", 'Error from server (NotFound): pods "nowhere" not found'),
        ("explain pod.spec.nothing", 'error: field "nothing" does not exist'),
        ("create -f nothing.yaml", 'error: the path "nothing.yaml" does not exist'),
        ("nonsense", 'error: unknown command "nonsense" for'),
    ],
)
def test_a_wrong_command_line_is_refused(cluster: RealCluster, which: str, words: str, message: str) -> None:
    refused(cluster.cli(which)(*words.split(), check=False), message)


@pytest.mark.parametrize("which", CLIS)
def test_an_image_that_does_not_exist_is_told_by_the_pod(cluster: RealCluster, which: str) -> None:
    name = f"no-image-{which}"
    cluster.apply(pod(name, {"name": "c", "image": "nowhere.invalid/nothing:1"}))
    try:
        until(
            lambda: any(
                word in cluster.cli(which)("get", "pod", name).out for word in ("ErrImagePull", "ImagePullBackOff")
            ),
            "the pod tells that its image cannot be pulled",
        )
        until(
            lambda: (
                'Failed to pull image "nowhere.invalid/nothing:1"' in cluster.cli(which)("describe", "pod", name).out
            ),
            "the events tell which image",
        )
        done = cluster.cli(which)("logs", name, check=False)
        assert done.code == 1
        assert 'container "c" in pod "' in done.err and "is waiting to start" in done.err, done
    finally:
        cluster.wait_gone(name)


@pytest.mark.parametrize("which", CLIS)
def test_a_host_port_that_is_taken_keeps_the_second_pod_waiting_and_says_why(cluster: RealCluster, which: str) -> None:
    node = cluster.nodes()[0]
    here = {"nodeSelector": {"kubernetes.io/hostname": node}}
    container = {"name": "c", "command": ["sleep", "1000"], "ports": [{"containerPort": 80, "hostPort": 18099}]}
    cluster.apply(pod("has-port", container, **here))
    try:
        cluster.wait_ready("has-port")
        cluster.apply(pod("wants-port", container, **here))
        until(
            lambda: (
                "didn't have free ports for the requested pod ports"
                in cluster.cli(which)("describe", "pod", "wants-port").out
            ),
            "the pod's events tell which port is missing",
        )
        assert cluster.get("pod", "wants-port")["status"]["phase"] == "Pending"
    finally:
        cluster.wait_gone("has-port", "wants-port")


@pytest.fixture(scope="module")
def runner(cluster: RealCluster) -> Any:
    cluster.apply(pod("takes-ports", {"name": "c", "command": ["sleep", "1000"]}))
    cluster.wait_ready("takes-ports")
    yield "takes-ports"
    cluster.wait_gone("takes-ports")


@pytest.mark.parametrize("which", CLIS)
def test_a_local_port_that_is_taken_ends_port_forward_with_an_error(
    cluster: RealCluster, runner: str, which: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = cluster.cli(which)("port-forward", runner, f"{port}:80", "--address=127.0.0.1", check=False)
    assert done.code == 1
    assert f"Unable to listen on port {port}: Listeners failed to create with the following errors:" in done.err
    assert "bind: address already in use" in done.err
    assert f"error: unable to listen on any of the requested ports: [{{{port} 80}}]" in done.err


@pytest.mark.parametrize("which", CLIS)
def test_of_two_ports_the_one_that_is_free_is_forwarded(cluster: RealCluster, runner: str, which: str) -> None:
    tool = [sys.executable, "-m", "podbay"] if which == "podbay" else [kubectl_path(NEWEST)]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = ["port-forward", runner, f"{port}:80", ":81", "--address=127.0.0.1"]
        with subprocess.Popen(
            [*tool, *words], env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stderr is not None
            assert "-> 81" in process.stdout.readline()
            process.terminate()
            assert f"Unable to listen on port {port}" in process.stderr.read()


def test_a_server_that_is_not_there_is_told(cluster: RealCluster) -> None:
    tools: list[Callable[..., Finished]] = [cluster.podbay, cluster.kubectl]
    for tool in tools:
        done = tool("get", "pods", "--server=https://127.0.0.1:1", check=False)
        assert done.code == 1
        assert (
            "The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?" in done.err
        )


def test_a_kubeconfig_that_is_broken_is_told_with_its_name(cluster: RealCluster, tmp_path: Path) -> None:
    file = tmp_path / "broken"
    file.write_text("clusters: [\n")
    done = cluster.podbay("get", "pods", f"--kubeconfig={file}", check=False)
    assert (done.code, done.out) == (1, "")
    assert f'error loading config file "{file}"' in done.err
    file.write_text(json.dumps({"current-context": "gone"}))
    done = cluster.podbay("get", "pods", f"--kubeconfig={file}", check=False)
    assert done.err == "Error in configuration: context was not found for specified context: gone\n"
