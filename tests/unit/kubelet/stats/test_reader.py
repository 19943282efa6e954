from pathlib import Path
from typing import Any

import pytest

from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.stats.reader import NodeReader, RuntimeDisks
from tests.unit.kubelet.stats.samples import manifest
from tests.unit.kubelet.support import House, house


@pytest.mark.parametrize(
    "source",
    [
        {"hostPath": {"path": "/"}},
        {"persistentVolumeClaim": {"claimName": "c"}},
        {"image": {"reference": "busybox", "pullPolicy": "IfNotPresent"}},
    ],
)
async def test_what_is_not_the_pods_alone_is_not_walked_and_hides_nothing_else(
    source: dict[str, Any], tmp_path: Path
) -> None:
    pod = manifest(volumes=[{"name": "shared", **source}, {"name": "own", "emptyDir": {}}])
    async with house() as home:
        sample = reader(home, tmp_path).read([pod], RuntimeDisks(layers={}, images=None))
    disks = sample.pods[0].disks
    assert disks is not None and list(disks.volumes) == ["own"]


def reader(home: House, root: Path) -> NodeReader:
    """Return a reader that finds volumes where the kubelet has them, below another root."""
    config = KubeletConfig(node_name="n1", address="192.0.2.1", root=root, log_root=root)

    def path(uid: str, volume: Any) -> Path:
        found = root / home.kubelet.volumes.path(uid, volume).relative_to("/")
        found.mkdir(parents=True, exist_ok=True)
        return found

    return NodeReader(config, 1 << 30, path)
