"""One stored object: its encoded bytes with the resourceVersion in them, and what selectors ask about.

Takes a stored value and its revision; gives bytes to GET, LIST and WATCH without encoding again, and the decoded
object only to whoever must look inside.
Invariant: the stored value begins with kind, apiVersion, metadata and holds no resourceVersion; the entry's ``data`` is
the same text with the resourceVersion as the first field of metadata.
"""

from collections.abc import Mapping
from typing import Any, Final

from podbay.api.fields import field_values
from podbay.api.resources import Resource
from podbay.store.interface import KeyValue, Revision
from podbay.wire import json

_METADATA: Final = b'"metadata":{'


class Entry:
    """An object as of a revision. ``create_revision`` and ``revision`` are the store's."""

    __slots__ = (
        "_fields",
        "_views",
        "create_revision",
        "data",
        "key",
        "labels",
        "name",
        "namespace",
        "resource",
        "revision",
    )

    def __init__(self, resource: Resource, item: KeyValue) -> None:
        self.resource = resource
        self.key = item.key
        self.revision = item.mod_revision
        self.create_revision = item.create_revision
        self.data = with_revision(item.value, item.mod_revision)
        obj = self.object()
        metadata = obj["metadata"]
        self.name: str = metadata["name"]
        self.namespace: str = metadata.get("namespace", "")
        self.labels: Mapping[str, str] = metadata.get("labels") or {}
        self._fields = field_values(resource, obj)
        self._views: dict[str, bytes] = {}

    def object(self) -> dict[str, Any]:
        """Return the object, decoded anew: the caller may change it."""
        decoded: dict[str, Any] = json.decode(self.data)
        return decoded

    def fields(self, resource: Resource) -> Mapping[str, str]:
        """Return the selectable fields of one served version."""
        if resource is self.resource:
            return self._fields
        return field_values(resource, converted(self.object(), resource))

    def data_as(self, resource: Resource) -> bytes:
        """Return the object's bytes in one served version; the other version's are made once and kept."""
        if resource is self.resource:
            return self.data
        view = self._views.get(resource.api_version)
        if view is None:
            view = self._views[resource.api_version] = json.encode(converted(self.object(), resource))
        return view


def encode_for_store(obj: Mapping[str, Any]) -> bytes:
    """Return an object's stored value: without resourceVersion, with metadata where ``with_revision`` finds it."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}
    rest = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion", "metadata")}
    return json.encode({"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata, **rest})


def with_revision(value: bytes, revision: Revision) -> bytes:
    """Return a stored value with its resourceVersion set."""
    at = value.index(_METADATA) + len(_METADATA)
    return b'%b"resourceVersion":"%d",%b' % (value[:at], revision, value[at:])


def converted(obj: Mapping[str, Any], resource: Resource) -> dict[str, Any]:
    """Return an object in another served version of its kind; only Events have two."""
    if obj.get("apiVersion") == resource.api_version:
        return dict(obj)
    renamed = _TO_EVENTS_V1 if resource.group == "events.k8s.io" else _TO_CORE
    found = {renamed.get(key, key): value for key, value in obj.items()}
    found["apiVersion"] = resource.api_version
    return found


_TO_EVENTS_V1: Final = {
    "involvedObject": "regarding",
    "message": "note",
    "reportingComponent": "reportingController",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
}
_TO_CORE: Final = {new: old for old, new in _TO_EVENTS_V1.items()}
