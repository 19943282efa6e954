"""The image registry: what is pushed is what is pulled, and what nothing needs goes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from podbay.apiserver.image_registry import ImageRegistry
from podbay.lib.clock import ManualClock
from podbay.wire.http import Headers, Request, Response

EVIL = ["..", ".", "../..", "%2e%2e", "%2e%2e%2f%2e%2e", "a/../../b", "/etc", "a\x1fb", "%00"]


class Client:
    """Speaks to a registry as a tool does."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, ManualClock()
        self.registry = ImageRegistry(root, self.clock)

    async def ask(self, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
        fields = Headers((name.replace("_", "-"), value) for name, value in headers.items())
        return await self.registry(Request(method=method, target=target, headers=fields, body=body))

    async def push_blob(self, data: bytes, *, digest: str = "") -> Response:
        location = dict((await self.ask("POST", "/v2/team/app/blobs/uploads/")).headers)["Location"]
        for start in range(0, len(data), 4):
            part = data[start : start + 4]
            answer = await self.ask("PATCH", location, part, Content_Range=f"{start}-{start + len(part) - 1}")
            assert answer.status == 202
        return await self.ask("PUT", f"{location}?digest={digest or of(data)}")

    async def push(self, name: str, *layers: bytes, host: str = "docker.io") -> str:
        repository, _, tag = name.partition(":")
        parts = [b"{}", *layers]
        for part in parts:
            assert (await self.push_blob(part)).status == 201
        document = manifest(*parts)
        answer = await self.ask("PUT", f"/v2/{repository}/manifests/{tag}?ns={host}", document)
        assert answer.status == 201
        return of(document)

    def blobs(self) -> set[str]:
        return {f"sha256:{path.name}" for path in (self.root / "blobs").iterdir()}


def of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def manifest(config: bytes, *layers: bytes) -> bytes:
    def part(data: bytes) -> dict[str, Any]:
        return {"mediaType": "x", "digest": of(data), "size": len(data)}

    return json.dumps(
        {"schemaVersion": 2, "config": part(config), "layers": [part(layer) for layer in layers]}
    ).encode()


def everything(root: Path) -> list[Path]:
    return sorted(root.rglob("*"))


def code(answer: Response) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["errors"][0]["code"]


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


async def test_what_was_pushed_is_pulled_by_tag_and_by_digest(client: Client) -> None:
    digest = await client.push("team/app:1", b"layer one")
    for reference in ("1", digest, digest.replace(":", "%3A")):
        answer = await client.ask("GET", f"/v2/team/app/manifests/{reference}?ns=docker.io")
        assert (answer.status, of(answer.body)) == (200, digest)
        assert dict(answer.headers)["Content-Type"] == "application/vnd.oci.image.manifest.v1+json"
    answer = await client.ask("GET", f"/v2/team/app/blobs/{of(b'layer one')}", Range="bytes=6-")
    assert answer.stream is not None
    assert (answer.status, b"".join([chunk async for chunk in answer.stream])) == (206, b"one")


async def test_the_same_name_in_two_registries_is_two_images(client: Client) -> None:
    first = await client.push("team/app:1", b"one")
    second = await client.push("team/app:1", b"two", host="ghcr.io")
    assert first != second
    for host, digest in (("docker.io", first), ("ghcr.io", second)):
        answer = await client.ask("HEAD", f"/v2/team/app/manifests/1?ns={host}")
        assert dict(answer.headers)["Docker-Content-Digest"] == digest
    assert (await client.ask("GET", "/v2/team/app/manifests/1?ns=quay.io")).status == 404


async def test_bytes_of_another_digest_are_refused_and_dropped(client: Client) -> None:
    assert code(await client.push_blob(b"these", digest=of(b"those"))) == (400, "DIGEST_INVALID")
    assert client.blobs() == set()
    assert list((client.root / "uploads").iterdir()) == []
    assert code(await client.push_blob(b"these", digest="sha256:../../x")) == (400, "DIGEST_INVALID")
    document = manifest(b"{}")
    await client.push_blob(b"{}")
    answer = await client.ask("PUT", f"/v2/team/app/manifests/{of(b'another')}", document)
    assert code(answer) == (400, "DIGEST_INVALID")


async def test_a_part_out_of_turn_is_refused(client: Client) -> None:
    location = dict((await client.ask("POST", "/v2/team/app/blobs/uploads/")).headers)["Location"]
    await client.ask("PATCH", location, b"1234", Content_Range="0-3")
    assert (await client.ask("PATCH", location, b"1234", Content_Range="0-3")).status == 416
    answer = await client.ask("GET", location)
    assert (answer.status, dict(answer.headers)["Range"]) == (204, "0-3")
    assert (await client.ask("DELETE", location)).status == 204
    assert code(await client.ask("PATCH", location, b"5678")) == (404, "BLOB_UPLOAD_UNKNOWN")


@pytest.mark.parametrize("evil", EVIL)
async def test_no_name_leads_out_of_the_registry(tmp_path: Path, evil: str) -> None:
    client = Client(tmp_path / "registry")
    (tmp_path / "secret").write_text("sha256:" + 64 * "0")
    document = manifest(b"{}")
    await client.push_blob(b"{}")
    before = everything(tmp_path)
    for target in (
        f"/v2/team/app/manifests/1?ns={evil}",
        f"/v2/team/app/manifests/{evil}",
        f"/v2/{evil}/manifests/1",
        f"/v2/team/app/blobs/{evil}",
        f"/v2/team/app/blobs/uploads/{evil}",
    ):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = await client.ask(method, target, document)
            assert 400 <= answer.status < 500, f"{method} {target}"
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "document",
    [
        b"no json", b"[]", b"7", b"{}", b'{"config": 7}', b'{"layers": 7}', b'{"layers": [{}]}', b'{"layers": [[]]}',
        b'{"config": {"digest": "../../../secret"}}', b'{"manifests": [{"digest": 7}]}', b'{"layers": {"a": 1}}',
    ],
)  # fmt: skip
async def test_what_is_no_manifest_is_refused(client: Client, document: bytes) -> None:
    assert code(await client.ask("PUT", "/v2/team/app/manifests/1", document)) == (400, "MANIFEST_INVALID")
    assert client.blobs() == set()


