"""Objects that the server itself sees to: those of every cluster, and those of every namespace.

Takes an object without what a server sets; stores it unless it is there.
Invariant: a namespace's own objects are stored before it, so whoever is admitted into it finds them.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces
"""

import uuid
from contextlib import suppress
from typing import Any

from podbay.api.defaults import set_defaults
from podbay.api.errors import AlreadyExists
from podbay.api.namespace_furniture import furniture
from podbay.api.resources import Resource
from podbay.apiserver.storage.objects import Objects
from podbay.apiserver.strategy import prepare_create, set_creation_metadata
from podbay.lib.clock import Clock


async def make(objects: Objects, clock: Clock, resource: Resource, obj: dict[str, Any], namespace: str = "") -> None:
    """Create an object, unless it is there."""
    if objects.key(resource, namespace, obj["metadata"]["name"]) in objects.cache.of(resource).entries:
        return
    obj = {"kind": resource.kind, "apiVersion": resource.api_version, **obj}
    set_creation_metadata(resource, obj, namespace=namespace, uid=str(uuid.uuid4()), now=clock.now())
    set_defaults(resource, obj)
    prepare_create(resource, obj)
    with suppress(AlreadyExists):
        await objects.create(resource, obj)


async def furnish(objects: Objects, clock: Clock, namespace: str, root_ca: str) -> None:
    """Create what every namespace has. Only for one that is not there yet, or is not going."""
    for resource, obj in furniture(root_ca):
        await make(objects, clock, resource, obj, namespace)
