"""Tables: the columns that ``kubectl get`` shows, computed by the server.

Takes objects and the time; gives a ``meta.k8s.io`` Table. Each kind's columns and cells are in a module beside this.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.api.resources import Resource
from podbay.wire.table import configuration, disruption, events, nodes, pods, quotas, storage, usage
from podbay.wire.table.columns import Cells, Column, column

__all__ = ["as_partial", "as_table"]

_GENERIC: Final = (column("Name", format="name"), column("Created At", kind="date"))
_TABLES: Final[dict[tuple[str, str], tuple[Sequence[Column], Callable[[Mapping[str, Any], datetime], Cells]]]] = {
    ("", "Pod"): (pods.COLUMNS, pods.cells),
    ("", "PodTemplate"): (pods.TEMPLATE_COLUMNS, pods.template_cells),
    ("", "Node"): (nodes.COLUMNS, nodes.cells),
    ("", "Namespace"): (configuration.NAMESPACE_COLUMNS, configuration.namespace_cells),
    ("", "ConfigMap"): (configuration.CONFIG_MAP_COLUMNS, configuration.config_map_cells),
    ("", "Secret"): (configuration.SECRET_COLUMNS, configuration.secret_cells),
    ("", "ServiceAccount"): (configuration.SERVICE_ACCOUNT_COLUMNS, configuration.service_account_cells),
    ("", "Event"): (events.COLUMNS, events.cells),
    ("events.k8s.io", "Event"): (events.COLUMNS, events.cells_v1),
    ("metrics.k8s.io", "NodeMetrics"): (usage.COLUMNS, usage.cells),
    ("metrics.k8s.io", "PodMetrics"): (usage.COLUMNS, usage.cells),
    ("coordination.k8s.io", "Lease"): (configuration.LEASE_COLUMNS, configuration.lease_cells),
    ("node.k8s.io", "RuntimeClass"): (configuration.RUNTIME_CLASS_COLUMNS, configuration.runtime_class_cells),
    ("policy", "PodDisruptionBudget"): (disruption.COLUMNS, disruption.cells),
    ("", "ResourceQuota"): (quotas.COLUMNS, quotas.cells),
    ("", "PersistentVolume"): (storage.VOLUME_COLUMNS, storage.volume_cells),
    ("", "PersistentVolumeClaim"): (storage.CLAIM_COLUMNS, storage.claim_cells),
    ("storage.k8s.io", "StorageClass"): (storage.STORAGE_CLASS_COLUMNS, storage.storage_class_cells),
    ("scheduling.k8s.io", "PriorityClass"): (
        configuration.PRIORITY_CLASS_COLUMNS,
        configuration.priority_class_cells,
    ),
}


def as_table(
    resource: Resource,
    objects: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    include_object: str,
    list_meta: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the Table of objects. ``include_object``: ``None``, ``Metadata`` or ``Object``."""
    columns, cells = _TABLES.get((resource.group, resource.kind), (_GENERIC, _generic_cells))
    rows = []
    for obj in objects:
        row: dict[str, Any] = {"cells": list(cells(obj, now))}
        if columns is pods.COLUMNS and (conditions := pods.row_conditions(obj)):
            row["conditions"] = conditions
        if include_object == "Object":
            row["object"] = obj
        elif include_object != "None":
            row["object"] = as_partial(obj)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(list_meta),
        "columnDefinitions": [dict(definition) for definition in columns],
        "rows": rows,
    }


def as_partial(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object's metadata alone."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def _generic_cells(obj: Mapping[str, Any], _now: datetime) -> Cells:
    return [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp", "")]
