"""A container's volume mounts: which path of the node is where in the container, and how.

Takes the pod, the container, its environment and where the volumes are; gives mounts, binding sub-paths. Blocking where
there are sub-paths.
Invariant: a path in a container is absolute, and a volume that the kubelet writes is read-only there.
Source: https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath
"""

import logging
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from podbay.cri.runtime import Mount, Propagation
from podbay.kubelet.environment import ConfigurationError
from podbay.kubelet.volumes import subpath
from podbay.kubelet.volumes.pod_volumes import is_read_only

_log = logging.getLogger(__name__)

Object = Mapping[str, Any]
_REFERENCE: Final = re.compile(r"\$(\$|\(([^()]*)\))")
_PROPAGATIONS: Final = {
    "None": Propagation.PRIVATE,
    "HostToContainer": Propagation.HOST_TO_CONTAINER,
    "Bidirectional": Propagation.BIDIRECTIONAL,
}


def volume_mounts(
    pod: Object,
    container: Object,
    values: Mapping[str, str],
    *,
    path_of: Callable[[Object], Path],
    sub_paths: Path | None,
    recursive_read_only: bool,
    images: Mapping[str, str],
) -> list[Mount]:
    """Return the mounts. ``sub_paths`` is where sub-paths are bound, None for a pretended node.

    ``recursive_read_only`` says whether the runtime can do that; ``images`` are the references of the volumes that are
    images. Raises ConfigurationError with upstream's message.
    """
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    found = []
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        volume = volumes[mount["name"]]
        sub = _sub_path(mount, values)
        if volume.get("image") is not None:
            found.append(_of_image(mount, images[mount["name"]], sub, can_recurse=recursive_read_only))
            continue
        path = path_of(volume)
        if sub and sub_paths is not None:
            target = sub_paths / mount["name"] / container["name"] / str(index)
            path = _bound(path, sub, target, mount, container)
        found.append(
            Mount(
                container_path=posixpath.join("/", mount["mountPath"]),
                host_path=str(path),
                read_only=bool(mount.get("readOnly")) or is_read_only(volume),
                propagation=_PROPAGATIONS[mount.get("mountPropagation") or "None"],
                recursive_read_only=_recursive(mount, can=recursive_read_only),
            )
        )
    return found


def _of_image(mount: Object, image: str, sub: str, *, can_recurse: bool) -> Mount:
    return Mount(
        container_path=posixpath.join("/", mount["mountPath"]),
        host_path="",
        read_only=True,
        propagation=_PROPAGATIONS[mount.get("mountPropagation") or "None"],
        recursive_read_only=_recursive(mount, can=can_recurse),
        image=image,
        image_sub_path=sub,
    )


def _sub_path(mount: Object, values: Mapping[str, str]) -> str:
    sub = mount.get("subPath") or ""
    if mount.get("subPathExpr"):
        sub = _expanded(mount["subPathExpr"], values)
    if sub.startswith("/"):
        raise ConfigurationError(f"error SubPath `{sub}` must not be an absolute path")
    if ".." in sub.split("/"):
        raise ConfigurationError(f"unable to provision SubPath `{sub}`: must not contain '..'")
    return sub


def _expanded(expression: str, values: Mapping[str, str]) -> str:
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        if not values.get(match[2]):
            missing.append(match[2])
        return values.get(match[2], "")

    expanded = _REFERENCE.sub(value, expression)
    if missing:
        raise ConfigurationError(f"missing value for {', '.join(sorted(set(missing)))}")
    return expanded


def _bound(volume: Path, sub: str, target: Path, mount: Object, container: Object) -> Path:
    try:
        return subpath.bind(volume, sub, target)
    except (subpath.Escape, OSError) as error:
        # What is wrong stays in the log: it could tell a container about files of the node.
        _log.warning("sub-path %s of volume %s for container %s: %s", sub, mount["name"], container["name"], error)
        whose = f'volumeMount "{mount["name"]}" of container "{container["name"]}"'
        raise ConfigurationError(f"failed to prepare subPath for {whose}") from None


def _recursive(mount: Object, *, can: bool) -> bool:
    mode = mount.get("recursiveReadOnly") or "Disabled"
    if mode == "Enabled" and not can:
        raise ConfigurationError(
            f'volume "{mount["name"]}" requested recursive read-only mode, but it is not supported by the runtime'
        )
    return can and mode != "Disabled"
