"""Objects that pass every rule, to be spoilt by a test, and causes as the lines a user reads."""

import copy
from collections.abc import Sequence
from typing import Any

from podbay.api.defaults import set_defaults
from podbay.api.errors import Cause
from podbay.api.resources import PODS


def lines(causes: Sequence[Cause]) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in causes]


def pod(spec: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    """Return a valid, defaulted pod with one container, which keyword arguments change."""
    built = {
        "metadata": {"name": "web", "namespace": "default", **(metadata or {})},
        "spec": {"containers": [{"name": "c", "image": "i", **container}], **copy.deepcopy(spec or {})},
        "status": {},
    }
    set_defaults(PODS, built)
    return built


def stored(obj: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an object as the server would hand it out for an update."""
    kept = copy.deepcopy(obj)
    kept["metadata"] |= {"resourceVersion": "1", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return kept
