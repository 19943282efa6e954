"""projected volumes: several sources in one directory.

Pure. Takes the source, the pod and the objects that it names; gives files.
Invariant: all sources are looked at, so that everything that is wrong is told at once.
Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.kubelet.volumes import config_map, downward_api, secret
from podbay.kubelet.volumes.atomic_writer import File, Payload
from podbay.kubelet.volumes.needs import Found, Need
from podbay.kubelet.volumes.problem import VolumeProblem

Object = Mapping[str, Any]

_PRIVATE: Final = 0o600


def payload(
    source: Object, pod: Object, found: Found, allocatable: Mapping[str, str], tokens: Mapping[int, str | VolumeProblem]
) -> Payload:
    """Return the files; of two with one name the later source's. Raises VolumeProblem.

    ``tokens`` has the token of each source, by its place, that is a serviceAccountToken.
    """
    mode: int = source["defaultMode"]
    files: dict[str, Any] = {}
    problems = []
    for place, entry in enumerate(source.get("sources") or ()):
        try:
            if entry.get("serviceAccountToken") is not None:
                files |= _of_token(entry["serviceAccountToken"], tokens[place], pod, mode)
                continue
            files |= _of_entry(entry, pod, found, allocatable, mode)
        except VolumeProblem as problem:
            problems.append(str(problem))
    if problems:
        told = list(dict.fromkeys(problems))
        raise VolumeProblem(told[0] if len(told) == 1 else f"[{', '.join(told)}]")
    return files


def _of_token(source: Object, token: str | VolumeProblem, pod: Object, mode: int) -> Payload:
    """Return a token's file: for all to read, unless the pod says which user or group it is for."""
    if isinstance(token, VolumeProblem):
        raise token
    owner = _only_user(pod)
    is_private = owner is not None or (pod["spec"].get("securityContext") or {}).get("fsGroup") is not None
    return {source["path"]: File(token.encode(), _PRIVATE if is_private else mode, owner)}


def _only_user(pod: Object) -> int | None:
    """Return the user that all containers run as, None if one does not say it or they differ."""
    spec = pod["spec"]
    of_pod = (spec.get("securityContext") or {}).get("runAsUser")
    users = set()
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            own = (container.get("securityContext") or {}).get("runAsUser")
            users.add(of_pod if own is None else own)
    return users.pop() if len(users) == 1 else None


def _of_entry(entry: Object, pod: Object, found: Found, allocatable: Mapping[str, str], mode: int) -> Payload:
    if entry.get("secret") is not None:
        of_secret = entry["secret"]
        return secret.payload(of_secret, found(Need("secret", of_secret["name"]), of_secret), mode)
    if entry.get("configMap") is not None:
        of_map = entry["configMap"]
        return config_map.payload(of_map, found(Need("configmap", of_map["name"]), of_map), mode)
    return downward_api.payload((entry.get("downwardAPI") or {}).get("items") or (), pod, allocatable, mode)