async def test_a_manifest_whose_parts_are_missing_is_refused(client: Client) -> None:
    answer = await client.ask("PUT", "/v2/team/app/manifests/1", manifest(b"{}", b"layer"))
    assert code(answer) == (404, "MANIFEST_BLOB_UNKNOWN")


async def test_a_blob_is_no_manifest(client: Client) -> None:
    await client.push_blob(b"{}")
    assert code(await client.ask("GET", f"/v2/team/app/manifests/{of(b'{}')}")) == (404, "MANIFEST_UNKNOWN")


async def test_what_no_tag_reaches_goes_and_what_is_shared_stays(client: Client) -> None:
    await client.push("team/app:1", b"shared", b"only one's")
    kept = await client.push("team/app:2", b"shared")
    assert (await client.ask("DELETE", "/v2/team/app/manifests/1?ns=docker.io")).status == 202
    assert client.blobs() == {of(b"{}"), of(b"shared"), kept}
    assert code(await client.ask("DELETE", "/v2/team/app/manifests/1?ns=docker.io")) == (404, "MANIFEST_UNKNOWN")
    await client.push("team/app:2", b"new")
    assert of(b"shared") not in client.blobs()
    assert (await client.ask("DELETE", "/v2/team/app/manifests/2?ns=docker.io")).status == 202
    assert client.blobs() == set()
    assert list((client.root / "tags").iterdir()) == []


async def test_a_digest_removes_every_tag_that_names_it(client: Client) -> None:
    digest = await client.push("team/app:1", b"layer")
    await client.push("team/app:2", b"layer")
    assert (await client.ask("DELETE", f"/v2/team/app/manifests/{digest}?ns=docker.io")).status == 202
    assert client.blobs() == set()
    assert code(await client.ask("DELETE", f"/v2/team/app/manifests/{digest}?ns=docker.io")) == (
        404,
        "MANIFEST_UNKNOWN",
    )


async def test_removing_one_image_takes_nothing_from_a_push_under_way(client: Client) -> None:
    await client.push("team/old:1", b"shared")
    assert (await client.ask("HEAD", f"/v2/team/app/blobs/{of(b'shared')}")).status == 200
    await client.push_blob(b"new")
    await client.push_blob(b"{}")
    await client.ask("DELETE", "/v2/team/old/manifests/1?ns=docker.io")
    answer = await client.ask("PUT", "/v2/team/app/manifests/1", manifest(b"{}", b"shared", b"new"))
    assert answer.status == 201


async def test_a_push_that_never_ends_is_forgotten(client: Client) -> None:
    await client.push_blob(b"lost")
    await client.clock.advance(3601)
    await client.push("team/app:1", b"layer")
    assert of(b"lost") not in client.blobs()


async def test_a_kill_in_the_middle_of_a_push_leaves_nothing(client: Client) -> None:
    kept = await client.push("team/app:1", b"layer")
    await client.push_blob(b"a blob of an image that was never tagged")
    await client.ask("POST", "/v2/team/app/blobs/uploads/")
    (client.root / "blobs" / "+half").write_bytes(b"half")
    (client.root / "tags" / "docker.io" / "team\x1fapp" / "+half").write_bytes(b"half")
    again = Client(client.root)
    assert again.blobs() == {kept, of(b"{}"), of(b"layer")}
    assert list((client.root / "uploads").iterdir()) == []
    assert json.loads((await again.ask("GET", "/v2/team/app/tags/list")).body)["tags"] == ["1"]


async def test_an_image_for_several_machines_is_one_image(client: Client) -> None:
    children = []
    for layer in (b"amd64", b"arm64"):
        await client.push_blob(b"{}")
        await client.push_blob(layer)
        document = manifest(b"{}", layer)
        assert (await client.ask("PUT", f"/v2/team/app/manifests/{of(document)}", document)).status == 201
        children.append({"digest": of(document), "size": len(document)})
    index = json.dumps({"schemaVersion": 2, "manifests": children}).encode()
    assert (await client.ask("PUT", "/v2/team/app/manifests/1", index)).status == 201
    answer = await client.ask("GET", "/v2/team/app/manifests/1")
    assert dict(answer.headers)["Content-Type"] == "application/vnd.oci.image.index.v1+json"
    (listed,) = json.loads((await client.ask("GET", "/v2/_catalog")).body)["repositories"]
    assert (listed["name"], listed["tag"], listed["digest"]) == ("docker.io/team/app", "1", of(index))
    assert listed["size"] == sum(path.stat().st_size for path in (client.root / "blobs").iterdir())
