"""The last word before an object is stored: namespaces that are there, and stay.

Takes what is asked and the object's name; raises, or lets it pass.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ (NamespaceLifecycle)
"""

from typing import Final

from podbay.api import resources
from podbay.api.errors import Cause, Forbidden, NotFound
from podbay.api.resources import Resource
from podbay.apiserver.storage.objects import Objects

_IMMORTAL: Final = ("default", "kube-system", "kube-public")


async def admit_create(objects: Objects, resource: Resource, namespace: str, name: str) -> None:
    """Refuse an object in a namespace that is not there or is going. Raises NotFound, Forbidden."""
    if not resource.namespaced:
        return
    await objects.fresh()
    cache = objects.cache.of(resources.NAMESPACES)
    entry = cache.entries.get(objects.key(resources.NAMESPACES, "", namespace))
    if entry is None:
        raise NotFound.object("", "namespaces", namespace)
    if entry.fields(resources.NAMESPACES)["status.phase"] == "Terminating":
        raise Forbidden(
            f'{resource.group_resource} "{name}" is forbidden: unable to create new content in namespace {namespace}'
            " because it is being terminated",
            details={"name": name, "kind": resource.plural} | ({"group": resource.group} if resource.group else {}),
            causes=[Cause("NamespaceTerminating", f"namespace {namespace} is being terminated", "metadata.namespace")],
        )


def admit_delete(resource: Resource, name: str) -> None:
    """Refuse to delete the namespaces that a cluster cannot be without. Raises Forbidden."""
    if resource is resources.NAMESPACES and name in _IMMORTAL:
        raise Forbidden(
            f'namespaces "{name}" is forbidden: this namespace may not be deleted',
            details={"name": name, "kind": "namespaces"},
        )
