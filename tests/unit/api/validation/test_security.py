"""Security contexts of pods and containers: upstream's rules, words and paths."""

from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.api.validation import validate_create
from podbay.api.validation.ephemeral import validate_ephemeral_containers
from tests.unit.api.validation.support import lines, pod

ID = "must be between 0 and 2147483647, inclusive"


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"runAsUser": 0, "runAsGroup": 2147483647, "fsGroup": 1, "supplementalGroups": [5]}, []),
        ({"runAsUser": -1}, [f"runAsUser: Invalid value: -1: {ID}"]),
        ({"fsGroup": 2147483648}, [f"fsGroup: Invalid value: 2147483648: {ID}"]),
        ({"supplementalGroups": [0, -5]}, [f"supplementalGroups[1]: Invalid value: -5: {ID}"]),
        (
            {"fsGroupChangePolicy": "Never"},
            ['fsGroupChangePolicy: Unsupported value: "Never": supported values: "Always", "OnRootMismatch"'],
        ),
        (
            {"supplementalGroupsPolicy": "None"},
            ['supplementalGroupsPolicy: Unsupported value: "None": supported values: "Merge", "Strict"'],
        ),
        ({"seccompProfile": {"type": "Localhost", "localhostProfile": "a.json"}}, []),
        (
            {"seccompProfile": {}},
            ["seccompProfile.type: Required value: type is required when seccompProfile is set"],
        ),
        (
            {"seccompProfile": {"type": "Localhost"}},
            ["seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"],
        ),
        (
            {"seccompProfile": {"type": "Localhost", "localhostProfile": "/a"}},
            ['seccompProfile.localhostProfile: Invalid value: "/a": must be a relative path'],
        ),
        (
            {"appArmorProfile": {"type": "Unconfined", "localhostProfile": "a"}},
            ['appArmorProfile.localhostProfile: Invalid value: "a": can only be set when AppArmor type is Localhost'],
        ),
        (
            {"appArmorProfile": {"type": "Localhost", "localhostProfile": " a"}},
            ['appArmorProfile.localhostProfile: Invalid value: " a": must not be padded with whitespace'],
        ),
        ({"sysctls": [{"name": "kernel.shmmax", "value": "1"}, {"name": "net/ipv4/a", "value": "1"}]}, []),
        (
            {"sysctls": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}, {"name": "", "value": "2"}]},
            ['sysctls[1].name: Duplicate value: "a"', "sysctls[2].name: Required value"],
        ),
    ],
)
def test_a_pods_context(context: dict[str, Any], expected: list[str]) -> None:
    found = lines(validate_create(PODS, pod({"securityContext": context})))
    assert [line.removeprefix("spec.securityContext.") for line in found] == expected


@pytest.mark.parametrize("name", ["foo-", "bar..", "Upper", "a" * 254])
def test_a_name_that_is_no_parameters_is_refused(name: str) -> None:
    context = {"sysctls": [{"name": name, "value": "1"}]}
    (line,) = lines(validate_create(PODS, pod({"securityContext": context})))
    assert line.startswith(f'spec.securityContext.sysctls[0].name: Invalid value: "{name}": must have at most 253')


@pytest.mark.parametrize(
    ("name", "shared", "word"),
    [("net.core.somaxconn", "hostNetwork", "hostNetwork"), ("kernel.sem", "hostIPC", "hostIPC")],
)
def test_a_parameter_of_the_hosts_own_namespace_is_refused(name: str, shared: str, word: str) -> None:
    context = {"sysctls": [{"name": name, "value": "1"}]}
    found = lines(validate_create(PODS, pod({"securityContext": context, shared: True})))
    said = f"may not be specified when '{word}' is true"
    assert found == [f'spec.securityContext.sysctls[0].name: Invalid value: "{name}": {said}']


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"privileged": True, "capabilities": {"add": ["SYS_ADMIN"]}, "procMount": "Default"}, []),
        ({"runAsGroup": -1}, [f".runAsGroup: Invalid value: -1: {ID}"]),
        ({"procMount": "Some"}, ['.procMount: Unsupported value: "Some": supported values: "Default", "Unmasked"']),
        (
            {"procMount": "Unmasked"},
            ['.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`'],
        ),
        (
            {"allowPrivilegeEscalation": False, "privileged": True},
            [
                ': Invalid value: {"allowPrivilegeEscalation":false,"privileged":true}: cannot set'
                " `allowPrivilegeEscalation` to false and `privileged` to true"
            ],
        ),
        (
            {"allowPrivilegeEscalation": False, "capabilities": {"add": ["CAP_SYS_ADMIN"]}},
            [
                ': Invalid value: {"allowPrivilegeEscalation":false,"capabilities":{"add":["CAP_SYS_ADMIN"]}}: cannot'
                " set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            ],
        ),
    ],
)
def test_a_containers_context(context: dict[str, Any], expected: list[str]) -> None:
    found = lines(validate_create(PODS, pod(securityContext=context)))
    assert [line.removeprefix("spec.containers[0].securityContext") for line in found] == expected


def test_an_ephemeral_containers_context_too() -> None:
    debugger = {"name": "d", "image": "i", "securityContext": {"runAsUser": -1}}
    built = pod({"ephemeralContainers": [debugger]})
    found = lines(validate_ephemeral_containers(built["spec"], (), "spec.ephemeralContainers"))
    assert found == [f"spec.ephemeralContainers[0].securityContext.runAsUser: Invalid value: -1: {ID}"]


def test_users_of_a_pods_own_exclude_the_hosts_namespaces() -> None:
    shared = {"hostNetwork": True, "hostPID": True, "hostIPC": True}
    found = lines(validate_create(PODS, pod({"hostUsers": False, **shared})))
    assert found == [
        f"spec.{name}: Forbidden: when `hostUsers` is false" for name in ("hostNetwork", "HostPID", "HostIPC")
    ]
    assert lines(validate_create(PODS, pod({"hostUsers": True, **shared}))) == []
    assert lines(validate_create(PODS, pod({"hostUsers": False}, securityContext={"procMount": "Unmasked"}))) == []
