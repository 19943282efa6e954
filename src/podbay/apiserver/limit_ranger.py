"""The admission of pods and claims by the limit ranges of their namespace.

Takes the stored limit ranges and an object that is created, resized, or (claims) changed; changes a pod in place, or
raises Forbidden in upstream's words. Asked twice, as upstream's plugin is: before a pod's class of service is settled,
and once more when the object is known to be valid.
Invariant: what is ending is left alone. Of several limit ranges the first by name that refuses is the one that tells.
Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#limitranger
"""

from collections.abc import Iterator, Mapping
from typing import Any

from podbay.api.errors import Forbidden
from podbay.api.limit_ranges import aggregated, claim_problems, fill_in, pod_problems
from podbay.api.resources import LIMIT_RANGES, PERSISTENT_VOLUME_CLAIMS, PODS, Resource
from podbay.apiserver.storage.objects import Objects

Object = Mapping[str, Any]


def admit_limit_defaults(objects: Objects, resource: Resource, pod: dict[str, Any], old: Object | None = None) -> None:
    """Give the containers of a new or resized pod the requests and limits that its namespace has for them.

    The cache is fresh: it was asked for the namespace, or for the old pod.
    """
    if resource is PODS and not _is_ending(old):
        for limit_range in _limit_ranges(objects, pod):
            fill_in(limit_range, pod)


def admit_limits(objects: Objects, resource: Resource, obj: Object, old: Object | None = None) -> None:
    """Refuse a pod or claim that asks for less or more than its namespace lets it. Raises Forbidden."""
    if resource not in (PODS, PERSISTENT_VOLUME_CLAIMS) or _is_ending(old):
        return
    problems_of = pod_problems if resource is PODS else claim_problems
    for limit_range in _limit_ranges(objects, obj):
        if problems := problems_of(limit_range, obj):
            name = obj["metadata"]["name"]
            raise Forbidden(
                f'{resource.plural} "{name}" is forbidden: {aggregated(problems)}',
                details={"name": name, "kind": resource.plural},
            )


def _limit_ranges(objects: Objects, obj: Object) -> Iterator[Object]:
    return (entry.object() for entry in objects.in_namespace(LIMIT_RANGES, obj["metadata"]["namespace"]))


def _is_ending(old: Object | None) -> bool:
    return old is not None and "deletionTimestamp" in old["metadata"]
