"""GET and LIST: from the cache's bytes, or from the store when an old revision is asked for.

Takes a call; gives one object, or a page of them with a continue token that holds revision and position.
Invariant: all pages of one list are of one revision; a token whose revision is gone answers 410, with one that goes
on in the present.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks and
#resource-versions
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from podbay.api.errors import BadRequest, Expired
from podbay.apiserver.options import check_list_options, check_resource_version, integer
from podbay.apiserver.storage.entry import Entry
from podbay.apiserver.verbs.call import Call, represent, respond_bytes, respond_entry
from podbay.apiserver.verbs.continuation import LATEST, decode_token, encode_token, gone
from podbay.apiserver.verbs.selection import Selection, selection
from podbay.store.interface import Revision, prefix_end
from podbay.wire import json
from podbay.wire.http import Response

_SLICE: Final = 250  # objects shown as rows in one turn of the loop: a few milliseconds
_PAGE: Final = 500  # keys read from the store at once while a selector thins them out


async def get(call: Call) -> Response:
    """Answer with one object."""
    version = call.info.query.get("resourceVersion", "")
    check_resource_version(version)
    entry = await call.objects.get(call.resource, call.info.namespace, call.info.name, resource_version=version)
    return respond_entry(call, entry)


async def list_(call: Call) -> Response:
    """Answer with a page of objects. Raises BadRequest, Invalid, Expired, Timeout."""
    entries, metadata = await find(call)
    return await respond_list(call, entries, metadata)


async def find(call: Call) -> tuple[Sequence[Entry], dict[str, Any]]:
    """Return the objects that a list's query asks for, and the metadata of the list. Raises as ``list_``."""
    query = call.info.query
    check_list_options(query)
    wanted = selection(call.resource, call.info)
    limit = max(0, integer(query, "limit") or 0)
    prefix = call.objects.key(call.resource, wanted.namespace, "") if wanted.namespace else _prefix(call)
    token, start = query.get("continue", ""), prefix
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    revision = LATEST
    if token:
        revision, start = decode_token(token, prefix)
        if version not in ("", "0"):
            raise BadRequest("specifying resource version is not allowed when using continue")
    check_resource_version(version)
    if match == "Exact" or (version not in ("", "0") and limit and not match):
        revision = Revision(int(version))
    if revision != LATEST:
        try:
            return await _from_store(call, wanted, start, prefix, limit, revision)
        except Expired:
            if token:
                raise gone(prefix, start) from None
            raise
    await call.objects.fresh(version)
    cache = call.objects.cache
    found: list[Entry] = []
    following = ""
    remaining = 0
    for entry in cache.of(call.resource).between(start, prefix_end(prefix)):
        if not wanted.matches(entry):
            continue
        if limit and len(found) == limit:
            following = following or entry.key
            remaining += 1
            if not wanted.is_everything:
                break
        else:
            found.append(entry)
    metadata: dict[str, Any] = {"resourceVersion": str(cache.revision)}
    if following:
        metadata["continue"] = encode_token(cache.revision, prefix, following)
        if wanted.is_everything:
            metadata["remainingItemCount"] = remaining
    return found, metadata


async def _from_store(
    call: Call, wanted: Selection, start: str, prefix: str, limit: int, revision: Revision
) -> tuple[Sequence[Entry], dict[str, Any]]:
    """Return a page as of an old revision."""
    found: list[Entry] = []
    following = ""
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    position, end = start, prefix_end(prefix)
    while True:
        page = await call.objects.range_at(call.resource, position, end, _PAGE, revision)
        matching = [e for item in page.items if wanted.matches(e := Entry(call.resource.storage, item))]
        for index, entry in enumerate(matching):
            if limit and len(found) == limit:
                following = entry.key
                if wanted.is_everything:
                    metadata["remainingItemCount"] = page.count - index
                break
            found.append(entry)
        if following or not page.more or not page.items:
            break
        position = page.items[-1].key + "\0"
    if following:
        metadata["continue"] = encode_token(revision, prefix, following)
    return found, metadata


async def respond_list(call: Call, entries: Sequence[Entry], metadata: dict[str, Any]) -> Response:
    """Answer with a list of objects, in the representation that the client wants."""
    resource = call.resource
    if call.representation.kind:
        return respond_bytes(call, json.encode(await _represented(call, entries, metadata)))
    head = b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":[' % (
        resource.kind.encode(),
        resource.api_version.encode(),
        json.encode(metadata),
    )
    # One join with head and tail inside the first and last item: each byte is copied once.
    parts = [entry.data_as(resource) for entry in entries]
    if not parts:
        return respond_bytes(call, head + b"]}")
    parts[0] = head + parts[0]
    parts[-1] += b"]}"
    return respond_bytes(call, b",".join(parts))


async def _represented(call: Call, entries: Sequence[Entry], metadata: dict[str, Any]) -> dict[str, Any]:
    """Return a Table or metadata-only list, made in slices so that others get their turn."""
    whole: dict[str, Any] = {}
    for start in range(0, len(entries) or 1, _SLICE):
        objects = [json.decode(entry.data_as(call.resource)) for entry in entries[start : start + _SLICE]]
        part = represent(call, objects, metadata, single=False)
        for name in ("rows", "items"):
            if name in whole:
                whole[name].extend(part[name])
        whole = whole or part
        if start + _SLICE < len(entries):
            await asyncio.sleep(0)
    return whole


def _prefix(call: Call) -> str:
    return call.objects.cache.of(call.resource).prefix
