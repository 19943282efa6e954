"""One request on a resource, with everything that the verbs need, and the answers they give.

Takes parts from the server; gives plain responses in the representation that the client accepts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podbay.api.resources import Resource
from podbay.apiserver.audit.record import UNRECORDED, Record
from podbay.apiserver.bodies import decode_object
from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity
from podbay.apiserver.negotiation import Representation
from podbay.apiserver.options import WriteOptions
from podbay.apiserver.request_info import RequestInfo
from podbay.apiserver.storage.entry import Entry
from podbay.apiserver.storage.objects import Objects
from podbay.apiserver.warning_headers import warning_headers
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.wire import json, yaml
from podbay.wire.http import JSON, Request, Response
from podbay.wire.table import as_partial, as_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """See the module."""

    request: Request
    info: RequestInfo
    resource: Resource
    identity: Identity
    objects: Objects
    clock: Clock
    activity: Activity
    representation: Representation = field(default_factory=Representation)
    options: WriteOptions = field(default_factory=WriteOptions)
    config: ApiServerConfig = field(default_factory=ApiServerConfig)
    record: Record = UNRECORDED

    @property
    def is_dry_run(self) -> bool:
        """Tell whether nothing may be stored."""
        return self.options.dry_run

    @property
    def include_object(self) -> str:
        """Return what a Table's rows carry: ``None``, ``Metadata`` or ``Object``."""
        return self.info.query.get("includeObject", "") or "Metadata"


def decode_body(call: Call, resource: Resource) -> tuple[dict[str, Any], list[str]]:
    """Return the object of a request's body, which is of a resource, and warnings about it. Raises BadRequest."""
    obj, warnings = decode_object(call.request, resource, call.options.field_validation)
    call.record.request_object(obj)
    return obj, warnings


def respond(call: Call, data: bytes, *, status: int = 200, warnings: Sequence[str] = ()) -> Response:
    """Answer with one object's bytes, in the representation that the client wants."""
    representation = call.representation
    if representation.kind:
        obj = json.decode(data)
        data = json.encode(represent(call, [obj], obj["metadata"], single=True))
    return respond_bytes(call, data, status=status, warnings=warnings)


def respond_entry(call: Call, entry: Entry, *, status: int = 200, warnings: Sequence[str] = ()) -> Response:
    """Answer with a stored object."""
    return respond(call, entry.data_as(call.resource), status=status, warnings=warnings)


def respond_success(call: Call, warnings: Sequence[str]) -> Response:
    """Answer that something was done which leaves no object to show."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
    return respond_bytes(call, json.encode(status), status=201, warnings=warnings)


def respond_bytes(call: Call, data: bytes, *, status: int = 200, warnings: Sequence[str] = ()) -> Response:
    """Answer with bytes that are in the right representation already, but for YAML."""
    headers = [("Content-Type", JSON)]
    if call.representation.yaml:
        data = yaml.dump(json.decode(data)).encode()
        headers = [("Content-Type", "application/yaml")]
    headers += [("Warning", value) for value in warning_headers(warnings)]
    return Response(status=status, headers=headers, body=data)


def represent(
    call: Call, objects: Sequence[Mapping[str, Any]], list_metadata: Mapping[str, Any], *, single: bool
) -> dict[str, Any]:
    """Return a Table or metadata-only form of objects."""
    version = f"meta.k8s.io/{call.representation.version}"
    if call.representation.kind == "Table":
        metadata = {"resourceVersion": list_metadata.get("resourceVersion", "")} if single else list_metadata
        table = as_table(
            call.resource, objects, now=call.clock.now(), include_object=call.include_object, list_meta=metadata
        )
        return {**table, "apiVersion": version}
    partial = [{**as_partial(obj), "apiVersion": version} for obj in objects]
    if single:
        return partial[0]
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": version,
        "metadata": list_metadata,
        "items": partial,
    }
