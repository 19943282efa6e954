"""Which config maps and secrets the volumes of a pod take their content from.

Pure. Takes a pod; gives what must be followed for it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Need:
    """An object of the pod's namespace: ``configmap`` or ``secret``, as upstream's messages call them."""

    kind: str
    name: str


Found = Callable[[Need, Object], Object | None]  # what a need's source (optional or not) gets; raises VolumeProblem


def needs_of(pod: Object) -> frozenset[Need]:
    """Return what all volumes of a pod need."""
    return frozenset(need for volume in pod["spec"].get("volumes") or () for need in needs_of_volume(volume))


def needs_of_volume(volume: Object) -> Iterator[Need]:
    """Yield what one volume needs."""
    if volume.get("configMap") is not None:
        yield Need("configmap", volume["configMap"]["name"])
    if volume.get("secret") is not None:
        yield Need("secret", volume["secret"]["secretName"])
    for source in (volume.get("projected") or {}).get("sources") or ():
        if source.get("configMap") is not None:
            yield Need("configmap", source["configMap"]["name"])
        if source.get("secret") is not None:
            yield Need("secret", source["secret"]["name"])
