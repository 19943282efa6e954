"""configMap volumes: a file for each key, or for the keys that the volume names.

Pure. Takes the source and the object; gives files. Source: https://kubernetes.io/docs/concepts/configuration/configmap/
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from podbay.kubelet.volumes.atomic_writer import File, Payload
from podbay.kubelet.volumes.problem import VolumeProblem

Object = Mapping[str, Any]


def payload(source: Object, found: Object | None, default_mode: int) -> Payload:
    """Return the files. ``found`` None is only for an optional source. Raises VolumeProblem."""
    values = contents(found or {})
    missing = "configmap references non-existent config key"
    return chosen(source.get("items") or (), values, default_mode, missing, optional=bool(source.get("optional")))


def contents(config_map: Object) -> dict[str, bytes]:
    """Return what a config map has under each key."""
    text = {key: value.encode() for key, value in (config_map.get("data") or {}).items()}
    binary = {key: base64.b64decode(value) for key, value in (config_map.get("binaryData") or {}).items()}
    return binary | text


def chosen(
    items: Sequence[Object], values: Mapping[str, bytes], default_mode: int, missing: str, *, optional: bool
) -> Payload:
    """Return a file for each item, or for each key if there are no items. Raises VolumeProblem."""
    if not items:
        return {key: File(value, default_mode) for key, value in values.items()}
    files = {}
    for item in items:
        value = values.get(item["key"])
        if value is not None:
            mode = item.get("mode")
            files[item["path"]] = File(value, default_mode if mode is None else mode)
        elif not optional:
            raise VolumeProblem(f"{missing}: {item['key']}")
    return files
