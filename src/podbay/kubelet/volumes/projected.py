"""projected volumes: several sources in one directory.

Pure. Takes the source, the pod and the objects that it names; gives files.
Invariant: all sources are looked at, so that everything that is wrong is told at once.
Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/
"""

from collections.abc import Mapping
from typing import Any

from podbay.kubelet.volumes import config_map, downward_api, secret
from podbay.kubelet.volumes.atomic_writer import Payload
from podbay.kubelet.volumes.needs import Found, Need
from podbay.kubelet.volumes.problem import VolumeProblem

Object = Mapping[str, Any]


def payload(source: Object, pod: Object, found: Found, allocatable: Mapping[str, str]) -> Payload:
    """Return the files; of two with one name the later source's. Raises VolumeProblem."""
    mode: int = source["defaultMode"]
    files: dict[str, Any] = {}
    problems = []
    for entry in source.get("sources") or ():
        try:
            files |= _of_entry(entry, pod, found, allocatable, mode)
        except VolumeProblem as problem:
            problems.append(str(problem))
    if problems:
        told = list(dict.fromkeys(problems))
        raise VolumeProblem(told[0] if len(told) == 1 else f"[{', '.join(told)}]")
    return files


def _of_entry(entry: Object, pod: Object, found: Found, allocatable: Mapping[str, str], mode: int) -> Payload:
    if entry.get("secret") is not None:
        of_secret = entry["secret"]
        return secret.payload(of_secret, found(Need("secret", of_secret["name"]), of_secret), mode)
    if entry.get("configMap") is not None:
        of_map = entry["configMap"]
        return config_map.payload(of_map, found(Need("configmap", of_map["name"]), of_map), mode)
    return downward_api.payload((entry.get("downwardAPI") or {}).get("items") or (), pod, allocatable, mode)
