"""Writes pods' statuses to the API server, only what differs, and only to the pod that is meant.

Takes a pod and its status; gives the pod as the API server has it afterwards, or None if there was nothing to write or
nobody to write to. The uid goes along as a precondition.
Invariant: a status is written only if it differs from what was last known to be there.
"""

from collections.abc import Mapping
from typing import Any

from podbay.api.errors import Conflict, NotFound
from podbay.api.resources import PODS
from podbay.client.rest import Object, Rest


class StatusWriter:
    """See the module."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def write(self, pod: Mapping[str, Any], status: Object) -> Object | None:
        """Write what differs. Raises StatusError, TransportError."""
        changes = difference(pod.get("status") or {}, status)
        if not changes:
            return None
        metadata = pod["metadata"]
        body = {"metadata": {"uid": metadata["uid"]}, "status": changes}
        try:
            return await self._rest.patch(
                PODS, metadata["name"], body, namespace=metadata["namespace"], subresource="status"
            )
        except (NotFound, Conflict):
            return None  # gone, or another pod of that name: its own status comes from its own worker


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Object:
    """Return the patch from one status to another: changed fields, and null for those that went. Pure.

    Conditions are merged by their type, field by field, so what a condition says no more must be taken from it aloud.
    """
    changes = {name: value for name, value in new.items() if old.get(name) != value}
    for name in ("podIP", "podIPs", "reason", "message"):
        if name in old and name not in new:
            changes[name] = None
    if "conditions" in changes:
        before = {condition["type"]: condition for condition in old.get("conditions") or ()}
        gone = set(before) - {condition["type"] for condition in changes["conditions"]}
        changes["conditions"] = [
            *({**dict.fromkeys(before.get(c["type"], {})), **c} for c in changes["conditions"]),
            *({"type": kind, "$patch": "delete"} for kind in sorted(gone)),
        ]
    if "podIPs" in changes and changes["podIPs"] and old.get("podIPs"):
        changes["podIPs"] = [*changes["podIPs"], {"$patch": "replace"}]
    return changes
