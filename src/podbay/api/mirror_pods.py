"""The marks of static pods, which a node runs from its own files, and of their mirrors in the API.

Pure. Takes pods; gives what their annotations say. A mirror pod only shows a static pod: who deletes it ends nothing.
Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror
"""

from collections.abc import Mapping
from typing import Any, Final

HASH: Final = "kubernetes.io/config.hash"
MIRROR: Final = "kubernetes.io/config.mirror"
SEEN: Final = "kubernetes.io/config.seen"
SOURCE: Final = "kubernetes.io/config.source"

Pod = Mapping[str, Any]


def is_mirror(pod: Pod) -> bool:
    """Tell whether a pod only shows one that its node runs from a file."""
    return MIRROR in annotations_of(pod)


def annotations_of(pod: Pod) -> Mapping[str, str]:
    """Return a pod's annotations."""
    found: Mapping[str, str] = pod["metadata"].get("annotations") or {}
    return found
