"""Volumes of the downward API, alone and projected, in real containers.

A name in a docstring is upstream's; below it is every assertion of upstream's test and where it is made here.
"""

from typing import Any

import pytest

from podbay.api.resources import PODS
from tests.e2e.node import FOREVER, Node, mounted, shell

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
KINDS = ("downwardAPI", "projected")
RESOURCES = {"limits": {"cpu": "1250m", "memory": "64Mi"}, "requests": {"cpu": "250m", "memory": "32Mi"}}


def volume(kind: str, item: Object, mode: int | None = None) -> Object:
    default = {} if mode is None else {"defaultMode": mode}
    if kind == "projected":
        return {"name": "v", "projected": {"sources": [{"downwardAPI": {"items": [item]}}], **default}}
    return {"name": "v", "downwardAPI": {"items": [item], **default}}


def field(path: str, file: str = "f", **more: Any) -> Object:
    return {"path": file, "fieldRef": {"fieldPath": path}, **more}


def resource(name: str) -> Object:
    return {"path": "f", "resourceFieldRef": {"containerName": "main", "resource": name}}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_pod_tells_its_name(node: Node, kind: str) -> None:
    """[sig-storage] Downward API volume should provide podname only [NodeConformance]
    [sig-storage] Projected downwardAPI should provide podname only [NodeConformance]

    Compared with test/e2e/common/storage/downwardapi_volume.go
    Compared with test/e2e/common/storage/projected_downwardapi.go
    - the file has the pod's name: the only assertion
    """
    volumes = [volume(kind, field("metadata.name", "podname"))]
    assert await node.output("cat /v/podname", "pod-7", mounted("v"), volumes=volumes) == ["pod-7"]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_files_can_have_another_mode(node: Node, kind: str) -> None:
    """[sig-storage] Downward API volume should set DefaultMode on files [LinuxOnly] [NodeConformance]
    [sig-storage] Projected downwardAPI should set DefaultMode on files [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/storage/downwardapi_volume.go
    Compared with test/e2e/common/storage/projected_downwardapi.go
    - the file's mode is -r--------: the only assertion
    """
    script = "stat -L -c %A /v/f"
    volumes = [volume(kind, field("metadata.name"), mode=0o400)]
    assert await node.output(script, container=mounted("v"), volumes=volumes) == ["-r--------"]


@pytest.mark.parametrize("kind", KINDS)
async def test_one_file_can_have_another_mode(node: Node, kind: str) -> None:
    """[sig-storage] Downward API volume should set mode on item file [LinuxOnly] [NodeConformance]
    [sig-storage] Projected downwardAPI should set mode on item file [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/storage/downwardapi_volume.go
    Compared with test/e2e/common/storage/projected_downwardapi.go
    - the file's mode is -r--------: the only assertion
    """
    script = "stat -L -c %A /v/f"
    volumes = [volume(kind, field("metadata.name", mode=0o400))]
    assert await node.output(script, container=mounted("v"), volumes=volumes) == ["-r--------"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("part", "before", "after"),
    [("labels", {"key1": "value1", "key2": "value2"}, {"key3": "value3"}), ("annotations", {"b": "bar"}, {"b": "foo"})],
)
async def test_a_running_pod_sees_its_labels_and_annotations_change(
    node: Node, kind: str, part: str, before: Object, after: Object
) -> None:
    """[sig-storage] Downward API volume should update labels on modification [NodeConformance]
    [sig-storage] Downward API volume should update annotations on modification [NodeConformance]
    [sig-storage] Projected downwardAPI should update labels on modification [NodeConformance]
    [sig-storage] Projected downwardAPI should update annotations on modification [NodeConformance]

    Compared with test/e2e/common/storage/downwardapi_volume.go
    Compared with test/e2e/common/storage/projected_downwardapi.go
    - the file has ``key1="value1"`` (annotations: ``builder="bar"``): the first ``reads``, with all of it
    - after the pod was updated it has ``key3="value3"`` (``builder="foo"``): the second ``reads``
    """
    container = {"image": "busybox", "imagePullPolicy": "Never", **shell(FOREVER, **mounted("v"))}
    spec = {"nodeName": "n1", "containers": [container], "volumes": [volume(kind, field(f"metadata.{part}"))]}
    metadata = {"name": "p", "namespace": "default", part: before}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    await node.admin.create(PODS, pod, namespace="default")
    await node.running()
    await node.reads("/v/f", "\n".join(f'{key}="{value}"' for key, value in before.items()))
    await node.admin.patch(PODS, "p", {"metadata": {part: after}}, namespace="default")
    await node.reads("/v/f", "\n".join(f'{key}="{value}"' for key, value in {**before, **after}.items()))
    await node.delete()
    await node.is_empty()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("limits.cpu", "2"),
        ("limits.memory", "67108864"),
        ("requests.cpu", "1"),
        ("requests.memory", "33554432"),
    ],
)
async def test_a_container_tells_what_it_asked_for(node: Node, kind: str, name: str, told: str) -> None:
    """[sig-storage] Downward API volume should provide container's cpu limit [NodeConformance]
    [sig-storage] Downward API volume should provide container's memory limit [NodeConformance]
    [sig-storage] Downward API volume should provide container's cpu request [NodeConformance]
    [sig-storage] Downward API volume should provide container's memory request [NodeConformance]
    [sig-storage] Projected downwardAPI should provide container's cpu limit [NodeConformance]
    [sig-storage] Projected downwardAPI should provide container's memory limit [NodeConformance]
    [sig-storage] Projected downwardAPI should provide container's cpu request [NodeConformance]
    [sig-storage] Projected downwardAPI should provide container's memory request [NodeConformance]

    Compared with test/e2e/common/storage/downwardapi_volume.go
    Compared with test/e2e/common/storage/projected_downwardapi.go
    - the file has the amount, in whole units rounded up: the only assertion
    """
    container = {**mounted("v"), "resources": RESOURCES}
    assert await node.output("cat /v/f", container=container, volumes=[volume(kind, resource(name))]) == [told]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ("cpu", "memory"))
async def test_a_container_without_limits_may_have_what_the_node_has(node: Node, kind: str, name: str) -> None:
    """[sig-storage] Downward API volume should provide node allocatable (cpu) as default cpu limit if the limit is not
    set [NodeConformance]
    [sig-storage] Downward API volume should provide node allocatable (memory) as default memory limit if the limit is
    not set [NodeConformance]
    [sig-storage] Projected downwardAPI should provide node allocatable (cpu) as default cpu limit if the limit is not
    set [NodeConformance]
    [sig-storage] Projected downwardAPI should provide node allocatable (memory) as default memory limit if the limit
    is not set [NodeConformance]

    Compared with test/e2e/common/storage/downwardapi_volume.go
    Compared with test/e2e/common/storage/projected_downwardapi.go
    - the file has a number that is not zero: the only assertion, with the number
    """
    volumes = [volume(kind, resource(f"limits.{name}"))]
    allocatable = node.kubelet.heartbeat.allocatable[name]
    wanted = str(int(allocatable.removesuffix("Ki")) * 1024) if name == "memory" else allocatable
    assert await node.output("cat /v/f", container=mounted("v"), volumes=volumes) == [wanted]
