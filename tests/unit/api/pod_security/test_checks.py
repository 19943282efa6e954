"""Every check over a pod that passes and one that does not, with upstream's words, and what versions change."""

from typing import Any

import pytest

from podbay.api.pod_security import Standard, reasons, violations

BASELINE, RESTRICTED = Standard("baseline"), Standard("restricted")
APPARMOR = "container.apparmor.security.beta.kubernetes.io"
SECCOMP = "seccomp.security.alpha.kubernetes.io"
GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}

Spec = dict[str, Any]


def one(**fields: Any) -> Spec:
    """Return the spec of a pod with one container that has fields of its own."""
    return {"containers": [{"name": "a", **fields}]}


def secured(**context: Any) -> Spec:
    return one(securityContext=context)


def whole(spec: Spec | None = None, **context: Any) -> Spec:
    """Return a spec with a security context of the pod's."""
    return {**(spec or one()), "securityContext": context}


def told(spec: Spec, standard: Standard = BASELINE, **annotations: str) -> str:
    metadata = {"annotations": {key.replace("__", "/").replace("_", "."): text for key, text in annotations.items()}}
    return ", ".join(map(str, violations(standard, metadata, spec)))


THREE = {
    "initContainers": [{"name": "i", "securityContext": {"privileged": True}}],
    "containers": [{"name": "a", "securityContext": {"privileged": True}}, {"name": "b"}],
    "ephemeralContainers": [{"name": "e", "securityContext": {"privileged": True}}],
}

