"""Sub-paths of volumes in real containers: what they show, what they follow, and what they must not.

A name in a docstring is upstream's; below it is every assertion of upstream's test and where it is made here.
"""

from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, PODS, SECRETS
from tests.e2e.node import FOREVER, Node, mounted, mounts, shell
from tests.waiting import until

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "my-configmap"}}
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "my-secret"}}
EMPTY = [{"name": "v", "emptyDir": {}}]


def mount(path: str, **more: Any) -> Object:
    return {"name": "v", "mountPath": path, **more}


async def objects(node: Node) -> None:
    await node.admin.create(CONFIG_MAPS, {**MAP, "data": {"configmap-key": "configmap-value"}}, namespace="default")
    await node.admin.create(SECRETS, {**SECRET, "stringData": {"secret-key": "secret-value"}}, namespace="default")


SOURCES: dict[str, tuple[Object, str, str]] = {
    "secret": ({"secret": {"secretName": "my-secret"}}, "secret-key", "secret-value"),
    "configmap": ({"configMap": {"name": "my-configmap"}}, "configmap-key", "configmap-value"),
    "downward": (
        {"downwardAPI": {"items": [{"path": "downward/podname", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        "downward/podname",
        "p",
    ),
    "projected": (
        {
            "projected": {
                "sources": [
                    {
                        "configMap": {
                            "name": "my-configmap",
                            "items": [{"key": "configmap-key", "path": "projected/configmap-key"}],
                        }
                    }
                ]
            }
        },
        "projected/configmap-key",
        "configmap-value",
    ),
}


@pytest.mark.parametrize("kind", SOURCES)
async def test_one_file_of_a_volume_can_be_mounted(node: Node, kind: str) -> None:
    """[sig-storage] Subpath Atomic writer volumes should support subpaths with secret pod
    [sig-storage] Subpath Atomic writer volumes should support subpaths with configmap pod
    [sig-storage] Subpath Atomic writer volumes should support subpaths with downward pod
    [sig-storage] Subpath Atomic writer volumes should support subpaths with projected pod

    Compared with test/e2e/storage/subpath.go
    - the container reads the file's content at the mount, again and again: the lines
    - the pod succeeds and can be deleted: ``output``
    """
    await objects(node)
    source, key, value = SOURCES[kind]
    container = {"volumeMounts": [mount("/test-volume", subPath=key)]}
    script = "for i in 1 2 3; do cat /test-volume; echo; done"
    assert await node.output(script, container=container, volumes=[{"name": "v", **source}]) == [value] * 3
    await node.is_empty()


async def test_a_file_can_be_mounted_over_another(node: Node) -> None:
    """[sig-storage] Subpath Atomic writer volumes should support subpaths with configmap pod with mountPath of existing
    file

    Compared with test/e2e/storage/subpath.go
    - the container reads the key's value at /etc/resolv.conf: the only assertion
    - the pod succeeds and can be deleted: ``output``
    """
    await objects(node)
    source, key, value = SOURCES["configmap"]
    container = {"volumeMounts": [mount("/etc/resolv.conf", subPath=key)]}
    lines = await node.output("cat /etc/resolv.conf", container=container, volumes=[{"name": "v", **source}])
    assert lines == [value]


async def test_a_container_that_starts_again_gets_the_file_as_it_is_now(node: Node) -> None:
    await objects(node)
    source, key, value = SOURCES["configmap"]
    once = '[ -e /seen/yes ] && exec sh -c "$FOREVER"; touch /seen/yes; while ! [ -e /seen/go ]; do sleep 0.05; done'
    container = shell(
        once,
        env=[{"name": "FOREVER", "value": FOREVER}],
        volumeMounts=[mount("/f", subPath=key), {"name": "seen", "mountPath": "/seen"}],
    )
    await node.create(container, volumes=[{"name": "v", **source}, {"name": "seen", "emptyDir": {}}])
    await node.running()
    await node.reads("/f", value)
    changed = {"data": {key: "changed"}}
    await node.admin.patch(CONFIG_MAPS, "my-configmap", changed, namespace="default")
    uid = (await node.admin.get(PODS, "p", namespace="default"))["metadata"]["uid"]
    volumes = node.directory / "kubelet" / "pods" / uid / "volumes"
    file = volumes / "kubernetes.io~configmap" / "v" / key
    await until(lambda: file.read_text() == "changed", "the volume has the change")
    await node.reads("/f", value)  # a sub-path does not follow its volume
    (volumes / "kubernetes.io~empty-dir" / "seen" / "go").touch()
    await node.once(lambda s: s["containerStatuses"][0]["restartCount"] == 1 and s["containerStatuses"][0]["ready"])
    await node.reads("/f", "changed")
    await node.delete()
    await node.is_empty()


async def test_a_sub_path_can_be_made_from_the_environment(node: Node) -> None:
    """[sig-node] Variable Expansion should allow substituting values in a volume subpath

    Compared with test/e2e/common/node/expansion.go
    - in the whole volume there is a directory of the pod's name, so the output is "0": the only assertion
    """
    container = {
        "env": [{"name": "POD_NAME", "value": "p"}],
        "volumeMounts": [mount("/logscontainer", subPathExpr="$(POD_NAME)"), mount("/testcontainer")],
    }
    assert await node.output("test -d /testcontainer/p; echo $?", container=container, volumes=EMPTY) == ["0"]
    await node.is_empty()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("..", "unable to provision SubPath `..`: must not contain '..'"),
        ("/tmp", "error SubPath `/tmp` must not be an absolute path"),
    ],
)
async def test_a_sub_path_that_leads_out_of_the_volume_is_refused(node: Node, value: str, message: str) -> None:
    """[sig-node] Variable Expansion should fail substituting values in a volume subpath with backticks
    [sig-node] Variable Expansion should fail substituting values in a volume subpath with absolute path

    Compared with test/e2e/common/node/expansion.go
    - the container waits with the reason CreateContainerConfigError: ``waits``
    """
    env = [{"name": "POD_NAME", "value": value}]
    await node.create(shell("true", env=env, volumeMounts=[mount("/l", subPathExpr="$(POD_NAME)")]), volumes=EMPTY)
    assert (await node.waits("CreateContainerConfigError"))["message"] == message
    await node.delete()
    await node.is_empty()


def annotated(container: Object, **annotations: str) -> Object:
    container |= {"image": "busybox", "imagePullPolicy": "Never"}
    spec = {"nodeName": "n1", "containers": [container], "volumes": EMPTY, "terminationGracePeriodSeconds": 1}
    metadata = {"name": "p", "namespace": "default", "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


EXPANDED: Object = {
    "env": [
        {"name": "POD_NAME", "value": "foo"},
        {"name": "ANNOTATION", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['mysubpath']"}}},
    ],
    "volumeMounts": [mount("/subpath_mount", subPathExpr="$(ANNOTATION)/$(POD_NAME)"), mount("/volume_mount")],
}


async def test_a_sub_path_that_could_not_be_made_can_be_mended(node: Node) -> None:
    """[sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the
    lifecycle of a container [Slow]

    Compared with test/e2e/common/node/expansion.go
    - the pod does not run while the annotation is missing: ``waits`` (upstream waits in vain)
    - updating the pod succeeds: the patch
    - then it runs: ``running``
    - it can be deleted gracefully: ``delete``
    """
    pod = annotated(shell(FOREVER, **EXPANDED), notmysubpath="mypath")
    await node.admin.create(PODS, pod, namespace="default")
    assert (await node.waits("CreateContainerConfigError"))["message"] == "missing value for ANNOTATION"
    change = {"metadata": {"annotations": {"mysubpath": "mypath"}}}
    await node.admin.patch(PODS, "p", change, namespace="default")
    await node.running()
    await node.delete()
    await node.is_empty()


async def test_what_is_written_to_a_sub_path_is_in_the_volume(node: Node) -> None:
    """[sig-node] Variable Expansion should succeed in writing subpaths in container

    Compared with test/e2e/common/node/expansion.go
    - the pod runs: ``running``
    - a file can be made through the volume at mypath/foo: ``touch``
    - it is there in the sub-path's mount: ``reads``
    - after the annotation was changed the pod still runs: the second ``running``
    - it can be deleted gracefully, although the expression would expand to another path now: ``delete``
    """
    pod = annotated(shell(FOREVER, **EXPANDED), mysubpath="mypath")
    await node.admin.create(PODS, pod, namespace="default")
    await node.running()
    root = await node.root()
    (root / "volume_mount" / "mypath" / "foo" / "test.log").touch()
    await node.reads("/subpath_mount/test.log", "")
    change = {"metadata": {"annotations": {"mysubpath": "mynewpath"}}}
    await node.admin.patch(PODS, "p", change, namespace="default")
    await node.running()
    await node.delete()
    await node.is_empty()


async def test_a_link_of_a_container_leads_nowhere_out_of_its_volume(node: Node) -> None:
    """A first pod prepares a link to the host's root in a volume; a second asks for it as a sub-path."""
    share = {"name": "v", "hostPath": {"path": f"{node.directory}/share", "type": "DirectoryOrCreate"}}
    await node.output("ln -s / /v/out; mkdir /v/in; ln -s in /v/near", container=mounted("v"), volumes=[share])
    await node.create(shell("true", volumeMounts=[mount("/host", subPath="out/etc")]), volumes=[share])
    said = 'failed to prepare subPath for volumeMount "v" of container "main"'
    await node.told("Failed", f"Error: {said}")
    await node.delete()
    near = {"volumeMounts": [mount("/n", subPath="near/new")]}
    await node.output("touch /n/file", container=near, volumes=[share])
    assert Path(node.directory, "share", "in", "new", "file").exists()  # noqa: ASYNC240
    await node.is_empty()


async def test_what_a_sub_path_shows_stays_when_its_pod_goes(node: Node) -> None:
    share = {"name": "v", "hostPath": {"path": f"{node.directory}/kept", "type": "DirectoryOrCreate"}}
    container = shell(FOREVER, volumeMounts=[mount("/k", subPath="dir")])
    await node.create(container, volumes=[share])
    await node.running()
    (await node.root() / "k" / "file").touch()
    await node.kill_kubelet()
    node.start_kubelet()
    await node.running()
    assert "volume-subpaths/v/main/0" in mounts()
    await node.delete()
    await node.is_empty()
    assert Path(node.directory, "kept", "dir", "file").exists()  # noqa: ASYNC240


@pytest.mark.parametrize("medium", ("", "Memory"))
async def test_a_directory_made_for_a_sub_path_belongs_to_the_pods_group(node: Node, medium: str) -> None:
    volumes = [{"name": "v", "emptyDir": {"medium": medium}}]
    container = {"volumeMounts": [mount("/test-volume", subPath="test-sub")]}
    lines = await node.output(
        "stat -c '%A %u %g' /test-volume", container=container, volumes=volumes, securityContext={"fsGroup": 123}
    )
    assert lines == ["drwxrwsrwt 0 123" if medium else "drwxrwsrwx 0 123"]
