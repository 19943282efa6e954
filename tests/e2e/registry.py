"""A real image registry that asks for a password: Debian's docker-registry, on the loopback address.

Takes users, who all have one password; gives an address and a way to push images. Nothing of it is left afterwards.
"""

import base64
import contextlib
import dataclasses
import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from podbay.api.images import parse_image_name
from podbay.standalone.images import recipes
from podbay.standalone.images.archive import Archive
from podbay.standalone.images.debian import busybox_files
from podbay.standalone.images.layer import MANIFEST, build
from podbay.standalone.machine import binary
from tests.e2e.harness import until

PASSWORD: Final = "sesame"
_HASH: Final = "$2y$05$abcdefghijklmnopqrstuuKcS.CYWVYVaLiiCKrrc0A5s3mGesJ9O"  # of the password, by bcrypt


class Registry:
    """A registry that runs. ``host`` is how image names begin."""

    def __init__(self, directory: Path, port: int, users: tuple[str, ...]) -> None:
        self.directory = directory
        self.host = f"127.0.0.1:{port}"
        self._user = users[0]

    def push(self, repository: str, tag: str = "1") -> str:
        """Push a busybox that is like no other; return its manifest's digest."""
        name = f"{self.host}/{repository}:{tag}"
        recipe = recipes.busybox_recipe(busybox_files(), name)
        archive = self.directory / "image.tar"
        build(dataclasses.replace(recipe, files={**recipe.files, "etc/name": name.encode()}), archive)
        with Archive(archive) as opened:
            (image,) = opened.images()
            for blob in image.blobs:
                source = opened.read(blob)
                data = source if isinstance(source, bytes) else source.read()
                location = self._send("POST", f"http://{self.host}/v2/{repository}/blobs/uploads/")["Location"]
                self._send("PUT", f"{location}&digest={quote(blob.digest)}", data)
        path = f"manifests/{parse_image_name(name).tag}"
        headers = self._send("PUT", f"http://{self.host}/v2/{repository}/{path}", image.manifests[-1], MANIFEST)
        return headers["Docker-Content-Digest"]

    def answers(self) -> bool:
        """Tell whether it listens: it refuses who says no name."""
        try:
            urllib.request.urlopen(f"http://{self.host}/v2/", timeout=5)
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False
        return False

    def _send(self, method: str, url: str, data: bytes = b"", kind: str = "application/octet-stream") -> dict[str, str]:
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("Content-Type", kind)
        request.add_header("Authorization", f"Basic {base64.b64encode(f'{self._user}:{PASSWORD}'.encode()).decode()}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return dict(answer.headers.items())


@contextlib.contextmanager
def private_registry(directory: Path, *users: str) -> Iterator[Registry]:
    """Run a registry for as long as the block."""
    directory.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "users").write_text("".join(f"{user}:{_HASH}\n" for user in users))
    config = {
        "version": "0.1",
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "images")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "test", "path": str(directory / "users")}},
    }
    (directory / "config.yml").write_text(json.dumps(config))
    command = [binary("docker-registry", "docker-registry"), "serve", str(directory / "config.yml")]
    with (directory / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            registry = Registry(directory, port, users)
            until(registry.answers, "the registry answers")
            yield registry
        finally:
            process.terminate()


def pull_secret(name: str, users: dict[str, str], password: str = PASSWORD) -> dict[str, object]:
    """Return a secret with a user for each registry, or registry and path."""
    found = {place: {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()} for place, user in users.items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps({"auths": found})},
    }
