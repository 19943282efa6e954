import pytest

from podbay.api.local_path import default_storage_class, is_of_node, path_of, problem, volume_for
from podbay.api.resources import PERSISTENT_VOLUMES
from podbay.api.validation import validate_create

CLAIM = {
    "metadata": {"name": "data", "namespace": "ns", "uid": "u", "resourceVersion": "7"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
NODE = {"metadata": {"name": "n", "labels": {"kubernetes.io/hostname": "h"}}}


def test_a_volume_is_a_directory_of_one_node_and_goes_with_its_claim() -> None:
    made = volume_for(CLAIM, default_storage_class(), NODE, "/state/volumes")
    assert validate_create(PERSISTENT_VOLUMES, made) == []
    assert made["spec"]["hostPath"] == {"path": "/state/volumes/pvc-u_ns_data", "type": "DirectoryOrCreate"}
    assert made["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
    assert made["metadata"]["finalizers"] == ["external-provisioner.volume.kubernetes.io/finalizer"]
    assert is_of_node(made, "n")
    assert not is_of_node(made, "m")
    kept = volume_for(CLAIM, {**default_storage_class(), "reclaimPolicy": "Retain"}, NODE, "/state")
    assert "finalizers" not in kept["metadata"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc", "/state", "/state/volumes", "/state/volumes/a/b", "/state/volumes/..", "",
        "/state/volumes/a/link/../../b",
    ],
)  # fmt: skip
def test_only_what_is_right_below_the_nodes_directory_is_its_own(path: str) -> None:
    assert path_of({"spec": {"hostPath": {"path": path}}}, "/state/volumes") == ""
    assert path_of({"spec": {"hostPath": {"path": "/state/volumes/a"}}}, "/state/volumes/") == "/state/volumes/a"


@pytest.mark.parametrize(
    ("spec", "node", "why"),
    [
        ({}, "n", ""),
        ({}, "", "configuration error, no node was specified"),
        ({"selector": {}}, "n", "claim.Spec.Selector is not supported"),
        ({"volumeMode": "Block"}, "n", "only volumes of mode Filesystem are directories"),
        (
            {"accessModes": ["ReadWriteMany"]},
            "n",
            "NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes",
        ),
    ],
)
def test_what_a_directory_cannot_be(spec: dict[str, object], node: str, why: str) -> None:
    assert problem({"metadata": {}, "spec": {"accessModes": ["ReadWriteOnce"], **spec}}, node) == why
