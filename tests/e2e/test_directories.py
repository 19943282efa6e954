"""emptyDir and hostPath volumes in real containers, and mounts that propagate.

A name in a docstring is upstream's; below it is every assertion of upstream's test and where it is made here.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.node import FOREVER, Node, mounted, mounts, shell
from tests.waiting import until

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
MEDIA = ("", "Memory")
MODES = {"0644": "-rw-r--r--", "0666": "-rw-rw-rw-", "0777": "-rwxrwxrwx"}


def empty(medium: str, **more: Any) -> list[Object]:
    return [{"name": "v", "emptyDir": {"medium": medium, **more}}]


@pytest.mark.parametrize("medium", MEDIA)
async def test_a_directory_is_for_everybody(node: Node, medium: str) -> None:
    """[sig-storage] EmptyDir volumes volume on default medium should have the correct mode [LinuxOnly]
    [NodeConformance]
    [sig-storage] EmptyDir volumes volume on tmpfs should have the correct mode [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/storage/empty_dir.go
    - the permissions of the directory are -rwxrwxrwx: line 1
    - the mount's type is tmpfs, for the latter: line 2
    """
    script = "stat -c %a /v | grep -o '...$'; grep ' /v ' /proc/mounts | cut -d ' ' -f 3"
    lines = await node.output(script, container=mounted("v"), volumes=empty(medium))
    assert lines[0] == "777"
    assert (lines[1] == "tmpfs") == (medium == "Memory")
    await node.is_empty()


@pytest.mark.parametrize("user", (0, 1000))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("medium", MEDIA)
async def test_anybody_can_make_files_in_a_directory(node: Node, medium: str, mode: str, user: int) -> None:
    """[sig-storage] EmptyDir volumes should support (root,0644,tmpfs) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (root,0666,tmpfs) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (root,0777,tmpfs) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (non-root,0644,tmpfs) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (non-root,0666,tmpfs) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (non-root,0777,tmpfs) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (root,0644,default) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (root,0666,default) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (root,0777,default) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (non-root,0644,default) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (non-root,0666,default) [LinuxOnly] [NodeConformance]
    [sig-storage] EmptyDir volumes should support (non-root,0777,default) [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/storage/empty_dir.go
    - a file made there has the mode that it was made with: line 1
    - its content is what was written: line 2
    - the mount's type is tmpfs, for tmpfs: line 3
    """
    script = f"""umask 0; echo 'mount-tester new file' > /v/f; chmod {mode} /v/f
        stat -c '%A %u' /v/f; cat /v/f; grep ' /v ' /proc/mounts | cut -d ' ' -f 3"""
    context = {"seLinuxOptions": {"level": "s0"}, **({"runAsUser": user} if user else {})}
    lines = await node.output(script, container=mounted("v"), volumes=empty(medium), securityContext=context)
    assert lines[:2] == [f"{MODES[mode]} {user}", "mount-tester new file"]
    assert (lines[2] == "tmpfs") == (medium == "Memory")


async def test_containers_share_a_directory(node: Node) -> None:
    """[sig-storage] EmptyDir volumes pod should support shared volumes between containers

    Compared with test/e2e/common/storage/empty_dir.go
    - the pod runs: ``once``
    - the main container reads what the other has written: ``reads``
    """
    message = "Hello from the busy-box sub-container"
    writer = shell(f"echo {message} > /pod-data/shareddata.txt", "sub")
    writer["volumeMounts"] = [{"name": "v", "mountPath": "/pod-data"}]
    main = shell(FOREVER, volumeMounts=[{"name": "v", "mountPath": "/usr/share/volumeshare"}])
    await node.create(main, writer, volumes=empty(""), restartPolicy="Never")
    await node.once(lambda s: any("terminated" in c["state"] for c in s["containerStatuses"]))
    await node.reads("/usr/share/volumeshare/shareddata.txt", f"{message}\n")
    await node.delete()


async def test_a_directory_in_memory_is_as_large_as_it_says(node: Node) -> None:
    script = "df -k /v | awk 'NR == 2 {print $2}'"
    assert await node.output(script, container=mounted("v"), volumes=empty("Memory", sizeLimit="10Mi")) == ["10240"]
    container = {**mounted("v"), "resources": {"limits": {"memory": "20Mi"}}}
    assert await node.output(script, container=container, volumes=empty("Memory")) == ["20480"]


@pytest.mark.parametrize("medium", MEDIA)
async def test_a_directory_belongs_to_the_pods_group(node: Node, medium: str) -> None:
    script = "stat -c %g /v; umask 0117; touch /v/f; stat -c '%A %g' /v/f"
    context = {"runAsUser": 1000, "fsGroup": 123, "fsGroupChangePolicy": "OnRootMismatch"}
    lines = await node.output(script, container=mounted("v"), volumes=empty(medium), securityContext=context)
    assert lines == ["123", "-rw-rw---- 123"]


def host(path: Path | str, kind: str = "") -> list[Object]:
    return [{"name": "v", "hostPath": {"path": str(path), "type": kind}}]


async def test_a_path_of_the_host_is_shared_with_it(node: Node) -> None:
    path = node.directory / "shared"
    os.mkdir(path)
    (path / "before").write_text("there")
    lines = await node.output("cat /v/before; echo; echo new > /v/after", container=mounted("v"), volumes=host(path))
    assert lines == ["there"]
    assert (path / "after").read_text() == "new\n"
    lines = await node.output(
        "touch /v/x 2>/dev/null || echo no", container=mounted("v", readOnly=True), volumes=host(path)
    )
    assert lines == ["no"]


async def test_what_must_be_there_is_waited_for(node: Node) -> None:
    path = node.directory / "late"
    await node.create(shell(FOREVER, **mounted("v")), volumes=host(path, "Directory"))
    said = f'MountVolume.SetUp failed for volume "v" : hostPath type check failed: {path} is not a directory'
    await node.told("FailedMount", said)
    await node.waits("ContainerCreating")
    os.mkdir(path)
    await node.running()
    await node.delete()


@pytest.mark.parametrize(
    ("kind", "script"),
    [
        ("DirectoryOrCreate", "[ -d /v ] && touch /v/x && echo right"),
        ("FileOrCreate", "[ -f /v ] && echo right"),
        ("", "[ -d /v ] && echo right"),
    ],
)
async def test_what_is_not_there_is_made_where_that_is_asked_for(node: Node, kind: str, script: str) -> None:
    path = node.directory / f"made-{kind}"
    assert await node.output(script, container=mounted("v"), volumes=host(path, kind)) == ["right"]
    assert path.exists()


async def test_sockets_and_devices_are_shared_too(node: Node) -> None:
    socket = await node.output(
        "[ -S /v ] && echo socket", container=mounted("v"), volumes=host(node.directory / "containerd.sock", "Socket")
    )
    assert socket == ["socket"]
    device = await node.output("[ -c /v ] && echo yes", container=mounted("v"), volumes=host("/dev/null", "CharDevice"))
    assert device == ["yes"]


async def test_mounts_go_where_they_may(node: Node) -> None:
    """One container mounts in a shared directory; who takes part sees it, and it goes with the pod."""

    def at(mode: str) -> Object:
        return {"volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": mode}]}

    maker = shell(f"mkdir /v/m; mount -t tmpfs tmpfs /v/m; touch /v/m/file; {FOREVER}", "maker", **at("Bidirectional"))
    maker["securityContext"] = {"privileged": True}
    seer = shell(
        f"while ! [ -e /v/m/file ]; do sleep 0.05; done; echo seen; {FOREVER}", "seer", **at("HostToContainer")
    )
    blind = shell(f"while ! [ -d /v/m ]; do sleep 0.05; done; sleep 0.3; ls /v/m; echo end; {FOREVER}", **at("None"))
    await node.create(blind, maker, seer, volumes=empty(""))

    async def seen() -> bool:
        return await node.log("seer") == ["seen"] and await node.log("main") == ["end"]

    await node.running()
    await until(seen, "one has seen the mount, the other has looked")
    assert "empty-dir/v/m" in mounts()
    await node.delete()
    await node.is_empty()
