"""Rules of ephemeral containers: what they may say, and that they are only ever added to a pod.

Takes pods; gives causes. Invariant: an ephemeral container that is there stays as it is.
Source: https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from podbay.api.errors import Cause
from podbay.api.mirror_pods import is_mirror
from podbay.api.validation.containers import validate_common
from podbay.api.validation.field_errors import duplicate, forbidden, not_found
from podbay.api.validation.metadata import validate_metadata_update
from podbay.api.validation.security import validate_container_security
from podbay.api.validation.unsupported import unsupported_in_pod
from podbay.api.validation.volumes import validate_volumes

Object = Mapping[str, Any]

_ALLOWED: Final = frozenset({
    "name", "image", "command", "args", "workingDir", "envFrom", "env", "volumeMounts", "volumeDevices",
    "terminationMessagePath", "terminationMessagePolicy", "imagePullPolicy", "securityContext", "stdin", "stdinOnce",
    "tty", "targetContainerName",
})  # fmt: skip
_NOT_HERE: Final = "cannot be set for an Ephemeral Container"


def validate_ephemeral_containers(spec: Object, volumes: Collection[str], path: str) -> list[Cause]:
    """Return what is wrong with a pod's ephemeral containers."""
    causes = []
    others = {c.get("name") or "" for kind in ("containers", "initContainers") for c in spec.get(kind) or ()}
    taken = set(others)
    for i, container in enumerate(spec.get("ephemeralContainers") or ()):
        here, name = f"{path}[{i}]", container.get("name") or ""
        causes += validate_common(container, volumes, here)
        causes += validate_container_security(container, here, host_users=spec.get("hostUsers") is not False)
        if name in taken:
            causes.append(duplicate(f"{here}.name", name))
        taken.add(name)
        target = container.get("targetContainerName") or ""
        if target and target not in others:
            causes.append(not_found(f"{here}.targetContainerName", target))
        causes += [
            forbidden(f"{here}.{field}", _NOT_HERE)
            for field, value in container.items()
            if field not in _ALLOWED and value not in (None, "", [], {})
        ]
        for j, mount in enumerate(container.get("volumeMounts") or ()):
            for field in ("subPath", "subPathExpr"):
                if mount.get(field):
                    causes.append(forbidden(f"{here}.volumeMounts[{j}].{field}", _NOT_HERE))
    return causes


def validate_ephemeral_update(new: Object, old: Object) -> list[Cause]:
    """Return what is wrong with a change of a pod's ephemeral containers."""
    path, causes = "spec.ephemeralContainers", validate_metadata_update(new, old)
    if is_mirror(old):
        return [*causes, forbidden("", "static pods do not support ephemeral containers")]
    spec = new.get("spec") or {}
    volumes, _ = validate_volumes(spec.get("volumes") or (), "spec.volumes")
    causes += validate_ephemeral_containers(spec, volumes, path) + unsupported_in_pod(new)
    return causes + _changes(
        spec.get("ephemeralContainers") or (), (old.get("spec") or {}).get("ephemeralContainers") or ()
    )


def _changes(now: Sequence[Object], before: Sequence[Object]) -> list[Cause]:
    causes, by_name = [], {container.get("name"): container for container in now}
    for container in before:
        name = container.get("name")
        if name not in by_name:
            text = f'existing ephemeral containers "{name}" may not be removed\n'
            causes.append(forbidden("spec.ephemeralContainers", text))
        elif by_name[name] != container:
            text = f'existing ephemeral containers "{name}" may not be changed\n'
            causes.append(forbidden("spec.ephemeralContainers", text))
    return causes