BASELINE_CASES: list[tuple[Spec, Spec, str]] = [
    (
        secured(appArmorProfile={"type": "Localhost", "localhostProfile": "p"}),
        whole(secured(appArmorProfile={"type": "Unconfined"}), appArmorProfile={"type": "Unconfined"}),
        'forbidden AppArmor profile (pod and container "a" must not set AppArmor profile type to "Unconfined")',
    ),
    (
        secured(capabilities={"add": ["CHOWN", "NET_BIND_SERVICE"], "drop": ["KILL"]}),
        secured(capabilities={"add": ["SYS_TIME", "CHOWN", "NET_RAW"]}),
        'non-default capabilities (container "a" must not include "NET_RAW", "SYS_TIME" in'
        " securityContext.capabilities.add)",
    ),
    (
        {**one(), "hostNetwork": False, "shareProcessNamespace": True},
        {**one(), "hostNetwork": True, "hostPID": True, "hostIPC": True},
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
    ),
    (
        {**one(), "volumes": [{"name": "v", "emptyDir": {}}]},
        {**one(), "volumes": [{"name": "v", "hostPath": {"path": "/"}}, {"name": "w", "hostPath": {"path": "/"}}]},
        'hostPath volumes (volumes "v", "w")',
    ),
    (
        one(ports=[{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]),
        {"containers": [*one(ports=[{"hostPort": 9}, {"hostPort": 10}])["containers"], {"name": "b"}]},
        'hostPort (container "a" uses hostPorts 10, 9)',
    ),
    (
        secured(privileged=False),
        THREE,
        'privileged (containers "i", "a", "e" must not set securityContext.privileged=true)',
    ),
    (
        secured(procMount="Default"),
        {**secured(procMount="Unmasked"), "hostUsers": False},
        'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ),
    (
        whole(seLinuxOptions={"type": "container_engine_t", "level": "s0"}),
        whole(secured(seLinuxOptions={"user": "u", "role": "r"}), seLinuxOptions={"type": "spc_t"}),
        'seLinuxOptions (pod and container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not'
        " be set; role may not be set)",
    ),
    (
        whole(seccompProfile={"type": "RuntimeDefault"}),
        secured(seccompProfile={"type": "Unconfined"}),
        'seccompProfile (container "a" must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
    (
        whole(sysctls=[{"name": "net.ipv4.tcp_rmem"}, {"name": "kernel.shm_rmid_forced"}]),
        whole(sysctls=[{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}, {"name": "a.b"}]),
        "forbidden sysctls (kernel.msgmax, a.b)",
    ),
    (
        whole(windowsOptions={"hostProcess": False}),
        whole(secured(windowsOptions={"hostProcess": True}), windowsOptions={"hostProcess": True}),
        'hostProcess (pod and container "a" must not set securityContext.windowsOptions.hostProcess=true)',
    ),
]


@pytest.mark.parametrize(("good", "bad", "expected"), BASELINE_CASES)
def test_baseline(good: Spec, bad: Spec, expected: str) -> None:
    assert told(good) == ""
    assert told(bad) == expected
    assert told(bad, Standard()) == ""


RESTRICTED_CASES: list[tuple[Spec, str]] = [
    (
        secured(**{**GOOD, "allowPrivilegeEscalation": True}),
        'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
    ),
    (
        secured(**{**GOOD, "capabilities": {"drop": ["KILL"], "add": ["CHOWN", "NET_BIND_SERVICE"]}}),
        'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]; container "a"'
        ' must not include "CHOWN" in securityContext.capabilities.add)',
    ),
    (
        {
            **secured(**GOOD),
            "volumes": [{"name": "v", "hostPath": {}}, {"name": "w", "nfs": {}}, {"name": "s", "secret": {}}],
        },
        'restricted volume types (volumes "v", "w" use restricted volume types "hostPath", "nfs")',
    ),
    (
        {**secured(**GOOD), "volumes": [{"name": "v", "later": {}}]},
        'restricted volume types (volume "v" uses restricted volume type "unknown")',
    ),
    (
        secured(**{**GOOD, "runAsNonRoot": None}),
        'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
    ),
    (
        whole(secured(**{**GOOD, "runAsNonRoot": False}), runAsNonRoot=False),
        'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false)',
    ),
    (whole(secured(**{**GOOD, "runAsUser": 1}), runAsUser=0), "runAsUser=0 (pod must not set runAsUser=0)"),
    (secured(**{**GOOD, "runAsUser": 0}), 'runAsUser=0 (container "a" must not set runAsUser=0)'),
    (
        secured(**{**GOOD, "seccompProfile": None}),
        'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or'
        ' "Localhost")',
    ),
    (
        whole(secured(**{**GOOD, "seccompProfile": None}), seccompProfile={"type": "Unconfined"}),
        'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ),
]


@pytest.mark.parametrize(("bad", "expected"), RESTRICTED_CASES)
def test_restricted(bad: Spec, expected: str) -> None:
    assert told(bad, RESTRICTED) == expected


def test_the_pod_may_say_for_its_containers_what_they_leave_open() -> None:
    context = {**GOOD, "runAsNonRoot": None, "seccompProfile": None}
    spec = whole(secured(**context), runAsNonRoot=True, seccompProfile={"type": "Localhost", "localhostProfile": "p"})
    assert told(spec, RESTRICTED) == ""
    assert told({**secured(**GOOD), "volumes": [{"name": "v", "image": {}}]}, RESTRICTED) == ""
    assert told(secured(**{**GOOD, "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}), RESTRICTED) == ""


def test_everything_is_told_in_upstreams_order() -> None:
    bad = {**secured(procMount="Unmasked"), "hostNetwork": True}
    assert reasons(violations(RESTRICTED, {}, bad)) == (
        "host namespaces, procMount, allowPrivilegeEscalation != false, unrestricted capabilities,"
        " runAsNonRoot != true, seccompProfile"
    )


def test_apparmors_annotations_count_beside_its_fields() -> None:
    good = {f"{APPARMOR}/a": "runtime/default", f"{APPARMOR}/b": "localhost/p", f"{APPARMOR}/c": ""}
    assert violations(BASELINE, {"annotations": good}, one()) == []
    bad = {f"{APPARMOR}/a": "unconfined", f"{APPARMOR}/b": "none"}
    (found,) = violations(BASELINE, {"annotations": bad}, secured(appArmorProfile={"type": "Unconfined"}))
    assert str(found) == (
        'forbidden AppArmor profiles (container "a" and annotations must not set AppArmor profile type to "Unconfined",'
        f' "{APPARMOR}/a="unconfined"", "{APPARMOR}/b="none"")'
    )


@pytest.mark.parametrize(
    ("bad", "level", "last", "first"),
    [
        (whole(sysctls=[{"name": "net.ipv4.ip_local_reserved_ports"}]), "baseline", 26, 27),
        (whole(sysctls=[{"name": "net.ipv4.tcp_fin_timeout"}]), "baseline", 28, 29),
        (whole(sysctls=[{"name": "net.ipv4.tcp_wmem"}]), "baseline", 31, 32),
        (whole(seLinuxOptions={"type": "container_engine_t"}), "baseline", 30, 31),
        ({**whole(one(), runAsNonRoot=True), "os": {"name": "windows"}}, "restricted", 24, 25),
    ],
)
def test_what_a_version_began_to_let_pass(bad: Spec, level: str, last: int, first: int) -> None:
    assert told(bad, Standard(level, last)) != ""
    assert told(bad, Standard(level, first)) == ""


@pytest.mark.parametrize(
    ("bad", "last", "first", "reason"),
    [
        (secured(**{**GOOD, "allowPrivilegeEscalation": None}), 7, 8, "allowPrivilegeEscalation != false"),
        (secured(**{**GOOD, "seccompProfile": None}), 18, 19, "seccompProfile"),
        (secured(**{**GOOD, "capabilities": {}}), 21, 22, "unrestricted capabilities"),
        (secured(**{**GOOD, "runAsUser": 0}), 22, 23, "runAsUser=0"),
    ],
)
def test_what_a_version_began_to_refuse(bad: Spec, last: int, first: int, reason: str) -> None:
    assert told(bad, Standard("restricted", last)) == ""
    assert reasons(violations(Standard("restricted", first), {}, bad)) == reason


def test_seccomp_was_told_by_annotations_once() -> None:
    annotations = {f"{SECCOMP}/pod": "unconfined", f"container.{SECCOMP}/a": "docker/default"}
    old, new = Standard("baseline", 18), Standard("baseline", 19)
    (found,) = violations(old, {"annotations": annotations}, one())
    assert str(found) == f'seccompProfile (forbidden annotation {SECCOMP}/pod="unconfined")'
    assert violations(new, {"annotations": annotations}, one()) == []


def test_a_version_that_is_not_there_yet_is_the_newest() -> None:
    spec = whole(sysctls=[{"name": "net.ipv4.tcp_wmem"}])
    assert told(spec, Standard("baseline", 99)) == told(spec) == ""
