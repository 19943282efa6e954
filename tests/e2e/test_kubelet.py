"""The kubelet on a real containerd: what a pod's containers see, and what survives whose end."""

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, PODS, SECRETS
from podbay.kubelet import cgroups
from tests.e2e.containerd import BUSYBOX, PrivateContainerd
from tests.e2e.node import FOREVER, Node, shell
from tests.waiting import until

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
# In a command, ``$$`` is Kubernetes' way to write a dollar.
SERVES = ["sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.1; done"]


def _process_of(container_id: str) -> str:
    """Return the pid of a container's first process."""
    found = [p.name for p in Path("/proc").glob("[0-9]*") if container_id in _text(p / "cgroup")]
    return min(found, key=int)


async def _enter(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "nsenter", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _held_to(path: str) -> tuple[int, int | None, int | None]:
    """Return a cgroup's cpu shares, its cpu quota and its memory limit; None is none."""
    root = cgroups.MOUNT
    if (root / "cgroup.controllers").exists():
        directory = root / path.lstrip("/")
        shares = next(s for s in (2, 256, 1280) if cgroups.cpu_weight(s) == int(_text(directory / "cpu.weight")))
        quota, memory = _text(directory / "cpu.max").split()[0], _text(directory / "memory.max").strip()
        return shares, None if quota == "max" else int(quota), None if memory == "max" else int(memory)
    shares, quota_us = (int(_text(root / f"cpu{path}" / f"cpu.{name}")) for name in ("shares", "cfs_quota_us"))
    limit = int(_text(root / f"memory{path}" / "memory.limit_in_bytes"))
    return shares, quota_us if quota_us > 0 else None, limit if limit < 1 << 60 else None


GREEDY = "tail /dev/zero"  # keeps all that it reads, and never comes to an end


async def test_the_containers_of_a_pod_share_what_they_should_and_nothing_else(node: Node) -> None:
    volume = {"name": "shared", "emptyDir": {}}
    mount = [{"name": "shared", "mountPath": "/shared"}]
    await node.create(
        shell(
            "hostname > /shared/name; readlink /proc/self/ns/ipc > /shared/ipc;"
            " readlink /proc/self/ns/net > /shared/net; touch /own;"
            " echo done > /shared/done; while true; do sleep 0.1; done",
            volumeMounts=mount,
        ),
        shell(
            "while ! [ -e /shared/done ]; do sleep 0.05; done; [ $(cat /shared/name) = $(hostname) ] && echo name;"
            " [ $(cat /shared/ipc) = $(readlink /proc/self/ns/ipc) ] && echo ipc;"
            " [ $(cat /shared/net) = $(readlink /proc/self/ns/net) ] && echo net;"
            " [ -e /own ] || echo files; [ $$$$ = 1 ] && echo processes; while true; do sleep 0.1; done",
            name="second",
            volumeMounts=mount,
        ),
        volumes=[volume],
        terminationGracePeriodSeconds=1,
    )
    status = await node.running()
    assert status["podIP"].startswith("10.213.")

    async def told() -> bool:
        return await node.log("second") == ["name", "ipc", "net", "files", "processes"]

    await until(told, "the second container tells what it sees")
    await node.delete()


async def test_what_one_container_puts_into_ipc_the_other_sees_and_another_pod_does_not(node: Node) -> None:
    await node.create({"name": "main", "command": SERVES}, {"name": "second", "command": SERVES})
    await node.create({"name": "main", "command": SERVES}, name="apart")
    first, apart = await node.running(), await node.running("apart")
    ids = {s["name"]: s["containerID"].partition("://")[2] for s in first["containerStatuses"]}
    main, second = _process_of(ids["main"]), _process_of(ids["second"])
    other = _process_of(apart["containerStatuses"][0]["containerID"].partition("://")[2])
    # System V: shared memory made where the first container makes it. POSIX: a message queue and shared memory.
    assert "Shared memory id" in await _enter("--ipc", "--target", main, "ipcmk", "-M", "4242")
    everything = ["--ipc", "--mount", "--root", "--target"]
    await _enter(*everything, main, "/bin/sh", "-c", "touch /dev/mqueue/queue /dev/shm/memory")
    look = "cat /proc/sysvipc/shm; ls /dev/mqueue /dev/shm"
    seen = await _enter(*everything, second, "/bin/sh", "-c", look)
    assert " 4242 " in seen and "\nqueue\n" in seen and "\nmemory\n" in seen
    seen = await _enter(*everything, other, "/bin/sh", "-c", look)
    assert " 4242 " not in seen and "\nqueue\n" not in seen and "\nmemory\n" not in seen
    await node.delete()
    await node.delete("apart")


async def test_requests_and_limits_are_what_the_kernel_holds_pods_and_containers_to(node: Node) -> None:
    resources = {"requests": {"cpu": "250m"}, "limits": {"cpu": "500m", "memory": "64Mi"}}
    await node.create(
        {"name": "main", "command": SERVES, "resources": resources},
        {"name": "second", "command": SERVES, "resources": {"limits": {"cpu": "1", "memory": "32Mi"}}},
    )
    await node.create({"name": "main", "command": SERVES}, name="modest")
    main = (await node.running())["containerStatuses"][0]["containerID"].partition("://")[2]
    await node.running("modest")
    uids = {}
    for name in ("p", "modest"):
        uids[name] = (await node.admin.get(PODS, name, namespace="default"))["metadata"]["uid"]
    pod_cgroup, modest = f"{node.cgroup}/pod{uids['p']}", f"{node.cgroup}/pod{uids['modest']}"
    assert _held_to(f"{pod_cgroup}/{main}") == (256, 50_000, 64 << 20)
    assert _held_to(pod_cgroup) == (256 + 1024, 150_000, 96 << 20)
    assert _held_to(modest) == (2, None, None)
    await node.delete()
    await node.delete("modest")


async def test_processes_are_shared_if_asked_and_orphans_are_reaped(node: Node) -> None:
    script = "[ $$$$ != 1 ] && grep -q catatonit /proc/1/comm && echo shared"
    await node.create(shell(script), shareProcessNamespace=True, restartPolicy="Never")
    await node.finished()
    assert await node.log() == ["shared"]


async def test_environment_hosts_and_resolver_are_the_pods_own(node: Node) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"greeting": "hi"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"WORD": "sesame"}}
    await node.admin.create(CONFIG_MAPS, config, namespace="default")
    await node.admin.create(SECRETS, secret, namespace="default")
    env = [
        {"name": "GREETING", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "greeting"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        {"name": "BOTH", "value": "$(GREETING) $$(WORD) $(WORD)"},
    ]
    await node.create(
        {
            "name": "main",
            "command": ["sh", "-c"],
            "args": [
                "echo \"$BOTH|$LIMIT|\"'$(BOTH)'; grep -q ^$IP.*p$ /etc/hosts && echo hosts; cat /etc/resolv.conf; pwd;"
                " echo last words > /dev/termination-log; exit 3"
            ],
            "env": env,
            "envFrom": [{"secretRef": {"name": "s"}}],
            "workingDir": "/tmp",
            "resources": {"limits": {"memory": "64Mi", "cpu": "500m"}},
        },
        restartPolicy="Never",
    )
    status = await node.finished()
    state = status["containerStatuses"][0]["state"]["terminated"]
    assert (status["phase"], state["exitCode"], state["message"]) == ("Failed", 3, "last words\n")
    assert status["qosClass"] == "Guaranteed"
    assert await node.log() == [
        "hi $(WORD) sesame|64|hi $(WORD) sesame",
        "hosts",
        "search example.org",
        "nameserver 192.0.2.53",
        "/tmp",
    ]


async def test_a_pod_in_the_hosts_network_has_the_hosts_name_address_and_hosts_file(node: Node) -> None:
    script = "hostname; readlink /proc/self/ns/net; cat /etc/hosts"
    await node.create(shell(script), hostNetwork=True, hostname="mine", restartPolicy="Never")
    status = await node.finished()
    assert status["podIP"] == status["hostIP"] == "127.0.0.1"
    name, network, *hosts = await node.log()
    assert (name, network) == (socket.gethostname(), os.readlink("/proc/self/ns/net"))
    assert hosts[0] == "# Kubernetes-managed hosts file (host network)."
    assert hosts[1:] == _text(Path("/etc/hosts")).splitlines()
    await node.delete()


async def test_many_pods_at_once_all_run_each_with_an_address_of_its_own(node: Node) -> None:
    names = [f"p-{number}" for number in range(20)]
    for name in names:
        await node.create({"name": "main", "command": SERVES}, name=name)
    statuses = [await node.running(name) for name in names]
    assert len({status["podIP"] for status in statuses}) == len(names)
    assert sum(status["containerStatuses"][0]["restartCount"] for status in statuses) == 0
    assert len(await node.runtime.sandboxes()) == len(names)
    for name in names:
        await node.delete(name)


async def test_a_container_is_told_to_have_what_was_allocated_and_mounted(node: Node) -> None:
    asked = {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "250m", "memory": "32Mi"}}
    at = {"name": "v", "mountPath": "/v", "readOnly": True}
    first = shell("true", resources=asked) | {"name": "first"}
    await node.create(
        {"name": "main", "command": SERVES, "resources": asked, "volumeMounts": [at]},
        initContainers=[{"image": BUSYBOX, "imagePullPolicy": "Never", **first}],
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    status = await node.running()
    main, init = status["containerStatuses"][0], status["initContainerStatuses"][0]
    for each in (main, init):
        assert (each["resources"], each["allocatedResources"]) == (asked, asked["requests"])
    assert main["volumeMounts"] == [{**at, "recursiveReadOnly": "Disabled"}]
    assert ("user" in main) == bool((await node.runtime.container_status(main["containerID"].split("//")[1])).user)
    await node.delete()


async def test_too_much_memory_is_the_end(node: Node) -> None:
    await node.create(
        shell("yes | tr \\n x | head -c 200000000 | sort", resources={"limits": {"memory": "20Mi"}}),
        restartPolicy="Never",
    )
    state = (await node.finished())["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == (137, "OOMKilled")


@pytest.mark.parametrize("script", [f"exec {GREEDY}", f"{GREEDY} & wait $!; exit $?"])
async def test_who_ran_out_of_memory_is_told_for_the_container_alone_and_starts_again(node: Node, script: str) -> None:
    greedy = shell(script, resources={"limits": {"memory": "20Mi"}})
    await node.create(greedy, {"name": "other", "command": SERVES, "resources": {"limits": {"memory": "20Mi"}}})
    status = await node.once(lambda s: bool(s["containerStatuses"][0]["restartCount"]))
    main, other = status["containerStatuses"]
    ended = main["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    assert (other["ready"], other["restartCount"], other["lastState"]) == (True, 0, {})
    await node.delete()


async def test_a_container_that_outlives_a_child_out_of_memory_runs_on(node: Node) -> None:
    survives = shell(f"{GREEDY} & wait $!; echo $?; {FOREVER}", resources={"limits": {"memory": "20Mi"}})
    await node.create(survives)
    await node.running()

    async def has_lost_its_child() -> bool:
        return "137" in await node.log()

    await until(has_lost_its_child, "it tells of its child's end")
    (status,) = (await node.running())["containerStatuses"]
    assert (status["restartCount"], "running" in status["state"]) == (0, True)
    await node.delete()


async def test_a_memory_volume_is_in_memory_and_goes_with_its_pod(node: Node) -> None:
    volume = {"name": "m", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
    script = (
        "grep ' /m ' /proc/mounts | cut -d ' ' -f 3; dd if=/dev/zero of=/m/x bs=1M count=2 2>/dev/null || echo full"
    )
    await node.create(
        shell(script, volumeMounts=[{"name": "m", "mountPath": "/m"}]), volumes=[volume], restartPolicy="Never"
    )
    await node.finished()
    assert await node.log() == ["tmpfs", "full"]
    await node.delete()
    await node.is_empty()


async def test_an_absent_image_and_an_absent_command_are_told(node: Node) -> None:
    await node.create({"name": "main", "image": "absent:1", "imagePullPolicy": "Never"}, name="image")
    await node.create({"name": "main", "command": ["/absent"]}, name="command")
    await node.waits("ErrImageNeverPull", "image")
    assert (await node.admin.get(PODS, "image", namespace="default"))["status"]["phase"] == "Pending"
    status = await node.once(lambda s: "terminated" in s["containerStatuses"][0]["lastState"], "command")
    last = status["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (128, "StartError")
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] in ("RunContainerError", "CrashLoopBackOff")
    await node.delete("image")
    await node.delete("command")


async def test_an_end_is_seen_and_the_container_restarted(node: Node) -> None:
    await node.create(shell("sleep 0.3; exit 1"))
    status = await node.once(lambda s: s["containerStatuses"][0]["restartCount"] == 1)
    assert status["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1
    await node.waits("CrashLoopBackOff")
    await node.delete()


async def test_neither_the_end_of_the_kubelet_nor_of_containerd_restarts_anything(
    node: Node, containerd: PrivateContainerd
) -> None:
    await node.create({"name": "main", "command": SERVES})
    before = (await node.running())["containerStatuses"][0]
    await node.kill_kubelet()
    node.start_kubelet()
    await asyncio.to_thread(containerd.kill)
    await asyncio.to_thread(containerd.start)
    await node.create({"name": "main", "command": SERVES}, name="another")
    await node.running("another")
    after = (await node.running())["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    assert len(await node.runtime.sandboxes()) == 2
    await node.delete()
    await node.delete("another")


async def test_a_deleted_pod_leaves_nothing_behind(node: Node) -> None:
    await node.create({"name": "main", "command": SERVES})
    await node.running()
    pod = await node.admin.get(PODS, "p", namespace="default")
    uid = pod["metadata"]["uid"]
    assert uid in cgroups.pods_under(node.cgroup)
    await node.delete(grace_s=30)
    left: list[object] = []

    async def gone() -> bool:
        left[:] = [*node.kubelet.files.uids(), *cgroups.pods_under(node.cgroup), *(node.directory / "pods").iterdir()]
        return not left and not await node.runtime.sandboxes()

    await until(gone, left)
