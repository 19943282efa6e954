"""Rules of pod templates: those of the pods that are to be made of them, as far as they can be told by then.

Takes defaulted pod templates; gives causes. Invariant: what a template asks for is its pods' matter: fields that this
release does not honour are refused when a pod is made.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-template-v1/
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import forbidden
from podbay.api.validation.metadata import (
    validate_annotations,
    validate_labels,
    validate_metadata,
    validate_metadata_update,
)
from podbay.api.validation.pods import validate_pod_annotations, validate_pod_spec


def validate_pod_template(obj: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a new pod template."""
    return validate_metadata(obj, names.dns1123_subdomain_problems, namespaced=True) + _template(obj)


def validate_pod_template_update(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with a change of a pod template, all of which may change."""
    return validate_metadata_update(new, old) + _template(new)


def _template(obj: Mapping[str, Any]) -> list[Cause]:
    template = obj.get("template") or {}
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    causes = validate_labels(metadata.get("labels"), "labels")  # upstream's path, which is not where labels are
    causes += validate_annotations(annotations, "annotations")
    causes += validate_pod_annotations(annotations, spec, "annotations")
    causes += validate_pod_spec(spec, is_template=True)
    if spec.get("ephemeralContainers"):
        causes.append(forbidden("spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))
    return [replace(cause, field=f"template.{cause.field}") for cause in causes]
