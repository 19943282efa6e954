from dataclasses import replace

import pytest

from podbay.cri import messages
from podbay.cri.messages import pb
from podbay.cri.runtime import (
    ContainerConfig,
    ContainerState,
    ContainerUser,
    LinuxResources,
    Mount,
    SandboxConfig,
    UserNamespace,
)

ABANDONED = "failed to create containerd task: failed to create shim task: context canceled: unknown"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"reason": "StartError", "message": ABANDONED}, ContainerState.CREATED),
        ({"reason": "StartError", "message": 'exec: "/absent": no such file or directory'}, ContainerState.EXITED),
        ({"reason": "Error", "message": "context canceled", "started_at": 5}, ContainerState.EXITED),
    ],
)
def test_a_start_that_was_given_up_with_its_asker_is_no_end(status: dict[str, object], state: ContainerState) -> None:
    message = pb.ContainerStatus(id="c", state=pb.CONTAINER_EXITED, exit_code=128, finished_at=9, **status)
    assert messages.container_status(message).state is state


SANDBOX = SandboxConfig(name="p", namespace="default", uid="u")
CONTAINER = ContainerConfig(name="c", image="i", mounts=[Mount(container_path="/a", host_path="/b")])


def test_a_sandbox_with_users_of_its_own_has_them_in_its_containers_and_their_mounts_too() -> None:
    mapped = replace(SANDBOX, user_namespace=UserNamespace(first_id=65536, length=65536))
    mapping = pb.IDMapping(host_id=65536, container_id=0, length=65536)
    container = messages.container_config(CONTAINER, mapped)
    for part in (messages.sandbox_config(mapped).linux, container.linux):
        users = part.security_context.namespace_options.userns_options
        assert (users.mode, list(users.uids), list(users.gids)) == (pb.POD, [mapping], [mapping])
    assert (list(container.mounts[0].uidMappings), list(container.mounts[0].gidMappings)) == ([mapping], [mapping])


def test_a_sandbox_without_has_the_hosts_users() -> None:
    users = messages.sandbox_config(SANDBOX).linux.security_context.namespace_options.userns_options
    assert (users.mode, list(users.uids)) == (pb.NODE, [])
    assert list(messages.container_config(CONTAINER, SANDBOX).mounts[0].uidMappings) == []


@pytest.mark.parametrize(
    ("name", "number"),
    [("SIGTERM", 23), ("SIGUSR1", 29), ("SIGRTMIN+15", 50), ("SIGRTMAX-14", 51), ("SIGRTMAX", 65), ("", 0)],
)
def test_a_stop_signal_goes_there_and_back_by_its_name(name: str, number: int) -> None:
    assert messages.container_config(replace(CONTAINER, stop_signal=name), SANDBOX).stop_signal == number
    assert messages.container_status(pb.ContainerStatus(id="c", stop_signal=number)).stop_signal == name


def test_a_mount_of_an_image_names_it_and_no_path_of_the_host() -> None:
    mount = Mount(container_path="/a", host_path="", read_only=True, image="sha256:1", image_sub_path="b")
    (made,) = messages.container_config(replace(CONTAINER, mounts=[mount]), SANDBOX).mounts
    assert (made.image.image, made.image_sub_path, made.host_path) == ("sha256:1", "b", "")
    assert not messages.container_config(CONTAINER, SANDBOX).mounts[0].HasField("image")


def test_a_status_tells_resources_and_the_user_or_that_nobody_told_them() -> None:
    pages = [pb.HugepageLimit(page_size="2MB", limit=7)]
    linux = pb.LinuxContainerResources(
        cpu_period=100_000, cpu_quota=5000, cpu_shares=51, memory_limit_in_bytes=9, hugepage_limits=pages
    )
    user = pb.ContainerUser(linux=pb.LinuxContainerUser(uid=1, gid=2, supplemental_groups=[3, 4]))
    message = pb.ContainerStatus(id="c", resources=pb.ContainerResources(linux=linux), user=user)
    told = messages.container_status(message)
    assert told.resources == LinuxResources(
        cpu_period_us=100_000, cpu_quota_us=5000, cpu_shares=51, memory_limit_bytes=9, huge_pages=(("2MB", 7),)
    )
    assert told.resources is not None and messages.linux_resources(told.resources) == linux
    assert told.user == ContainerUser(uid=1, gid=2, supplemental_groups=(3, 4))
    silent = messages.container_status(pb.ContainerStatus(id="c"))
    assert (silent.resources, silent.user) == (None, None)
