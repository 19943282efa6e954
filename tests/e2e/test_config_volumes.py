"""Volumes of config maps and secrets, and their projections, in real containers.

Upstream's image prints files and modes; here a shell does. A name in a docstring is upstream's, and below it is every
assertion of upstream's test with the place where it is made here.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from podbay.api.resources import CONFIG_MAPS, SECRETS
from tests.e2e.node import Node, until

pytestmark = pytest.mark.e2e

Object = dict[str, Any]
DATA = {"data-1": "value-1", "data-2": "value-2", "data-3": "value-3"}
KINDS = ("configMap", "secret", "projected configMap", "projected secret")
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
RESOURCES = {"configMap": CONFIG_MAPS, "secret": SECRETS}
NAMES = {"configMap": "ConfigMap", "secret": "Secret"}


def obj(kind: str, name: str, data: Mapping[str, str] = DATA, **more: Any) -> Object:
    """Return a config map or secret that holds texts."""
    plain = kind.removeprefix("projected ")
    values = {k: base64.b64encode(v.encode()).decode() for k, v in data.items()} if plain == "secret" else dict(data)
    return {"apiVersion": "v1", "kind": NAMES[plain], "metadata": {"name": name}, "data": values, **more}


def volume(kind: str, of: str, name: str = "v", mode: int | None = None, **source: Any) -> Object:
    """Return a volume of a config map or secret, projected or not."""
    plain = kind.removeprefix("projected ")
    default = {} if mode is None else {"defaultMode": mode}
    if kind != plain:
        return {"name": name, "projected": {"sources": [{plain: {"name": of, **source}}], **default}}
    key = "name" if kind == "configMap" else "secretName"
    return {"name": name, kind: {key: of, **default, **source}}


async def make(node: Node, kind: str, name: str = "o", data: Mapping[str, str] = DATA, **more: Any) -> None:
    await node.admin.create(
        RESOURCES[kind.removeprefix("projected ")], obj(kind, name, data, **more), namespace="default"
    )


async def change(node: Node, kind: str, name: str, changes: Object) -> None:
    await node.admin.patch(RESOURCES[kind.removeprefix("projected ")], name, changes, namespace="default")


def mounted(*names: str, **more: Any) -> Object:
    return {"volumeMounts": [{"name": name, "mountPath": f"/{name}", **more} for name in names]}


async def reads(node: Node, path: str, text: str | None, name: str = "p") -> None:
    """Return once a file of a running container has a text, or is not there."""
    sandbox = next(s for s in await node.runtime.sandboxes() if s.name == name)
    containers = [c for c in await node.runtime.containers() if c.sandbox_id == sandbox.id]
    root = root_of(node, containers[0].id)

    async def holds() -> bool:
        try:
            return (root / path.lstrip("/")).read_text() == text
        except FileNotFoundError:
            return text is None

    await until(holds)


def root_of(node: Node, container_id: str) -> Path:
    """Return a running container's file system, seen from its process."""
    task = node.directory / "state" / "io.containerd.runtime.v2.task" / "k8s.io" / container_id / "init.pid"
    return Path(f"/proc/{task.read_text()}/root")


@pytest.mark.parametrize("kind", KINDS)
async def test_files_are_the_keys_and_can_be_read(node: Node, kind: str) -> None:
    """[sig-storage] ConfigMap should be consumable from pods in volume [NodeConformance]
    [sig-storage] Secrets should be consumable from pods in volume [NodeConformance]
    [sig-storage] Projected configMap should be consumable from pods in volume [NodeConformance]
    [sig-storage] Projected secret should be consumable from pods in volume [NodeConformance]

    - the file's content is "value-1": line 1
    - its mode is -rw-r--r--: line 2
    - the pod succeeds: ``output``
    """
    await make(node, kind)
    script = "cat /v/data-1; echo; stat -L -c %A /v/data-1; ls /v; touch /v/x 2>/dev/null || echo read-only"
    lines = await node.output(script, container=mounted("v"), volumes=[volume(kind, "o")])
    assert lines == ["value-1", "-rw-r--r--", "data-1", "data-2", "data-3", "read-only"]
    await node.is_empty()
