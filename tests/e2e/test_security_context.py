"""Security contexts in real containers: who runs, what it may do, and what a node refuses.

A name in a docstring is upstream's; below it is every assertion of upstream's test and where it is made here.
"""

import json
import os
from typing import Any

import pytest

from podbay.api.errors import Invalid
from podbay.api.resources import NODES, PODS
from tests.e2e.containerd import BUSYBOX
from tests.e2e.node import Node, shell

pytestmark = pytest.mark.e2e

Object = dict[str, Any]


def context(**values: Any) -> Object:
    return {"securityContext": values}


async def test_a_container_runs_as_the_user_that_it_names(node: Node) -> None:
    """[sig-node] Security Context When creating a container with runAsUser should run the container with uid 65534
    [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/node/security_context.go
    - the shell's ``test $(id -u) -eq 65534`` is true and the pod succeeds: ``output``
    """
    assert await node.output("test $(id -u) -eq 65534", container=context(runAsUser=65534)) == []


async def test_the_user_and_group_of_the_pod_hold(node: Node) -> None:
    """[sig-node] Security Context should support pod.Spec.SecurityContext.RunAsUser And
    pod.Spec.SecurityContext.RunAsGroup [LinuxOnly]

    Compared with test/e2e/node/security_context.go
    - the output of ``id`` has uid=1001: the first assertion
    - and gid=2002: the same
    """
    (line,) = await node.output("id", **context(runAsUser=1001, runAsGroup=2002))
    assert line.startswith("uid=1001 gid=2002")


async def test_the_user_and_group_of_a_container_win(node: Node) -> None:
    """[sig-node] Security Context should support container.SecurityContext.RunAsUser And
    container.SecurityContext.RunAsGroup [LinuxOnly]

    Compared with test/e2e/node/security_context.go
    - the output of ``id`` has uid=1002 and gid=2002, the container's, not the pod's: the only assertion
    """
    own = context(runAsUser=1002, runAsGroup=2002)
    (line,) = await node.output("id", container=own, **context(runAsUser=1001, runAsGroup=2001))
    assert line.startswith("uid=1002 gid=2002")


async def test_groups_of_the_pod_are_groups_of_its_processes(node: Node) -> None:
    (line,) = await node.output("id -G", **context(runAsUser=1001, fsGroup=3000, supplementalGroups=[4000, 5000]))
    assert {"3000", "4000", "5000"} <= set(line.split())
    assert await node.output("id -g", container=context(runAsGroup=77)) == ["77"]


async def test_a_container_is_unprivileged_unless_it_says_so(node: Node) -> None:
    """[sig-node] Security Context When creating a pod with privileged should run the container as unprivileged when
    false [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/node/security_context.go
    - the pod succeeds, its command being ``ip link add dummy0 type dummy || true``: ``output``
    - its log says "Operation not permitted": the first assertion
    """
    script = "ip link add dummy0 type dummy 2>&1 || true"
    lines = await node.output(script, container=context(privileged=False))
    assert "Operation not permitted" in lines[0]
    assert await node.output("mount -t tmpfs tmpfs /tmp && echo mounted", container=context(privileged=True)) == [
        "mounted"
    ]


async def test_a_root_file_system_is_writable_unless_it_says_so(node: Node) -> None:
    """[sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with
    writable rootfs when readOnlyRootFilesystem=false [NodeConformance]

    Compared with test/e2e/common/node/security_context.go
    - the pod, which touches a file in its root, succeeds: ``output``
    """
    assert await node.output("touch checkfile", container=context(readOnlyRootFilesystem=False)) == []


async def test_a_read_only_root_file_system_cannot_be_written(node: Node) -> None:
    """[sig-node] Kubelet when scheduling a read only busybox container should not write to root filesystem
    [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/node/kubelet.go
    - the log is "/bin/sh: can't create /file: Read-only file system": the only assertion
    """
    container = {"command": ["/bin/sh", "-c", "echo test > /file; true"], **context(readOnlyRootFilesystem=True)}
    lines = await node.output("", container=container)
    assert lines == ["/bin/sh: can't create /file: Read-only file system"]


