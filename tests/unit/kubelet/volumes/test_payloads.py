"""What the files of volumes hold: config maps, secrets, the downward API, and several of them in one."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from podbay.kubelet.volumes import config_map, downward_api, needs, projected, secret
from podbay.kubelet.volumes.atomic_writer import File, Payload
from podbay.kubelet.volumes.needs import Need
from podbay.kubelet.volumes.problem import VolumeProblem

MAP = {"data": {"a": "1", "b": "2"}, "binaryData": {"c": base64.b64encode(b"\xff").decode()}}
SECRET = {"data": {"a": base64.b64encode(b"hidden").decode()}}
POD = {
    "metadata": {
        "name": "p",
        "namespace": "n",
        "uid": "u",
        "labels": {"b": "2", "a": "1"},
        "annotations": {"said": 'one "two"\nthree\t\x01\\', "é": "ü"},
    },
    "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1500m"}, "requests": {"memory": "32Mi"}}}]},
}
ALLOCATABLE = {"cpu": "4", "memory": "1Gi", "hugepages-2Mi": "16Mi"}


def texts(payload: Payload) -> dict[str, str]:
    return {name: file.data.decode() for name, file in payload.items()}


def test_every_key_of_a_config_map_is_a_file() -> None:
    files = config_map.payload({}, MAP, 0o644)
    assert files == {"a": File(b"1", 0o644), "b": File(b"2", 0o644), "c": File(b"\xff", 0o644)}


def test_items_choose_keys_paths_and_modes() -> None:
    items = [{"key": "a", "path": "x/y", "mode": 0o400}, {"key": "c", "path": "z"}]
    assert config_map.payload({"items": items}, MAP, 0o644) == {"x/y": File(b"1", 0o400), "z": File(b"\xff", 0o644)}


def test_a_key_that_is_missing_is_a_problem_unless_optional() -> None:
    items = [{"key": "absent", "path": "x"}, {"key": "a", "path": "y"}]
    with pytest.raises(VolumeProblem, match=r"^configmap references non-existent config key: absent$"):
        config_map.payload({"items": items}, MAP, 0)
    with pytest.raises(VolumeProblem, match=r"^references non-existent secret key: absent$"):
        secret.payload({"items": items}, SECRET, 0)
    assert texts(config_map.payload({"items": items, "optional": True}, MAP, 0)) == {"y": "1"}
    assert texts(secret.payload({"items": items, "optional": True}, SECRET, 0)) == {"y": "hidden"}
    assert config_map.payload({"optional": True}, None, 0) == {}


def downward(path: str, **reference: Any) -> dict[str, Any]:
    return {"path": path, **reference}


def test_a_pod_tells_its_name_and_labels() -> None:
    items = [
        downward("name", fieldRef={"fieldPath": "metadata.name"}),
        downward("all/labels", fieldRef={"fieldPath": "metadata.labels"}),
        downward("one", fieldRef={"fieldPath": "metadata.labels['b']"}, mode=0o400),
        downward("said", fieldRef={"fieldPath": "metadata.annotations"}),
    ]
    files = downward_api.payload(items, POD, ALLOCATABLE, 0o644)
    assert texts(files) == {
        "name": "p",
        "all/labels": 'a="1"\nb="2"',
        "one": "2",
        "said": 'said="one \\"two\\"\\nthree\\t\\x01\\\\"\né="ü"',
    }
    assert (files["one"].mode, files["name"].mode) == (0o400, 0o644)


@pytest.mark.parametrize(
    ("resource", "divisor", "told"),
    [
        ("limits.cpu", "0", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.memory", "1Mi", "32"),
        ("requests.memory", "0", str(32 << 20)),
        ("limits.memory", "1Mi", "1024"),
        ("requests.cpu", "1m", "0"),
        ("limits.hugepages-2Mi", "1Mi", "0"),
    ],
)
def test_a_pod_tells_its_containers_resources(resource: str, divisor: str, told: str) -> None:
    reference = {"containerName": "c", "resource": resource, "divisor": divisor}
    assert texts(downward_api.payload([downward("r", resourceFieldRef=reference)], POD, ALLOCATABLE, 0)) == {"r": told}


def test_a_container_that_is_not_there_is_a_problem() -> None:
    reference = {"containerName": "absent", "resource": "limits.cpu"}
    with pytest.raises(VolumeProblem, match="container absent not found"):
        downward_api.payload([downward("r", resourceFieldRef=reference)], POD, ALLOCATABLE, 0)


def found(need: Need, source: Mapping[str, Any]) -> Mapping[str, Any] | None:
    known = {Need("configmap", "m"): MAP, Need("secret", "s"): SECRET}
    if need not in known and not source.get("optional"):
        raise VolumeProblem(f'{need.kind} "{need.name}" not found')
    return known.get(need)


def test_sources_are_put_together() -> None:
    source = {
        "defaultMode": 0o640,
        "sources": [
            {"secret": {"name": "s", "items": [{"key": "a", "path": "secret"}]}},
            {"configMap": {"name": "m", "items": [{"key": "a", "path": "map", "mode": 0o400}]}},
            {"configMap": {"name": "absent", "optional": True}},
            {"downwardAPI": {"items": [downward("name", fieldRef={"fieldPath": "metadata.name"})]}},
        ],
    }
    files = projected.payload(source, POD, found, ALLOCATABLE, {})
    assert texts(files) == {"secret": "hidden", "map": "1", "name": "p"}
    assert (files["secret"].mode, files["map"].mode) == (0o640, 0o400)


def test_everything_that_is_wrong_with_the_sources_is_told_at_once() -> None:
    source = {"defaultMode": 0, "sources": [{"secret": {"name": "x"}}, {"configMap": {"name": "y"}}]}
    with pytest.raises(VolumeProblem) as problem:
        projected.payload(source, POD, found, ALLOCATABLE, {})
    assert str(problem.value) == '[secret "x" not found, configmap "y" not found]'


TOKEN = {"defaultMode": 0o644, "sources": [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}}]}


@pytest.mark.parametrize(
    ("of_pod", "of_containers", "mode", "owner"),
    [
        ({}, [{}], 0o644, None),
        ({"runAsUser": 1000}, [{}, {}], 0o600, 1000),
        ({"runAsUser": 1000}, [{"runAsUser": 0}], 0o600, 0),
        ({"runAsUser": 1000}, [{}, {"runAsUser": 2000}], 0o644, None),
        ({}, [{"runAsUser": 1000}, {}], 0o644, None),
        ({"fsGroup": 3000}, [{}], 0o600, None),
        ({"fsGroup": 3000, "runAsUser": 1000}, [{}], 0o600, 1000),
    ],
)
def test_a_token_is_for_the_one_user_or_group_that_the_pod_names_else_for_all(
    of_pod: dict[str, int], of_containers: list[dict[str, int]], mode: int, owner: int | None
) -> None:
    containers = [{"name": f"c{i}", "securityContext": context} for i, context in enumerate(of_containers)]
    pod = {**POD, "spec": {"securityContext": of_pod, "containers": containers}}
    files = projected.payload(TOKEN, pod, found, ALLOCATABLE, {0: "abc"})
    assert files == {"token": File(b"abc", mode, owner)}


def test_why_there_is_no_token_is_told_with_all_else() -> None:
    source = {**TOKEN, "sources": [*TOKEN["sources"], {"secret": {"name": "x"}}]}  # type: ignore[misc]
    with pytest.raises(VolumeProblem) as problem:
        projected.payload(source, POD, found, ALLOCATABLE, {0: VolumeProblem("failed to fetch token: no")})
    assert str(problem.value) == '[failed to fetch token: no, secret "x" not found]'


def test_a_pod_needs_what_its_volumes_name() -> None:
    volumes = [
        {"name": "a", "configMap": {"name": "m"}},
        {"name": "b", "secret": {"secretName": "s"}},
        {"name": "c", "projected": {"sources": [{"secret": {"name": "t"}}, {"configMap": {"name": "m"}}]}},
        {"name": "d", "emptyDir": {}},
    ]
    wanted = {Need("configmap", "m"), Need("secret", "s"), Need("secret", "t")}
    assert needs.needs_of({"spec": {"volumes": volumes}}) == wanted
