"""The containers of a pod by kind: init containers, sidecars among them, containers, ephemeral containers.

Pure. Takes a pod's spec. A sidecar is an init container that restarts always: it runs as long as the pod does, and the
pod's start waits only until it has started.
Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Object = Mapping[str, Any]

KINDS: Final = ("initContainers", "containers", "ephemeralContainers")


def is_sidecar(container: Object) -> bool:
    """Tell whether an init container is a sidecar."""
    return container.get("restartPolicy") == "Always"


def each_container(spec: Object) -> Iterator[tuple[str, Object]]:
    """Yield every container of a pod with the field that it is in."""
    for kind in KINDS:
        for container in spec.get(kind) or ():
            yield kind, container


def lasting_containers(spec: Object) -> Iterator[Object]:
    """Yield the containers that run as long as the pod does: sidecars, then containers."""
    for container in spec.get("initContainers") or ():
        if is_sidecar(container):
            yield container
    yield from spec.get("containers") or ()


def find_container(spec: Object, name: str) -> tuple[str, Object] | None:
    """Return the field and the container of a name, or None."""
    return next((found for found in each_container(spec) if found[1]["name"] == name), None)