async def test_privileges_are_not_gained_where_that_is_forbidden(node: Node) -> None:
    """[sig-node] Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege
    escalation when false [LinuxOnly] [NodeConformance]

    Compared with test/e2e/common/node/security_context.go
    - a program with the set-uid bit that runs as 1000 prints that its effective user is 1000: the first assertion
    - the pod succeeds: ``output``
    """
    libraries = {"lib": "/usr/lib", "lib64": "/usr/lib64", "bin": "/usr/bin"}
    volumes = [{"name": name, "hostPath": {"path": path}} for name, path in libraries.items()]
    volumes.append({"name": "shared", "hostPath": {"path": f"{node.directory}/shared", "type": "DirectoryOrCreate"}})
    mounts = [{"name": name, "mountPath": f"/{name}", "readOnly": True} for name in ("lib", "lib64")]
    tools = {"name": "bin", "mountPath": "/host-bin", "readOnly": True}
    shared = {"name": "shared", "mountPath": "/shared"}
    copy = {"volumeMounts": [tools, shared]}
    await node.output("cp /host-bin/id /shared/id && chmod 4755 /shared/id", container=copy, volumes=volumes)
    for escalation, wanted in ((False, "1000"), (True, "0"), (None, "0")):
        own = context(runAsUser=1000, **({} if escalation is None else {"allowPrivilegeEscalation": escalation}))
        use = {"volumeMounts": [*mounts, shared], **own}
        assert await node.output("/shared/id -u", container=use, volumes=volumes) == [wanted], escalation


async def test_what_must_not_run_as_root_waits_and_says_why(node: Node) -> None:
    await node.create(shell("true"), **context(runAsNonRoot=True))
    waiting = await node.waits("CreateContainerConfigError")
    uid = (await node.admin.get(PODS, "p", namespace="default"))["metadata"]["uid"]
    said = f'container has runAsNonRoot and image will run as root (pod: "p_default({uid})", container: main)'
    assert waiting["message"] == said
    await node.told("Failed", f"Error: {said}")
    await node.delete()
    assert await node.output("id -u", container=context(runAsUser=5), **context(runAsNonRoot=True)) == ["5"]


async def test_capabilities_are_added_and_dropped(node: Node) -> None:
    own = context(capabilities={"add": ["NET_ADMIN"], "drop": ["CHOWN"]})
    script = "ip link add dummy0 type dummy 2>&1; touch /f; chown 5 /f 2>/dev/null || echo kept"
    lines = await node.output(script, container=own)
    assert lines[-1] == "kept" and "Operation not permitted" not in " ".join(lines)
    own = context(capabilities={"drop": ["ALL"]})
    lines = await node.output("grep CapEff /proc/self/status", container=own)
    assert lines == ["CapEff:\t0000000000000000"]


async def test_seccomp_profiles_filter_system_calls(node: Node) -> None:
    script = "grep -w Seccomp /proc/self/status | cut -f 2; mkdir /a 2>/dev/null || echo refused"
    for kind, filtered in (("Unconfined", "0"), ("RuntimeDefault", "2")):
        lines = await node.output(script, container=context(seccompProfile={"type": kind}))
        assert lines == [filtered], kind
    assert (await node.output(script))[0] == "0"
    root = node.directory / "kubelet" / "seccomp" / "mine"
    root.mkdir(parents=True)
    calls = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]
    (root / "no-mkdir.json").write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": calls}))
    profile = {"type": "Localhost", "localhostProfile": "mine/no-mkdir.json"}
    assert await node.output(script, **context(seccompProfile=profile)) == ["2", "refused"]


async def test_a_profile_that_the_node_lacks_keeps_a_container_waiting(node: Node) -> None:
    profile = {"type": "Localhost", "localhostProfile": "absent.json"}
    await node.create(shell("true"), **context(seccompProfile=profile))
    assert "absent.json" in (await node.waits("CreateContainerError"))["message"]
    await node.delete()


async def test_a_safe_kernel_parameter_is_set(node: Node) -> None:
    """[sig-node] Sysctls [LinuxOnly] [NodeConformance] should support sysctls [MinimumKubeletVersion:1.21]
    [Environment:NotInUserNS]

    Compared with test/e2e/common/node/sysctl.go
    - the pod is created, and no SysctlForbidden is told of it: ``output``, which needs its success
    - it succeeds: the same
    - its log says that kernel.shm_rmid_forced is 1: the first assertion (upstream's "kernel.shm_rmid_forced = 1")
    """
    parameters = [{"name": "kernel.shm_rmid_forced", "value": "1"}]
    script = "cat /proc/sys/kernel/shm_rmid_forced"
    assert await node.output(script, **context(sysctls=parameters)) == ["1"]
    slashes = [{"name": "net/ipv4/ip_unprivileged_port_start", "value": "80"}]
    script = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start"
    assert await node.output(script, **context(sysctls=slashes)) == ["80"]


async def test_names_of_no_kernel_parameter_are_refused(node: Node) -> None:
    """[sig-node] Sysctls [LinuxOnly] [NodeConformance] should reject invalid sysctls [MinimumKubeletVersion:1.21]

    Compared with test/e2e/common/node/sysctl.go
    - the pod is refused: ``raises``
    - the message has ``Invalid value: "foo-"`` and ``Invalid value: "bar.."``: the first two assertions
    - it has neither ``safe-and-unsafe`` nor ``kernel.shmmax``: the last two
    """
    names = ("foo-", "kernel.shmmax", "safe-and-unsafe", "bar..")
    with pytest.raises(Invalid) as refused:
        await node.create(shell("true"), **context(sysctls=[{"name": name, "value": "1"} for name in names]))
    message = str(refused.value)
    assert 'Invalid value: "foo-"' in message
    assert 'Invalid value: "bar.."' in message
    assert "safe-and-unsafe" not in message
    assert "kernel.shmmax" not in message


