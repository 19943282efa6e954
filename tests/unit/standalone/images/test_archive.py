"""Image archives: what tools write is read, and what is broken is told."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from podbay.standalone.errors import ClusterError
from podbay.standalone.images.archive import Archive, ArchivedImage

LAYERS = (b"first layer", b"second layer")


def of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(path: Path, files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return path


def docker_save(*tags: str) -> dict[str, bytes]:
    config = b'{"rootfs": {}}'
    entry = {"Config": "config.json", "RepoTags": list(tags), "Layers": ["1/layer.tar", "2/layer.tar"]}
    layers = {f"{index}/layer.tar": data for index, data in enumerate(LAYERS, 1)}
    return {"manifest.json": json.dumps([entry]).encode(), "config.json": config, **layers}


def oci(*names: str, key: str = "io.containerd.image.name") -> dict[str, bytes]:
    config = b'{"rootfs": {}}'
    manifest = json.dumps({
        "schemaVersion": 2,
        "config": {"digest": of(config), "size": len(config)},
        "layers": [{"digest": of(layer), "size": len(layer)} for layer in LAYERS],
    }).encode()  # fmt: skip
    entries = [{"digest": of(manifest), "size": len(manifest), "annotations": {key: name}} for name in names]
    blobs = {f"blobs/sha256/{of(data)[7:]}": data for data in (config, manifest, *LAYERS)}
    return {"oci-layout": b"{}", "index.json": json.dumps({"manifests": entries}).encode(), **blobs}


def bytes_of(archive: Archive, image: ArchivedImage) -> dict[str, bytes]:
    found = {}
    for blob in image.blobs:
        source = archive.read(blob)
        with io.BytesIO(source) if isinstance(source, bytes) else source as file:
            found[blob.digest] = file.read()
    return found


def test_a_docker_archive_is_given_a_manifest(tmp_path: Path) -> None:
    with Archive(tar(tmp_path / "a.tar", docker_save("team/app:1"))) as archive:
        (image,) = archive.images()
        assert image.name == "docker.io/team/app:1"
        found = bytes_of(archive, image)
        manifest = json.loads(image.manifests[-1])
        assert [found[layer["digest"]] for layer in manifest["layers"]] == list(LAYERS)
        assert [layer["size"] for layer in manifest["layers"]] == [len(layer) for layer in LAYERS]
        assert all(of(data) == digest for digest, data in found.items())


def test_an_archive_of_two_tags_holds_two_images(tmp_path: Path) -> None:
    for files in (docker_save("team/app:1", "ghcr.io/team/app:2"), oci("team/app:1", "ghcr.io/team/app:2")):
        with Archive(tar(tmp_path / "a.tar", files)) as archive:
            assert [image.name for image in archive.images()] == ["docker.io/team/app:1", "ghcr.io/team/app:2"]


def test_an_archive_of_several_images_holds_them_all(tmp_path: Path) -> None:
    files = docker_save("team/one:1")
    entries = json.loads(files["manifest.json"])
    files["manifest.json"] = json.dumps([*entries, {**entries[0], "RepoTags": ["team/two:2"]}]).encode()
    with Archive(tar(tmp_path / "a.tar", files)) as archive:
        assert [image.name for image in archive.images()] == ["docker.io/team/one:1", "docker.io/team/two:2"]


def test_a_layer_that_is_a_link_to_another_image_s_is_read(tmp_path: Path) -> None:
    files = docker_save("team/app:1")
    files["3/layer.tar"] = files.pop("2/layer.tar")
    with Archive(tar(tmp_path / "a.tar", files, {"2/layer.tar": "../3/layer.tar"})) as archive:
        (image,) = archive.images()
        assert LAYERS[1] in bytes_of(archive, image).values()


@pytest.mark.parametrize("key", ["io.containerd.image.name", "org.opencontainers.image.ref.name"])
def test_an_oci_layout_is_read_from_a_directory_and_from_a_tar(tmp_path: Path, key: str) -> None:
    files = oci("team/app:1", key=key)
    directory = tmp_path / "layout"
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
    for path in (directory, tar(tmp_path / "a.tar", files)):
        with Archive(path) as archive:
            (image,) = archive.images()
            assert image.name == "docker.io/team/app:1"
            assert set(LAYERS) <= set(bytes_of(archive, image).values())


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_archive_is_read(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tar(tmp_path / "a.tar", docker_save("team/app:1"))
    path.write_bytes(pack(path.read_bytes()))
    with Archive(path) as archive:
        (image,) = archive.images()
        assert set(LAYERS) <= set(bytes_of(archive, image).values())


def _broken() -> dict[str, bytes | Mapping[str, bytes]]:
    whole = docker_save("team/app:1")
    return {
        "empty": b"",
        "text": b"this is no archive" * 100,
        "zstd": b"\x28\xb5\x2f\xfd" + bytes(100),
        "torn gzip": gzip.compress(bytes(10_000))[:40],
        "a tar of something else": {"hello": b"world"},
        "broken json": {**whole, "manifest.json": b"[{"},
        "another shape": {**whole, "manifest.json": b'[7]'},
        "no list": {**whole, "manifest.json": b'7'},
        "no name": {**whole, "manifest.json": json.dumps([{"Config": "config.json", "Layers": []}]).encode()},
        "a bad name": docker_save("Team/APP:1"),
        "a layer that is missing": {k: v for k, v in whole.items() if k != "2/layer.tar"},
        "no config": {k: v for k, v in whole.items() if k != "config.json"},
        "a layer outside": {**whole, "manifest.json": whole["manifest.json"].replace(b"1/layer.tar", b"/etc/hostname")},
        "a blob that is missing": {k: v for k, v in oci("team/app:1").items() if of(LAYERS[0])[7:] not in k},
        "no manifest": {
            "index.json": b'{"manifests": [{"annotations": {"io.containerd.image.name": "a:1"}}]}',
        },
    }  # fmt: skip


@pytest.mark.parametrize("how", _broken())
def test_a_broken_archive_is_told_by_its_name(tmp_path: Path, how: str) -> None:
    path, broken = tmp_path / "a.tar", _broken()[how]
    if isinstance(broken, bytes):
        path.write_bytes(broken)
    else:
        tar(path, broken)
    with pytest.raises(ClusterError) as told, Archive(path) as archive:
        archive.images()
    assert str(path) in str(told.value) or "team/app" in str(told.value).lower()


def test_a_torn_tar_is_told(tmp_path: Path) -> None:
    path = tar(tmp_path / "a.tar", docker_save("team/app:1"))
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(ClusterError), Archive(path) as archive:
        archive.images()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="there is no such file"):
        Archive(tmp_path / "none")
