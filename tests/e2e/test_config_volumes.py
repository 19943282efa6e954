"""Volumes of config maps and secrets, and their projections, in real containers.

Upstream's image prints files and modes; here a shell does. A name in a docstring is upstream's, and below it is every
assertion of upstream's test with the place where it is made here.
"""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, NAMESPACES, SECRETS
from tests.e2e.node import FOREVER, Node, mounted, mounts, shell
from tests.waiting import until

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
DATA = {"data-1": "value-1", "data-2": "value-2", "data-3": "value-3"}
KINDS = ("configMap", "secret", "projected configMap", "projected secret")
RESOURCES = {"configMap": CONFIG_MAPS, "secret": SECRETS}
NAMES = {"configMap": "ConfigMap", "secret": "Secret"}


def obj(kind: str, name: str, data: Mapping[str, str] = DATA, **more: Any) -> Object:
    """Return a config map or secret that holds texts."""
    plain = kind.removeprefix("projected ")
    values = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()} if plain == "secret" else dict(data)
    return {"apiVersion": "v1", "kind": NAMES[plain], "metadata": {"name": name}, "data": values, **more}


def volume(kind: str, of: str, name: str = "v", mode: int | None = None, **source: Any) -> Object:
    """Return a volume of a config map or secret, projected or not."""
    plain = kind.removeprefix("projected ")
    default = {} if mode is None else {"defaultMode": mode}
    if kind != plain:
        return {"name": name, "projected": {"sources": [{plain: {"name": of, **source}}], **default}}
    key = "name" if kind == "configMap" else "secretName"
    return {"name": name, kind: {key: of, **default, **source}}


async def make(node: Node, kind: str, name: str = "o", data: Mapping[str, str] = DATA, **more: Any) -> None:
    await node.admin.create(
        RESOURCES[kind.removeprefix("projected ")], obj(kind, name, data, **more), namespace="default"
    )


async def change(node: Node, kind: str, name: str, changes: Object) -> None:
    await node.admin.patch(RESOURCES[kind.removeprefix("projected ")], name, changes, namespace="default")


