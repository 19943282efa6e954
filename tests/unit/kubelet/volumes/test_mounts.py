from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from podbay.cri.runtime import Mount, Propagation
from podbay.kubelet.environment import ConfigurationError
from podbay.kubelet.volumes import subpath
from podbay.kubelet.volumes.mounts import volume_mounts

VOLUMES = [
    {"name": "e", "emptyDir": {}},
    {"name": "m", "configMap": {"name": "m"}},
    {"name": "i", "image": {"reference": "i"}},
]


def mounts(
    *of: dict[str, Any],
    can_recurse: bool = False,
    sub_paths: Path | None = None,
    values: Mapping[str, str] | None = None,
) -> list[Mount]:
    return volume_mounts(
        {"spec": {"volumes": VOLUMES}},
        {"name": "c", "volumeMounts": list(of)},
        values or {},
        path_of=lambda volume: Path("/volumes", volume["name"]),
        sub_paths=sub_paths,
        recursive_read_only=can_recurse,
        images={"i": "sha256:1"},
    )


def test_a_mount_is_where_and_how_it_says() -> None:
    found = mounts(
        {"name": "e", "mountPath": "/e", "readOnly": True, "mountPropagation": "HostToContainer"},
        {"name": "e", "mountPath": "relative"},
        {"name": "m", "mountPath": "/m"},
    )
    assert found == [
        Mount(container_path="/e", host_path="/volumes/e", read_only=True, propagation=Propagation.HOST_TO_CONTAINER),
        Mount(container_path="/relative", host_path="/volumes/e"),
        Mount(container_path="/m", host_path="/volumes/m", read_only=True),
    ]


def test_a_sub_path_is_bound_under_the_containers_name_and_the_mounts_number(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def bind(volume: Path, sub: str, target: Path) -> Path:
        asked.append((volume, sub))
        return target

    monkeypatch.setattr(subpath, "bind", bind)
    plain = {"name": "e", "mountPath": "/e", "subPath": "a/b"}
    expression = {"name": "e", "mountPath": "/f", "subPathExpr": "$(POD)-$$(POD)"}
    found = mounts(plain, expression, sub_paths=tmp_path, values={"POD": "web"})
    assert asked == [(Path("/volumes/e"), "a/b"), (Path("/volumes/e"), "web-$(POD)")]
    assert [mount.host_path for mount in found] == [f"{tmp_path}/e/c/0", f"{tmp_path}/e/c/1"]


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("$(POD)", {"POD": ".."}, "unable to provision SubPath `..`: must not contain '..'"),
        ("$(POD)", {"POD": "/tmp"}, "error SubPath `/tmp` must not be an absolute path"),
        ("$(B)/$(A)/$(POD)", {"POD": "web", "B": ""}, "missing value for A, B"),
    ],
)
def test_a_sub_path_that_expands_to_nonsense_is_refused(expression: str, values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        mounts({"name": "e", "mountPath": "/e", "subPathExpr": expression}, values=values)
    assert str(refused.value) == message


def test_why_a_sub_path_could_not_be_bound_is_not_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def bind(volume: Path, sub: str, target: Path) -> Path:
        raise subpath.Escape("something of the node")

    monkeypatch.setattr(subpath, "bind", bind)
    with pytest.raises(ConfigurationError) as refused:
        mounts({"name": "e", "mountPath": "/e", "subPath": "a"}, sub_paths=tmp_path)
    assert str(refused.value) == 'failed to prepare subPath for volumeMount "e" of container "c"'


def test_read_only_all_the_way_down_needs_a_runtime_that_can() -> None:
    wanted = {"name": "e", "mountPath": "/e", "readOnly": True}
    assert not mounts({**wanted, "recursiveReadOnly": "IfPossible"})[0].recursive_read_only
    assert not mounts({**wanted, "recursiveReadOnly": "Disabled"}, can_recurse=True)[0].recursive_read_only
    for mode in ("IfPossible", "Enabled"):
        assert mounts({**wanted, "recursiveReadOnly": mode}, can_recurse=True)[0].recursive_read_only
    with pytest.raises(ConfigurationError) as refused:
        mounts({**wanted, "recursiveReadOnly": "Enabled"})
    said = 'volume "e" requested recursive read-only mode, but it is not supported by the runtime'
    assert str(refused.value) == said


def test_a_volume_that_is_an_image_is_the_runtimes_to_mount() -> None:
    below = {"name": "i", "mountPath": "/j", "subPathExpr": "$(POD)/x"}
    found = mounts({"name": "i", "mountPath": "/i"}, below, values={"POD": "web"})
    assert found == [
        Mount(container_path="/i", host_path="", read_only=True, image="sha256:1"),
        Mount(container_path="/j", host_path="", read_only=True, image="sha256:1", image_sub_path="web/x"),
    ]
