"""Rules of what a volume is made from: host paths, config maps, secrets, claims, the downward API, and projections.

Takes one source of a volume; gives causes. Invariant: what a file of a volume is named stays below the volume, and
never begins with ``..``, which is how the kubelet names its own.
Source: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume/
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.ephemeral_volumes import ephemeral_claim_name
from podbay.api.errors import Cause
from podbay.api.quantity import Quantity
from podbay.api.validation.claim_specs import validate_ephemeral_source
from podbay.api.validation.environment import validate_field_reference, validate_resource_reference
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, not_supported, required
from podbay.api.validation.tokens import token_life_problems

Source = Mapping[str, Any]

_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
_MOST_MODE: Final = 0o777
_FIELDS: Final = (
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
)  # fmt: skip
_HOST_PATH_TYPES: Final = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
)  # fmt: skip
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_DUPLICATE: Final = "conflicting duplicate paths"


def descending_path_problems(target: str) -> list[str]:
    """Return what keeps a path from staying below where it starts."""
    problems = ["must be a relative path"] if target.startswith("/") else []
    return problems + backstep_problems(target)


def backstep_problems(target: str) -> list[str]:
    """Return what is wrong with a path that must not go up."""
    return ["must not contain '..'"] if ".." in target.split("/") else []


def _own_path_problems(target: str) -> list[str]:
    problems = descending_path_problems(target)
    if target.startswith("..") and not target.startswith("../"):
        problems.append("must not start with '..'")
    return problems


def _empty_dir(source: Source, path: str) -> list[Cause]:
    size = source.get("sizeLimit")
    if size is None:
        return []
    try:
        valid = Quantity.parse(size) >= Quantity(0)
    except ValueError:
        valid = False
    return [] if valid else [forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]


def validate_host_path(source: Source, path: str) -> list[Cause]:
    """Return what is wrong with a path of the node."""
    where = source.get("path") or ""
    if not where:
        return [required(f"{path}.path")]
    causes = each_invalid(f"{path}.path", where, backstep_problems(where))
    kind = source.get("type")
    if kind is not None and kind not in _HOST_PATH_TYPES:
        causes.append(not_supported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return causes


def _claim(source: Source, path: str) -> list[Cause]:
    return [] if source.get("claimName") else [required(f"{path}.claimName")]


def _config_map(source: Source, path: str) -> list[Cause]:
    return _of_object(source, "name", path)


def _secret(source: Source, path: str) -> list[Cause]:
    return _of_object(source, "secretName", path)


def _downward_api(source: Source, path: str) -> list[Cause]:
    causes = _mode(source, "defaultMode", path)
    for item in source.get("items") or ():
        causes += _downward_item(item, path)  # upstream does not say which item
    return causes


def _projected(source: Source, path: str) -> list[Cause]:
    causes = _mode(source, "defaultMode", path)
    taken: set[str] = set()
    for i, entry in enumerate(source.get("sources") or ()):
        given = [kind for kind in _PROJECTIONS if entry.get(kind) is not None]
        for kind in given:
            causes += _PROJECTIONS[kind](entry[kind], f"{path}.sources[{i}].{kind}", path)
            for file, said in _files(kind, entry[kind]):
                if file in taken:
                    causes.append(invalid(path, said, _DUPLICATE))
                taken.add(file)
        if len(given) > 1:
            detail = "may not specify more than 1 volume type per source"
            causes.append(forbidden(f"{path}.sources[{i}]", detail))
    return causes


def _image(source: Source, path: str) -> list[Cause]:
    policy = source.get("pullPolicy") or ""
    if not policy:
        return [required(f"{path}.pullPolicy")]
    return [] if policy in _PULL_POLICIES else [not_supported(f"{path}.pullPolicy", policy, _PULL_POLICIES)]


def _of_object(source: Source, name: str, path: str) -> list[Cause]:
    causes = [] if source.get(name) else [required(f"{path}.{name}")]
    return causes + _mode(source, "defaultMode", path) + _items(source, path)


def _projected_object(source: Source, path: str, _whole: str) -> list[Cause]:
    return ([] if source.get("name") else [required(f"{path}.name")]) + _items(source, path)


def _projected_downward_api(source: Source, path: str, _whole: str) -> list[Cause]:
    return [cause for item in source.get("items") or () for cause in _downward_item(item, path)]


def _token(source: Source, path: str, whole: str) -> list[Cause]:
    file = source.get("path") or ""
    causes = token_life_problems(source.get("expirationSeconds") or 0, f"{path}.expirationSeconds")
    if not file:
        return [*causes, required(f"{whole}.path")]  # upstream's path, which is not where tokens are
    return causes + each_invalid(f"{whole}.path", file, _own_path_problems(file))


def _items(source: Source, path: str) -> list[Cause]:
    causes = []
    for i, item in enumerate(source.get("items") or ()):
        here, file = f"{path}.items[{i}]", item.get("path") or ""
        causes += [] if item.get("key") else [required(f"{here}.key")]
        causes += [] if file else [required(f"{here}.path")]
        causes += each_invalid(f"{here}.path", file, _own_path_problems(file)) + _mode(item, "mode", here)
    return causes


def _downward_item(item: Source, path: str) -> list[Cause]:
    file = item.get("path") or ""
    causes = [] if file else [required(f"{path}.path")]
    causes += each_invalid(f"{path}.path", file, _own_path_problems(file))
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        causes += validate_field_reference(field, f"{path}.fieldRef", _FIELDS)
        if resource is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            causes.append(invalid(path, "resource", detail))
    elif resource is not None:
        here = f"{path}.resourceFieldRef"
        causes += validate_resource_reference(resource, here, needs_container=True)
    else:
        causes.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    return causes + _mode(item, "mode", path)


def _mode(source: Source, field: str, path: str) -> list[Cause]:
    mode = source.get(field)
    if mode is None or 0 <= mode <= _MOST_MODE:
        return []
    return [invalid(f"{path}.{field}", mode, _MODE)]


def _files(kind: str, source: Source) -> Iterator[tuple[str, str]]:
    """Yield each file that a projected source names, with what upstream says of one that is named twice."""
    if kind in ("serviceAccountToken", "clusterTrustBundle"):
        return  # upstream compares no token's path
    for item in source.get("items") or ():
        if item.get("path"):
            yield item["path"], item["path"] if kind == "downwardAPI" else source.get("name") or ""


_PROJECTIONS: Final[Mapping[str, Callable[[Source, str, str], list[Cause]]]] = {
    "secret": _projected_object,
    "configMap": _projected_object,
    "downwardAPI": _projected_downward_api,
    "serviceAccountToken": _token,
    "clusterTrustBundle": lambda source, path, whole: [],  # refused altogether, see ``unsupported``
}
# In upstream's order: which of several sources of one volume is the first, and so the only one that is looked at.
_KINDS: Final[Mapping[str, Callable[[Source, str], list[Cause]]]] = {
    "emptyDir": _empty_dir,
    "hostPath": validate_host_path,
    "secret": _secret,
    "downwardAPI": _downward_api,
    "persistentVolumeClaim": _claim,
    "configMap": _config_map,
    "projected": _projected,
    "ephemeral": validate_ephemeral_source,
    "image": _image,
}
_MISSPELT: Final = {"downwardAPI": "downwarAPI"}  # upstream's path of a second source


def validate_source(volume: Source, path: str, pod_name: str) -> list[Cause]:
    """Return what is wrong with what a volume is made from. ``pod_name`` is empty where pods have none yet."""
    given = [kind for kind, source in volume.items() if kind != "name" and source is not None]
    if not given:
        return [required(path, "must specify a volume type")]
    order: Sequence[str] = tuple(_KINDS)
    given.sort(key=lambda kind: order.index(kind) if kind in order else len(order))
    first, others = given[0], given[1:]
    causes = _KINDS[first](volume[first], f"{path}.{first}") if first in _KINDS else []
    if first == "ephemeral" and pod_name and volume.get("name"):
        claim = ephemeral_claim_name({"metadata": {"name": pod_name}}, volume)
        problems = [f'PVC name "{claim}": {problem}' for problem in names.dns1123_subdomain_problems(claim)]
        causes += each_invalid(f"{path}.name", volume["name"], problems)
    return causes + [
        forbidden(f"{path}.{_MISSPELT.get(kind, kind)}", "may not specify more than 1 volume type") for kind in others
    ]
