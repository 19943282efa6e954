"""downwardAPI volumes: what a pod says of itself, as files that follow its labels and annotations.

Pure. Takes the items, the pod and what the node has; gives files.
Source: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.kubelet.environment import ConfigurationError, field_value, resource_value
from podbay.kubelet.volumes.atomic_writer import File, Payload
from podbay.kubelet.volumes.problem import VolumeProblem

Object = Mapping[str, Any]

_WHOLE: Final = {"metadata.labels": "labels", "metadata.annotations": "annotations"}
_ESCAPES: Final = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t",
    "\v": "\\v",
}  # fmt: skip


def payload(items: Sequence[Object], pod: Object, allocatable: Mapping[str, str], default_mode: int) -> Payload:
    """Return the files. Raises VolumeProblem."""
    files = {}
    for item in items:
        mode = item.get("mode")
        value = _value(item, pod, allocatable).encode()
        files[os.path.normpath(item["path"])] = File(value, default_mode if mode is None else mode)
    return files


def _value(item: Object, pod: Object, allocatable: Mapping[str, str]) -> str:
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    try:
        if field is not None:
            whole = _WHOLE.get(field["fieldPath"])
            return formatted(pod["metadata"].get(whole) or {}) if whole else field_value(field["fieldPath"], pod, {})
        assert resource is not None
        return resource_value(resource, {}, pod, allocatable)
    except ConfigurationError as error:
        raise VolumeProblem(str(error)) from None


def formatted(pairs: Mapping[str, str]) -> str:
    """Return labels or annotations as upstream writes them: ``key="value"`` lines, sorted, in Go's escapes."""
    return "\n".join(f'{key}="{"".join(_escaped(letter) for letter in pairs[key])}"' for key in sorted(pairs))


def _escaped(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable():
        return letter
    number = ord(letter)
    if number < 0x80:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