@pytest.mark.parametrize(
    ("values", "reason", "message"),
    [
        (
            {"sysctls": [{"name": "kernel.msgmax", "value": "10000"}]},
            "SysctlForbidden",
            'forbidden sysctl: "kernel.msgmax" not allowlisted',
        ),
        (
            {"supplementalGroupsPolicy": "Strict"},
            "SupplementalGroupsPolicyNotSupported",
            "SupplementalGroupsPolicy=Strict is not supported in this node",
        ),
        (
            {"appArmorProfile": {"type": "RuntimeDefault"}},
            "AppArmor",
            "Cannot enforce AppArmor: AppArmor is not enabled on the host",
        ),
    ],
)
async def test_what_the_node_does_not_allow_or_cannot_do_fails_the_pod(
    node: Node, values: Object, reason: str, message: str
) -> None:
    await node.create(shell("true"), **context(**values))
    await node.told(reason, message)
    pod = await node.admin.get(PODS, "p", namespace="default")
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", reason)
    assert pod["status"]["message"] == f"Pod was rejected: {message}"
    await node.delete()


async def test_read_only_all_the_way_down_is_refused_by_a_runtime_that_cannot(node: Node) -> None:
    mount = {"name": "v", "mountPath": "/v", "readOnly": True}
    volumes = [{"name": "v", "emptyDir": {}}]
    container = shell("true", volumeMounts=[{**mount, "recursiveReadOnly": "Enabled"}])
    await node.create(container, volumes=volumes)
    said = 'volume "v" requested recursive read-only mode, but it is not supported by the runtime'
    await node.told("Failed", f"Error: {said}")
    await node.delete()
    softer = {"volumeMounts": [{**mount, "recursiveReadOnly": "IfPossible"}]}
    assert await node.output("touch /v/x 2>/dev/null || echo no", container=softer, volumes=volumes) == ["no"]


async def test_a_pod_can_share_the_hosts_processes_and_ipc(node: Node) -> None:
    for field, kind in (("hostPID", "pid"), ("hostIPC", "ipc")):
        host = os.readlink(f"/proc/self/ns/{kind}")
        script = f"readlink /proc/self/ns/{kind}"
        shared: Object = {field: True}
        assert await node.output(script, **shared) == [host]
        assert await node.output(script) != [host]


async def test_selinux_options_do_no_harm_on_a_host_without_selinux(node: Node) -> None:
    assert await node.output("echo ran", **context(seLinuxOptions={"level": "s0:c0,c1"})) == ["ran"]


async def test_users_of_a_pods_own_are_refused_by_a_runtime_that_cannot(node: Node) -> None:
    await node.create(shell("true"), hostUsers=False)
    said = 'can\'t set `spec.hostUsers: false`, runtime does not support user namespaces: the handler "" is not known'
    await node.told("FailedCreatePodSandBox", f"Failed to create pod sandbox: {said}")
    pod = await node.admin.get(PODS, "p", namespace="default")
    assert pod["status"]["phase"] == "Pending"
    assert await node.runtime.sandboxes() == []
    found = await node.admin.get(NODES, "n1")
    assert not {"runtimeHandlers", "features"} & set(found["status"])  # this runtime says nothing of either
    await node.delete()


async def test_a_stop_signal_is_refused_by_a_runtime_that_passes_it_over(node: Node) -> None:
    await node.create(shell("true", lifecycle={"stopSignal": "SIGUSR1"}), os={"name": "linux"})
    said = "lifecycle.stopSignal is not supported by the runtime"
    await node.told("Failed", f"Error: {said}")
    assert await node.waits("CreateContainerError") == {"reason": "CreateContainerError", "message": said}
    await node.delete()
    assert await node.runtime.containers() == []


async def test_a_volume_of_an_image_is_refused_by_a_runtime_that_cannot(node: Node) -> None:
    mount = {"name": "v", "mountPath": "/v"}
    volumes = [{"name": "v", "image": {"reference": BUSYBOX, "pullPolicy": "Never"}}]
    await node.create(shell("true", volumeMounts=[mount]), volumes=volumes)
    message = (await node.waits("CreateContainerError"))["message"]
    assert message.endswith('failed to generate spec: failed to mkdir "": mkdir : no such file or directory')
    await node.told("Pulled", f'Container image "{BUSYBOX}" already present on machine')
    await node.delete()
