"""Defaults of namespaces: the label that carries the name, and the phase.

Takes a namespace; changes it in place. Invariant: a named namespace can be selected by its name's label.
Source: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name
"""

from typing import Any, Final

NAME_LABEL: Final = "kubernetes.io/metadata.name"


def default_namespace(namespace: dict[str, Any]) -> None:
    """Label the namespace with its name (once it has one) and call it Active unless it says otherwise."""
    metadata = namespace.setdefault("metadata", {})
    if metadata.get("name"):
        labels = metadata.get("labels") or {}
        labels[NAME_LABEL] = metadata["name"]
        metadata["labels"] = labels
    status = namespace.setdefault("status", {})
    if not status.get("phase"):
        status["phase"] = "Active"
