"""What an object says when its author said nothing: each kind's defaults.

Takes a decoded object that has its kind's shape; changes it in place before admission and validation, on create and
on update alike. Invariant: setting defaults twice is the same as once, and a default never replaces a given value.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/ and each kind's API reference
"""

from collections.abc import Callable
from typing import Any, Final

from podbay.api.defaults.configuration import default_secret
from podbay.api.defaults.limit_ranges import default_limit_range
from podbay.api.defaults.namespaces import default_namespace
from podbay.api.defaults.nodes import default_node
from podbay.api.defaults.pods import default_pod, default_pod_template
from podbay.api.defaults.priority_classes import default_priority_class
from podbay.api.defaults.resource_quotas import default_resource_quota
from podbay.api.defaults.runtime_classes import default_runtime_class
from podbay.api.defaults.volumes import default_claim, default_persistent_volume, default_storage_class
from podbay.api.resources import Resource

__all__ = ["set_defaults"]

_OF_KIND: Final[dict[tuple[str, str], Callable[[dict[str, Any]], None]]] = {
    ("", "LimitRange"): default_limit_range,
    ("", "Namespace"): default_namespace,
    ("", "Node"): default_node,
    ("", "PersistentVolume"): default_persistent_volume,
    ("", "PersistentVolumeClaim"): default_claim,
    ("", "Pod"): default_pod,
    ("", "PodTemplate"): default_pod_template,
    ("", "ResourceQuota"): default_resource_quota,
    ("", "Secret"): default_secret,
    ("node.k8s.io", "RuntimeClass"): default_runtime_class,
    ("scheduling.k8s.io", "PriorityClass"): default_priority_class,
    ("storage.k8s.io", "StorageClass"): default_storage_class,
}


def set_defaults(resource: Resource, obj: dict[str, Any]) -> None:
    """Fill in the defaults of a resource's kind, in place."""
    default = _OF_KIND.get((resource.group, resource.kind))
    if default is not None:
        default(obj)
