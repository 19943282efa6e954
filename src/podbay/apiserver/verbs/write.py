"""CREATE, UPDATE and PATCH: an object through decoding, rules, admission and validation into the store.

Takes a call; gives the stored object. Also on the subresources ``status``, ``ephemeralcontainers`` and
``resize``.
Invariant: nothing is stored that was not validated against what it replaces, and nothing replaces what was changed
since it was read: a lost race is Conflict, or for a patch another try.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from podbay.api import resources, schema
from podbay.api.defaults import set_defaults
from podbay.api.errors import (
    AlreadyExists,
    BadRequest,
    Cause,
    Conflict,
    NotFound,
    StatusError,
)
from podbay.api.names import generate_name
from podbay.api.patch import PatchError, json_patch, merge_patch, status_error, strategic_merge_patch
from podbay.api.patch.errors import go_text, misfit
from podbay.api.resources import Resource
from podbay.api.schema.conform import WrongType
from podbay.api.validation import (
    invalid_object,
    validate_create,
    validate_finalize,
    validate_status_update,
    validate_update,
)
from podbay.api.validation.ephemeral import validate_ephemeral_update
from podbay.api.validation.resizing import validate_pod_resize
from podbay.api.warnings import warnings_on_create, warnings_on_update
from podbay.apiserver import pod_strategy, strategy
from podbay.apiserver.accounts import admit_account
from podbay.apiserver.admission import admit_create
from podbay.apiserver.authorization import node_name
from podbay.apiserver.bodies import check_size, patch_type, shaped
from podbay.apiserver.limit_ranger import admit_limit_defaults, admit_limits
from podbay.apiserver.node_restriction import admit_node_write
from podbay.apiserver.pod_security import admit_pod_security
from podbay.apiserver.priority import admit_default_class, admit_priority
from podbay.apiserver.quota_admission import admit_quota, turn_of
from podbay.apiserver.runtime_class import admit_runtime_class
from podbay.apiserver.standing import furnish
from podbay.apiserver.storage.entry import Entry, converted, encode_for_store, with_revision
from podbay.apiserver.storage.objects import conflict
from podbay.apiserver.verbs.call import Call, decode_body, respond, respond_entry
from podbay.apiserver.volume_admission import admit_resize, admit_volume_create
from podbay.wire import json
from podbay.wire.http import Response

_GENERATED_TRIES: Final = 8
_PATCH_TRIES: Final = 5


async def create(call: Call) -> Response:
    """Store a new object and answer 201."""
    resource = call.resource
    obj, warnings = decode_body(call, resource)
    if obj["metadata"].get("resourceVersion", "0") != "0":
        raise StatusError("resourceVersion should not be set on objects to be created")
    return await create_object(call, obj, warnings)


async def create_object(call: Call, obj: dict[str, Any], warnings: Sequence[str]) -> Response:
    """Store a decoded object and answer 201. Also for PUT of an object that is missing."""
    resource, namespace = call.resource, call.info.namespace
    check_namespace(resource, obj, namespace)
    metadata = obj["metadata"]
    generated = not metadata.get("name") and bool(metadata.get("generateName"))
    base = metadata.get("generateName", "")
    for attempt in range(_GENERATED_TRIES):
        if generated:
            metadata["name"] = generate_name(base)
        try:
            async with call.objects.gates.creating(namespace):
                return await _create(call, obj, warnings)
        except AlreadyExists as error:
            if not base:
                raise
            if not generated or attempt == _GENERATED_TRIES - 1:
                why = f"{error.message}, the server was not able to generate a unique name for the object"
                raise AlreadyExists(why, details={**error.details, "retryAfterSeconds": 1}) from None
    raise AssertionError("unreachable")


async def _create(call: Call, obj: dict[str, Any], warnings: Sequence[str]) -> Response:
    """Admit, check and store an object that has its name; answer 201."""
    resource, namespace = call.resource, call.info.namespace
    prepared = json.decode(json.encode(obj))
    strategy.set_creation_metadata(resource, prepared, namespace=namespace, uid=str(uuid.uuid4()), now=call.clock.now())
    set_defaults(resource, prepared)
    await admit_create(call.objects, resource, namespace, prepared["metadata"].get("name", ""))
    admit_limit_defaults(call.objects, resource, prepared)
    strategy.prepare_create(resource, prepared)
    if node := node_name(call.identity):
        admit_node_write(node, resource, prepared, None)
    await admit_account(call.objects, call.clock, resource, prepared, with_token=bool(call.config.root_ca))
    admit_priority(call.objects, resource, prepared)
    admit_runtime_class(call.objects, resource, prepared)
    admit_volume_create(call.objects, resource, prepared)
    raise_invalid(resource, prepared, validate_create(resource, prepared))
    warnings = [*warnings, *warnings_on_create(resource, prepared)]
    admit_limits(call.objects, resource, prepared)
    warnings += await admit_pod_security(call.objects, call.clock, resource, prepared, None, call.record.annotate)
    await admit_quota(call.objects, call.clock.now(), resource, prepared, dry_run=call.is_dry_run)
    stored = converted(prepared, resource.storage)
    if call.is_dry_run:
        return respond(call, await _dry_create(call, stored), status=201, warnings=warnings)
    if resource is resources.NAMESPACES:
        entry = await _create_namespace(call, stored)
    else:
        entry = await call.objects.create(resource, stored)
    return respond_entry(call, entry, status=201, warnings=warnings)


async def _create_namespace(call: Call, namespace: dict[str, Any]) -> Entry:
    """Store a namespace, and before it what every namespace has: nobody finds it bare."""
    name, objects = namespace["metadata"]["name"], call.objects
    async with objects.gates.creating(name):
        await objects.fresh()
        if objects.key(resources.NAMESPACES, "", name) not in objects.cache.of(resources.NAMESPACES).entries:
            await furnish(objects, call.clock, name, call.config.root_ca)
        return await objects.create(resources.NAMESPACES, namespace)


async def update(call: Call) -> Response:
    """Replace an object by the one in the body."""
    resource, info = call.resource, call.info
    obj, warnings = decode_body(call, resource)
    check_namespace(resource, obj, info.namespace)
    name = obj["metadata"].get("name", "")
    if not name:
        why = f"the name of the object ({info.name} based on URL) was undeterminable: name must be provided"
        raise BadRequest(why)
    if name != info.name:
        raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({info.name})")
    while True:
        try:
            old = await call.objects.get(resource, info.namespace, info.name)
        except NotFound:
            if not strategy.allows_create_on_update(resource) or info.subresource:
                raise
            if obj["metadata"].get("uid"):
                raise conflict(resource, name, _uid_problem(obj["metadata"]["uid"], "")) from None
            return await create_object(call, obj, warnings)
        try:
            return await _replace(call, old, json.decode(json.encode(obj)), warnings)
        except Conflict:
            if obj["metadata"].get("resourceVersion"):
                raise
            current = await call.objects.get(resource, info.namespace, info.name)
            if current.revision == old.revision:
                raise


async def patch(call: Call) -> Response:
    """Change an object as the body says: a JSON, merge or strategic merge patch."""
    resource, info = call.resource, call.info
    check_size(call.request)
    kind = patch_type(call.request)
    level = call.options.field_validation
    try:
        changes, repeated = json.decode_with_duplicates(call.request.body)
    except ValueError as error:
        raise BadRequest(f"error decoding patch: {error}") from None
    call.record.request_patch(changes)
    doubled = [f'{"json patch " if kind == "json" else ""}duplicate field "{path}"' for path in repeated]
    for attempt in range(_PATCH_TRIES):
        old = await call.objects.get(resource, info.namespace, info.name)
        before = json.decode(old.data_as(resource))
        patched = _apply(call, kind, before, changes)
        shown = go_text(changes) if kind == "strategic" else json.encode(patched).decode()
        try:
            new, misfits = shaped(patched, resource.api_version, resource.kind)
        except WrongType as error:
            raise misfit(shown, str(error)) from None
        problems = doubled + misfits
        if problems and level == "Strict":
            raise misfit(shown, f"strict decoding error: {', '.join(problems)}")
        check_namespace(resource, new, info.namespace)
        if new["metadata"].get("name") != info.name:
            raise BadRequest(
                f"the name of the object ({new['metadata'].get('name', '')}) does not match the name on the URL"
                f" ({info.name})"
            )
        given = new["metadata"].get("resourceVersion")
        try:
            return await _replace(call, old, new, problems if level == "Warn" else [])
        except Conflict:
            if given != str(old.revision) or attempt == _PATCH_TRIES - 1:
                raise
            if (await call.objects.get(resource, info.namespace, info.name)).revision == old.revision:
                raise
    raise AssertionError("unreachable")


async def _replace(call: Call, old: Entry, new: dict[str, Any], warnings: Sequence[str]) -> Response:
    """Validate a new state against the old one and store it, in the order that quotas want."""
    async with turn_of(call.objects, call.resource, call.info.subresource, call.info.namespace):
        return await _replace_now(call, old, new, warnings)


async def _replace_now(call: Call, old: Entry, new: dict[str, Any], warnings: Sequence[str]) -> Response:
    resource = call.resource
    before = json.decode(old.data_as(resource))
    _check_preconditions(resource, old, before, new)
    strategy.keep_system_metadata(new, before)
    new["metadata"].pop("resourceVersion", None)
    set_defaults(resource, new)
    admit_default_class(call.objects, resource, new)
    if node := node_name(call.identity):
        admit_node_write(node, resource, new, before)
    match call.info.subresource:
        case "status":
            strategy.prepare_status(resource, new, before, call.clock.now())
            problems = validate_status_update(resource, new, before)
        case "ephemeralcontainers":
            pod_strategy.prepare_ephemeral(new, before)
            problems = validate_ephemeral_update(new, before)
        case "resize":
            admit_limit_defaults(call.objects, resource, new, before)
            pod_strategy.prepare_resize(new, before)
            problems = validate_pod_resize(new, before)
        case "finalize":
            strategy.prepare_finalize(new, before)
            problems = validate_finalize(new, before)
        case _:
            strategy.prepare_update(resource, new, before)
            problems = validate_update(resource, new, before)
    raise_invalid(resource, new, problems)
    if call.info.subresource == "resize" or (not call.info.subresource and resource is not resources.PODS):
        admit_limits(call.objects, resource, new, before)
    if not call.info.subresource:
        admit_resize(resource, new, before)
    if call.info.subresource in ("", "ephemeralcontainers"):
        warnings = [*warnings, *warnings_on_update(resource, new, before)]
    if call.info.subresource in ("", "ephemeralcontainers", "resize"):
        warnings = [
            *warnings,
            *await admit_pod_security(call.objects, call.clock, resource, new, before, call.record.annotate),
        ]
    await admit_quota(
        call.objects,
        call.clock.now(),
        resource,
        new,
        before,
        subresource=call.info.subresource,
        dry_run=call.is_dry_run,
    )
    stored = converted(new, resource.storage)
    if call.is_dry_run:
        return respond(call, with_revision(encode_for_store(new), old.revision), warnings=warnings)
    if strategy.is_finished(resource, stored):
        await call.objects.delete(resource, old)
        return respond(call, with_revision(encode_for_store(new), old.revision), warnings=warnings)
    return respond_entry(call, await call.objects.update(resource, old, stored), warnings=warnings)


def _apply(call: Call, kind: str, before: dict[str, Any], changes: Any) -> dict[str, Any]:
    resource = call.resource
    try:
        if kind == "json":
            patched = json_patch(before, changes)
        elif kind == "merge":
            patched = merge_patch(before, changes)
        else:
            patched = strategic_merge_patch(before, changes, schema.definition(resource.api_version, resource.kind))
    except PatchError as error:
        raise status_error(error) from None
    if not isinstance(patched, dict):
        raise BadRequest("the patch does not leave an object")
    if not isinstance(patched.get("metadata"), dict):
        raise BadRequest("the patch does not leave the object's metadata")
    if patched.get("kind") != resource.kind or patched.get("apiVersion") != resource.api_version:
        raise BadRequest("the patch may not change kind or apiVersion")
    return patched


def check_namespace(resource: Resource, obj: dict[str, Any], namespace: str) -> None:
    """Put an object into the namespace of its request. Raises BadRequest if it says another one."""
    given = obj["metadata"].get("namespace", "")
    if not resource.namespaced:
        if given:
            obj["metadata"].pop("namespace")
        return
    if given and given != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    obj["metadata"]["namespace"] = namespace


def _check_preconditions(resource: Resource, old: Entry, before: dict[str, Any], new: dict[str, Any]) -> None:
    metadata = new["metadata"]
    version, uid = metadata.get("resourceVersion", ""), metadata.get("uid", "")
    if uid and uid != before["metadata"]["uid"]:
        raise conflict(resource, old.name, _uid_problem(uid, before["metadata"]["uid"]))
    if version in ("", "0"):
        if not strategy.allows_unconditional_update(resource):
            message = "Invalid value: 0x0: must be specified for an update"
            raise_invalid(resource, new, [Cause("FieldValueInvalid", message, "metadata.resourceVersion")])
    elif version != str(old.revision):
        raise conflict(resource, old.name)


def _uid_problem(wanted: str, found: str) -> str:
    return f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"


async def _dry_create(call: Call, obj: dict[str, Any]) -> bytes:
    metadata = obj["metadata"]
    cache = call.objects.cache.of(call.resource)
    key = call.objects.key(call.resource, metadata.get("namespace", ""), metadata["name"])
    if key in cache.entries:
        raise AlreadyExists.object(call.resource.group, call.resource.plural, metadata["name"])
    return json.encode(converted(obj, call.resource))


def raise_invalid(resource: Resource, obj: dict[str, Any], causes: Sequence[Cause]) -> None:
    """Raise upstream's Invalid for field errors, if there are any."""
    if not causes:
        return
    metadata = obj["metadata"]
    raise invalid_object(resource, metadata.get("name") or metadata.get("generateName", ""), causes)
