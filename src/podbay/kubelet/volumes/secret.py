"""secret volumes: like config maps', but in memory only.

Pure. Takes the source and the object; gives files. Source: https://kubernetes.io/docs/concepts/configuration/secret/
"""

import base64
from collections.abc import Mapping
from typing import Any

from podbay.kubelet.volumes.atomic_writer import Payload
from podbay.kubelet.volumes.config_map import chosen

Object = Mapping[str, Any]


def payload(source: Object, found: Object | None, default_mode: int) -> Payload:
    """Return the files. ``found`` None is only for an optional source. Raises VolumeProblem."""
    values = {key: base64.b64decode(value) for key, value in ((found or {}).get("data") or {}).items()}
    missing = "references non-existent secret key"
    return chosen(source.get("items") or (), values, default_mode, missing, optional=bool(source.get("optional")))