@pytest.mark.parametrize("kind", KINDS)
async def test_files_are_the_keys_and_can_be_read(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume [NodeConformance]
    [sig-storage] Secrets should be consumable from pods in volume [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume [NodeConformance]
    [sig-storage] Projected secret should be consumable from pods in volume [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    Compared with test/e2e/common/storage/projected_secret.go
    Compared with test/e2e/common/storage/secrets_volume.go
    - the file's content is "value-1": line 1
    - its mode is -rw-r--r--: line 2
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    script = "cat /v/data-1; echo; stat -L -c %A /v/data-1; ls /v; touch /v/x 2>/dev/null || echo read-only"
    lines = await node.output(script, container=mounted("v"), volumes=[volume(kind, "o")])
    assert lines == ["value-1", "-rw-r--r--", "data-1", "data-2", "data-3", "read-only"]
    await node.is_empty()


@pytest.mark.parametrize("kind", KINDS)
async def test_all_files_can_have_another_mode(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume with defaultMode set [LinuxOnly]
    [NodeConformance]
    [sig-storage] Secrets should be consumable from pods in volume with defaultMode set [LinuxOnly] [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume with defaultMode set [LinuxOnly]
    [NodeConformance]
    [sig-storage] Projected secret should be consumable from pods in volume with defaultMode set [LinuxOnly]
    [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    Compared with test/e2e/common/storage/projected_secret.go
    Compared with test/e2e/common/storage/secrets_volume.go
    - the file's content is "value-1": line 1
    - its mode is -r--------: line 2
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    script = "cat /v/data-1; echo; stat -L -c %A /v/data-1"
    lines = await node.output(script, container=mounted("v"), volumes=[volume(kind, "o", mode=0o400)])
    assert lines == ["value-1", "-r--------"]


@pytest.mark.parametrize("kind", ("configMap", "projected configMap"))
async def test_files_can_be_read_by_any_user(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume as non-root [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume as non-root [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    - the file's content is "value-1", read as user 1000: lines 1 and 2
    - its mode is -rw-r--r--: line 3
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    script = "id -u; cat /v/data-1; echo; stat -L -c %A /v/data-1"
    lines = await node.output(
        script, container=mounted("v"), volumes=[volume(kind, "o")], securityContext={"runAsUser": 1000}
    )
    assert lines == ["1000", "value-1", "-rw-r--r--"]


@pytest.mark.parametrize("kind", ("secret", "projected secret", "configMap"))
async def test_files_can_be_read_by_the_group_that_the_pod_names(node: Node, kind: str) -> None:
    """[sig-storage] Secrets should be consumable from pods in volume as non-root with defaultMode and fsGroup set
    [LinuxOnly] [NodeConformance]
    [sig-storage] Projected secret should be consumable from pods in volume as non-root with defaultMode and fsGroup
    set [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/storage/projected_secret.go
    Compared with test/e2e/common/storage/secrets_volume.go
    - the file's content is "value-1", read as user 1000 in group 1001: line 1
    - its mode is -r--r-----: line 2
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    script = "cat /v/data-1; echo; stat -L -c '%A %g' /v/data-1; stat -c %g /v; cat /v/data-2"
    context = {"runAsUser": 1000, "fsGroup": 1001}
    volumes = [volume(kind, "o", mode=0o440)]
    lines = await node.output(script, container=mounted("v"), volumes=volumes, securityContext=context)
    assert lines == ["value-1", "-r--r----- 1001", "1001", "value-2"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", (None, 0o400))
async def test_items_choose_keys_and_paths(node: Node, kind: str, mode: int | None) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume with mappings [NodeConformance]
    [sig-storage] ConfigMap should be consumable from pods in volume with mappings and Item mode set [LinuxOnly]
    [NodeConformance]
    [sig-storage] Secrets should be consumable from pods in volume with mappings [NodeConformance]
    [sig-storage] Secrets should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly]
    [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume with mappings [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume with mappings and Item mode set
    [LinuxOnly] [NodeConformance]
    [sig-storage] Projected secret should be consumable from pods in volume with mappings [NodeConformance]
    [sig-storage] Projected secret should be consumable from pods in volume with mappings and Item Mode set [LinuxOnly]
    [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    Compared with test/e2e/common/storage/projected_secret.go
    Compared with test/e2e/common/storage/secrets_volume.go
    - the content at the item's path is the key's: line 1
    - its mode is the item's, or -rw-r--r--: line 2
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    items = [{"key": "data-2", "path": "path/to/data-2", **({} if mode is None else {"mode": mode})}]
    script = "cat /v/path/to/data-2; echo; stat -L -c %A /v/path/to/data-2; ls /v"
    lines = await node.output(script, container=mounted("v"), volumes=[volume(kind, "o", items=items)])
    assert lines == ["value-2", "-rw-r--r--" if mode is None else "-r--------", "path"]


@pytest.mark.parametrize("kind", ("configMap", "projected configMap"))
async def test_items_can_be_read_by_any_user(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume with mappings as non-root [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume with mappings as non-root
    [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    - the content at the item's path is the key's, read as user 1000: line 1
    - its mode is -rw-r--r--: line 2
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    items = [{"key": "data-2", "path": "path/to/data-2"}]
    script = "cat /v/path/to/data-2; echo; stat -L -c %A /v/path/to/data-2"
    context = {"runAsUser": 1000}
    volumes = [volume(kind, "o", items=items)]
    lines = await node.output(script, container=mounted("v"), volumes=volumes, securityContext=context)
    assert lines == ["value-2", "-rw-r--r--"]


@pytest.mark.parametrize("kind", KINDS)
async def test_one_object_can_be_in_several_volumes(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap should be consumable in multiple volumes in the same pod [NodeConformance]
    [sig-storage] Secrets should be consumable in multiple volumes in a pod [NodeConformance]
    [sig-storage] Projected configMap should be consumable in multiple volumes in the same pod [NodeConformance]
    [sig-storage] Projected secret should be consumable in multiple volumes in a pod [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    Compared with test/e2e/common/storage/projected_secret.go
    Compared with test/e2e/common/storage/secrets_volume.go
    - the content of the first volume's file is "value-1": line 1 (and of the second's: line 2)
    - its mode, for secrets, is -rw-r--r--: line 3
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    script = "cat /v/data-1; echo; cat /w/data-1; echo; stat -L -c %A /v/data-1"
    volumes = [volume(kind, "o"), volume(kind, "o", "w")]
    lines = await node.output(script, container=mounted("v", "w"), volumes=volumes)
    assert lines == ["value-1", "value-1", "-rw-r--r--"]


@pytest.mark.parametrize("kind", ("configMap", "projected configMap"))
async def test_a_running_pod_sees_what_is_changed(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap updates should be reflected in volume [NodeConformance]
    [sig-storage] Projected configMap updates should be reflected in volume [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    - the file's content is "value-1": the first ``reads``
    - the update is accepted: ``change``
    - then its content is "value-2": the second ``reads``
    """
    await make(node, kind)
    await node.create(shell(FOREVER, **mounted("v")), volumes=[volume(kind, "o")])
    await node.running()
    await node.reads("/v/data-1", "value-1")
    await change(node, kind, "o", {"data": {"data-1": "value-2"}})
    await node.reads("/v/data-1", "value-2")
    await node.delete()
    await node.is_empty()


async def test_bytes_are_kept_as_they_are(node: Node) -> None:
    """[sig-storage] ConfigMap binary data should be reflected in volume [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    - the text's content is "value-1": line 1
    - the dump of the other file is "de ca fe ba d0 fe ff": line 2
    """
    data = b"\xde\xca\xfe\xba\xd0\xfe\xff"
    await make(node, "configMap", binaryData={"dump.bin": base64.b64encode(data).decode()})
    script = "cat /v/data-1; echo; od -An -t x1 /v/dump.bin"
    lines = await node.output(script, container=mounted("v"), volumes=[volume("configMap", "o")])
    assert [line.strip() for line in lines] == ["value-1", "de ca fe ba d0 fe ff"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_running_pod_sees_optional_objects_come_change_and_go(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap optional updates should be reflected in volume [NodeConformance]
    [sig-storage] Secrets optional updates should be reflected in volume [NodeConformance]
    [sig-storage] Projected configMap optional updates should be reflected in volume [NodeConformance]
    [sig-storage] Projected secret optional updates should be reflected in volume [NodeConformance]

    Compared with test/e2e/common/storage/configmap_volume.go
    Compared with test/e2e/common/storage/projected_configmap.go
    Compared with test/e2e/common/storage/projected_secret.go
    Compared with test/e2e/common/storage/secrets_volume.go
    - the object that does not exist yet has no file: the first ``reads``
    - the key that does not exist yet has no file: the second
    - the object that will be deleted has its file: the third
    - deleting, updating and creating the objects succeeds: the three requests
    - the created object's file has "value-1", the new key's "value-3", the deleted object's is gone: the last three
    """
    for name in ("delete", "update"):
        await make(node, kind, name, {"data-1": "value-1"})
    names = ("create", "update", "delete")
    volumes = [volume(kind, name, name, optional=True) for name in names]
    await node.create(shell(FOREVER, **mounted(*names, readOnly=True)), volumes=volumes)
    await node.running()
    await node.reads("/create/data-1", None)
    await node.reads("/update/data-3", None)
    await node.reads("/delete/data-1", "value-1")
    resource = RESOURCES[kind.removeprefix("projected ")]
    await node.admin.delete(resource, "delete", namespace="default")
    await change(node, kind, "update", {"data": {"data-1": None, **obj(kind, "x", {"data-3": "value-3"})["data"]}})
    await make(node, kind, "create", {"data-1": "value-1"})
    await node.reads("/create/data-1", "value-1")
    await node.reads("/update/data-3", "value-3")
    await node.reads("/delete/data-1", None)
    await node.delete()
    await node.is_empty()


async def test_a_secret_of_another_namespace_is_another_secret(node: Node) -> None:
    """[sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same
    name in different namespace [NodeConformance]

    Compared with test/e2e/common/storage/secrets_volume.go
    - making the namespace and the other secret succeeds: the first two requests
    - the file's content is "value-1", not the other's: line 1
    - its mode is -rw-r--r--: line 2
    - the pod succeeds: ``output``
    """
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
    await node.admin.create(NAMESPACES, namespace)
    await node.admin.create(SECRETS, obj("secret", "o", {"data-1": "another"}), namespace="other")
    await make(node, "secret")
    script = "cat /v/data-1; echo; stat -L -c %A /v/data-1"
    lines = await node.output(script, container=mounted("v"), volumes=[volume("secret", "o")])
    assert lines == ["value-1", "-rw-r--r--"]


async def test_everything_that_can_be_projected_can_be_projected_together(node: Node) -> None:
    """[sig-storage] Projected combined should project all components that make up the projection API [Projection]
    [NodeConformance]

    Compared with test/e2e/common/storage/projected_combined.go
    - the output has the pod's name: line 1
    - and the secret's value: line 2
    - and the config map's: line 3
    """
    await make(node, "configMap", "map", {"configmap-data": "configmap-value-1"})
    await make(node, "secret", "hidden", {"secret-data": "secret-value-1"})
    sources = [
        {"downwardAPI": {"items": [{"path": "podname", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"secret": {"name": "hidden"}},
        {"configMap": {"name": "map"}},
    ]
    script = "cat /all/podname; echo; cat /all/secret-data; echo; cat /all/configmap-data"
    volumes = [{"name": "all", "projected": {"sources": sources}}]
    lines = await node.output(script, container=mounted("all"), volumes=volumes)
    assert lines == ["p", "secret-value-1", "configmap-value-1"]


async def test_volumes_of_two_kinds_do_not_get_in_each_others_way(node: Node) -> None:
    """[sig-storage] EmptyDir wrapper volumes should not conflict

    Compared with test/e2e/storage/empty_dir_wrapper.go
    - a pod with a secret's and a config map's volume runs: ``running``
    - the objects and the pod can be deleted: the last three requests
    """
    await make(node, "configMap")
    await make(node, "secret")
    volumes = [volume("configMap", "o"), volume("secret", "o", "w")]
    await node.create(shell(FOREVER, **mounted("v", "w")), volumes=volumes)
    await node.running()
    await node.admin.delete(SECRETS, "o", namespace="default")
    await node.admin.delete(CONFIG_MAPS, "o", namespace="default")
    await node.delete()
    await node.is_empty()


async def test_secrets_are_in_memory_only(node: Node) -> None:
    await make(node, "secret")
    await make(node, "configMap")
    script = "for v in v w x; do grep \" /$v \" /proc/mounts | cut -d ' ' -f 3; done"
    downward = {"name": "x", "downwardAPI": {"items": []}}
    volumes = [volume("secret", "o"), volume("projected secret", "o", "w"), downward]
    assert await node.output(script, container=mounted("v", "w", "x"), volumes=volumes) == ["tmpfs"] * 3


async def test_a_pod_waits_for_its_config_map(node: Node) -> None:
    await node.create(shell(FOREVER, **mounted("v")), volumes=[volume("configMap", "o")])
    await node.told("FailedMount", 'MountVolume.SetUp failed for volume "v" : configmap "o" not found')
    assert await node.waits("ContainerCreating") == {"reason": "ContainerCreating"}
    assert await node.runtime.sandboxes() == []
    await make(node, "configMap")
    await node.running()
    await node.delete()


async def test_a_pod_that_waits_for_its_volume_can_be_deleted(node: Node) -> None:
    await make(node, "secret")
    volumes = [volume("secret", "o"), volume("configMap", "absent", "w")]
    await node.create(shell(FOREVER, **mounted("v", "w")), volumes=volumes)
    await node.told("FailedMount", 'MountVolume.SetUp failed for volume "w" : configmap "absent" not found')
    await node.delete()
    await node.is_empty()


async def test_a_kubelet_that_was_killed_goes_on_with_the_volumes_of_its_pods(node: Node) -> None:
    await make(node, "secret")
    await node.create(shell(FOREVER, **mounted("v")), volumes=[volume("secret", "o")])
    before = (await node.running())["containerStatuses"][0]["containerID"]
    await node.kill_kubelet()
    await change(node, "secret", "o", obj("secret", "o", {"data-1": "changed"}))
    node.start_kubelet()
    await node.reads("/v/data-1", "changed")
    assert (await node.running())["containerStatuses"][0]["containerID"] == before
    assert mounts().count("kubernetes.io~secret/v") == 1
    await node.delete()
    await node.is_empty()


async def test_a_pod_that_has_ended_keeps_no_secret_in_memory(node: Node) -> None:
    await make(node, "secret")
    await node.create(shell("true", **mounted("v")), volumes=[volume("secret", "o")], restartPolicy="Never")
    await node.finished()
    await until(lambda: "kubernetes.io~secret" not in mounts(), "the secret is in memory no more")
    await node.delete()
