"""What a container may do, from what it and its pod say; and what a node refuses."""

from typing import Any

import pytest

from podbay.cri.runtime import ContainerSecurity, Image, SandboxSecurity, SecurityProfile
from podbay.kubelet import security, sysctls
from podbay.kubelet.environment import ConfigurationError

ROOT = Image(id="i")
WHOSE = '(pod: "p_n(u)", container: c)'


def made(context: dict[str, Any] | None = None, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    named = [{"name": "c", "securityContext": own} for own in containers or ({},)]
    metadata = {"name": "p", "namespace": "n", "uid": "u"}
    return {"metadata": metadata, "spec": {"containers": named, "securityContext": context or {}, **spec}}


def of(pod: dict[str, Any], image: Image = ROOT) -> ContainerSecurity:
    return security.container_security(pod, pod["spec"]["containers"][0], image, "/root/seccomp")


def test_who_says_nothing_gets_the_images_user_and_no_profile() -> None:
    assert of(made()) == ContainerSecurity(run_as_user=0)
    assert of(made(), Image(id="i", uid=7)).run_as_user == 7
    named = of(made(), Image(id="i", username="www"))
    assert (named.run_as_user, named.run_as_username) == (None, "www")


def test_a_container_wins_over_its_pod() -> None:
    pod = made({"runAsUser": 1, "runAsGroup": 2, "seccompProfile": {"type": "RuntimeDefault"}}, {"runAsUser": 0})
    found = of(pod, Image(id="i", username="www"))
    assert (found.run_as_user, found.run_as_username, found.run_as_group) == (0, "", 2)
    assert found.seccomp == SecurityProfile(kind="RuntimeDefault")


def test_everything_is_passed_on() -> None:
    own = {
        "privileged": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
        "seccompProfile": {"type": "Localhost", "localhostProfile": "a/b.json"},
        "appArmorProfile": {"type": "Localhost", "localhostProfile": "mine"},
        "seLinuxOptions": {"level": "s0:c1,c2"},
    }
    assert of(made({"fsGroup": 5, "supplementalGroups": [6, 7], "supplementalGroupsPolicy": "Strict"}, own)) == (
        ContainerSecurity(
            privileged=True,
            run_as_user=0,
            supplemental_groups=(5, 6, 7),
            strict_groups=True,
            add_capabilities=("NET_ADMIN",),
            drop_capabilities=("ALL",),
            read_only_root=True,
            no_new_privileges=True,
            seccomp=SecurityProfile(kind="Localhost", reference="/root/seccomp/a/b.json"),
            apparmor=SecurityProfile(kind="Localhost", reference="mine"),
            selinux={"user": "", "role": "", "type": "", "level": "s0:c1,c2"},
        )
    )


@pytest.mark.parametrize(
    ("user", "image", "message"),
    [
        (None, ROOT, "container has runAsNonRoot and image will run as root"),
        (None, Image(id="i", uid=0), "container has runAsNonRoot and image will run as root"),
        (0, Image(id="i", uid=5), "container's runAsUser breaks non-root policy"),
        (
            None,
            Image(id="i", username="www"),
            "container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root",
        ),
    ],
)
def test_what_must_not_run_as_root_does_not(user: int | None, image: Image, message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        of(made({"runAsNonRoot": True, "runAsUser": user}), image)
    assert str(refused.value) == f"{message} {WHOSE}"


def test_what_is_not_root_may_run() -> None:
    assert of(made({"runAsNonRoot": True}), Image(id="i", uid=5)).run_as_user == 5
    assert of(made({"runAsNonRoot": True, "runAsUser": 9}), Image(id="i", username="www")).run_as_user == 9
    assert of(made({"runAsNonRoot": True}, {"runAsNonRoot": False})).run_as_user == 0


def test_a_sandbox_is_as_privileged_as_its_most_privileged_container() -> None:
    pod = made({"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3}, {}, {"privileged": True})
    assert security.sandbox_security(pod) == SandboxSecurity(
        privileged=True, run_as_user=1, run_as_group=2, supplemental_groups=(3,)
    )
    assert security.sandbox_security(made({"runAsGroup": 2})) == SandboxSecurity()


def test_a_node_refuses_what_it_cannot_enforce() -> None:
    confined = made({}, {"appArmorProfile": {"type": "RuntimeDefault"}})
    strict = made({"supplementalGroupsPolicy": "Strict"})
    assert security.refusal(confined, has_apparmor=False, can_groups=True) == (
        "AppArmor",
        "Cannot enforce AppArmor: AppArmor is not enabled on the host",
    )
    assert security.refusal(strict, has_apparmor=True, can_groups=False) == (
        "SupplementalGroupsPolicyNotSupported",
        "SupplementalGroupsPolicy=Strict is not supported in this node",
    )
    unconfined = made({"appArmorProfile": {"type": "Unconfined"}})
    for pod in (confined, strict, unconfined):
        assert security.refusal(pod, has_apparmor=True, can_groups=True) is None
    assert security.refusal(unconfined, has_apparmor=False, can_groups=False) is None


def setting(*names: str) -> dict[str, Any]:
    return made({"sysctls": [{"name": name, "value": "1"} for name in names]})


@pytest.mark.parametrize(
    ("name", "kernel", "allowed", "refused"),
    [
        ("kernel.shm_rmid_forced", "3.10.0", (), False),
        ("kernel/shm_rmid_forced", "3.10.0", (), False),
        ("net.ipv4.tcp_keepalive_time", "4.4.9-a", (), True),
        ("net.ipv4.tcp_keepalive_time", "4.10", (), False),
        ("kernel.msgmax", "6.1", (), True),
        ("kernel.msgmax", "6.1", ("kernel.msg*",), False),
        ("net.core.somaxconn", "6.1", ("net.core.somaxconn",), False),
        ("net.core.other", "6.1", ("net.core.somaxconn",), True),
    ],
)
def test_only_safe_or_allowed_parameters_are_set(
    name: str, kernel: str, allowed: tuple[str, ...], *, refused: bool
) -> None:
    said = ("SysctlForbidden", f'forbidden sysctl: "{name}" not allowlisted') if refused else None
    assert sysctls.refusal(setting(name), kernel, allowed) == said


def test_slashes_are_another_way_to_write_dots() -> None:
    assert sysctls.sysctls_of(setting("net/ipv4/conf/eth0.1/x", "kernel.sem")) == {
        "net.ipv4.conf.eth0/1.x": "1",
        "kernel.sem": "1",
    }
