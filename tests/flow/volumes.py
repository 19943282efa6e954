"""Claims, volumes and classes for the tests of a whole cluster, and what became of them."""

from typing import Any

from podbay.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from tests.flow.cluster import Cluster

Object = dict[str, Any]
CLAIMED = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
HOPELESS = "preemption: 0/{0} nodes are available: {0} Preemption is not helpful for scheduling."


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> Object:
    return {
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, **spec},
    }


def volume(name: str, size: str = "1Gi", node: str = "", labels: dict[str, str] | None = None, **spec: Any) -> Object:
    found: Object = {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/mnt/{name}"},
            "storageClassName": "manual",
            **spec,
        },
    }
    if node:
        term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
        found["spec"]["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    return found


async def make_claim(cluster: Cluster, *args: Any, **spec: Any) -> Object:
    made = await cluster.rest.create(PERSISTENT_VOLUME_CLAIMS, claim(*args, **spec), namespace="default")
    await cluster.settle()
    return made


async def make_volume(cluster: Cluster, *args: Any, **more: Any) -> Object:
    made = await cluster.rest.create(PERSISTENT_VOLUMES, volume(*args, **more))
    await cluster.settle()
    return made


async def get_claim(cluster: Cluster, name: str = "data") -> Object:
    return await cluster.rest.get(PERSISTENT_VOLUME_CLAIMS, name, namespace="default")


async def get_volume(cluster: Cluster, name: str) -> Object:
    return await cluster.rest.get(PERSISTENT_VOLUMES, name)


async def delete_claim(cluster: Cluster, name: str = "data") -> None:
    await cluster.rest.delete(PERSISTENT_VOLUME_CLAIMS, name, namespace="default")
    await cluster.settle()


async def wait_class(cluster: Cluster, name: str = "late", **more: Any) -> None:
    obj = {
        "metadata": {"name": name},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
        **more,
    }
    await cluster.rest.create(STORAGE_CLASSES, obj)
    await cluster.settle()


async def told(cluster: Cluster, name: str) -> list[tuple[str, str]]:
    return [(reason, message) for reason, message, _ in await cluster.events_of(name)]
