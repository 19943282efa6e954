"""Claimed volumes on a node: what is told of one that cannot be used, and what is done to one that can."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from podbay.api.errors import NotFound
from podbay.api.resources import Resource
from podbay.client.rest import Rest
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.volumes.claims import ClaimedVolumes, make_directory
from podbay.kubelet.volumes.problem import VolumeProblem

Object = dict[str, Any]
VOLUME = {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}
NOT_PROCESSED = (
    "Unable to attach or mount volumes: unmounted volumes=[data], unattached volumes=[],"
    " failed to process volumes=[data]: "
)


class Known(Rest):
    """A client of a server that has these objects."""

    def __init__(self, **objects: Object) -> None:
        self._objects = objects

    async def get(self, resource: Resource, name: str, **_: Any) -> Object:
        if resource.plural not in self._objects:
            raise NotFound.object(resource.group, resource.plural, name)
        return self._objects[resource.plural]


def claim(phase: str = "Bound", **metadata: Any) -> Object:
    metadata = {"name": "c", "namespace": "ns", "uid": "u", **metadata}
    return {"metadata": metadata, "spec": {"volumeName": "v"}, "status": {"phase": phase}}


def volume(**spec: Any) -> Object:
    return {"metadata": {"name": "v"}, "spec": {"claimRef": {"uid": "u"}, **spec}}


async def told(tmp_path: Path, pod: Object | None = None, source: Object = VOLUME, **objects: Object) -> str:
    config = KubeletConfig(node_name="n", address="", root=tmp_path, log_root=tmp_path)
    found = pod or {"metadata": {"namespace": "ns"}, "spec": {}}
    try:
        return str(await ClaimedVolumes(Known(**objects), config).set_up(source, found))
    except VolumeProblem as problem:
        return problem.event("data", ["data"])


async def test_why_a_claim_cannot_be_used(tmp_path: Path) -> None:
    missing = 'error processing PVC ns/c: failed to fetch PVC from API server: persistentvolumeclaims "c" not found'
    assert await told(tmp_path) == NOT_PROCESSED + missing
    for found, why in (
        (claim("Pending"), "PVC is not bound"),
        (claim(deletionTimestamp="now"), "PVC is being deleted"),
        (claim(), 'failed to fetch PV v from API server: persistentvolumes "v" not found'),
    ):
        expected = f"{NOT_PROCESSED}error processing PVC ns/c: {why}"
        assert await told(tmp_path, persistentvolumeclaims=found) == expected
    for found, why in (
        (
            volume(claimRef={"uid": "another"}),
            "error processing PVC ns/c: Error getting PV spec: PV v is not bound to PVC ns/c",
        ),
        (volume(volumeMode="Block"), "volume data has volumeMode Block, but is specified in volumeMounts"),
    ):
        assert await told(tmp_path, persistentvolumeclaims=claim(), persistentvolumes=found) == NOT_PROCESSED + why


async def test_a_claim_that_a_pod_brings_is_used_only_if_it_was_made_for_it(tmp_path: Path) -> None:
    pod = {"metadata": {"namespace": "ns", "name": "p", "uid": "pod"}, "spec": {}}
    source: Object = {"name": "data", "ephemeral": {"volumeClaimTemplate": {}}}
    missing = "error processing PVC ns/p-data: failed to fetch PVC from API server:"
    expected = f'{NOT_PROCESSED}{missing} persistentvolumeclaims "p-data" not found'
    assert await told(tmp_path, pod, source) == expected
    found = volume(local={"path": str(tmp_path)})
    foreign = claim(name="p-data", ownerReferences=[{"uid": "another", "controller": True}])
    assert await told(tmp_path, pod, source, persistentvolumeclaims=foreign, persistentvolumes=found) == (
        f"{NOT_PROCESSED}PVC ns/p-data was not created for pod ns/p (pod is not owner)"
    )
    own = claim(name="p-data", ownerReferences=[{"uid": "pod", "controller": True}])
    assert await told(tmp_path, pod, source, persistentvolumeclaims=own, persistentvolumes=found) == str(tmp_path)


async def test_a_volume_must_be_there_and_be_what_it_says(tmp_path: Path) -> None:
    local, file = volume(local={"path": "/none"}), tmp_path / "file"
    file.touch()
    assert await told(tmp_path, persistentvolumeclaims=claim(), persistentvolumes=local) == (
        'MountVolume.NewMounter initialization failed for volume "v" : path "/none" does not exist'
    )
    wrong = volume(hostPath={"path": str(file), "type": "Directory"})
    assert await told(tmp_path, persistentvolumeclaims=claim(), persistentvolumes=wrong) == (
        f'MountVolume.SetUp failed for volume "v" : hostPath type check failed: {file} is not a directory'
    )


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_local_volume_is_given_to_the_pods_group_unless_it_is_read_only(
    tmp_path: Path, read_only: bool
) -> None:
    directory = tmp_path / "volume"
    directory.mkdir()
    (directory / "file").touch(mode=0o600)
    group = os.getgid() if os.getuid() else 4321
    pod = {"metadata": {"namespace": "ns"}, "spec": {"securityContext": {"fsGroup": group}}}
    source = {"name": "data", "persistentVolumeClaim": {"claimName": "c", "readOnly": read_only}}
    found = volume(local={"path": str(directory)})
    assert await told(tmp_path, pod, source, persistentvolumeclaims=claim(), persistentvolumes=found) == str(directory)
    mode = stat.S_IMODE((directory / "file").stat().st_mode)
    assert mode == (0o600 if read_only else 0o660)


def test_a_directory_of_the_node_is_for_everybody_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "volumes" / "v"
    make_directory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777
    path.chmod(0o700)
    make_directory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_directory_that_a_killed_kubelet_had_only_begun_is_made_for_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "volumes" / "v"
    with monkeypatch.context() as killed:
        killed.setattr(Path, "chmod", lambda *_: (_ for _ in ()).throw(InterruptedError()))
        with pytest.raises(InterruptedError):
            make_directory(path)
    make_directory(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o777


async def test_a_volume_elsewhere_that_only_says_it_is_the_nodes_own_is_a_host_path(tmp_path: Path) -> None:
    found = volume(hostPath={"path": str(tmp_path / "none"), "type": "Directory"})
    found["metadata"] |= {
        "labels": {"podbay.dev/node": "n"},
        "annotations": {"pv.kubernetes.io/provisioned-by": "rancher.io/local-path"},
    }
    assert await told(tmp_path, persistentvolumeclaims=claim(), persistentvolumes=found) == (
        f'MountVolume.SetUp failed for volume "v" : hostPath type check failed: {tmp_path}/none is not a directory'
    )
