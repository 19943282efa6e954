"""Pods and their containers, as ``exec``, ``attach``, ``logs`` and ``port-forward`` are told them.

Takes words; gives a pod from the server and one of its containers. Messages are kubectl's.
"""

import sys
from collections.abc import Iterator
from typing import Any, Final

from podbay.api.resources import PODS
from podbay.kubectl.errors import CommandError
from podbay.kubectl.session import Object, Session, find_resource

DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"
_LISTS: Final = (("containers", ""), ("ephemeralContainers", " (ephem)"), ("initContainers", " (init)"))


def pod_of(session: Session, word: str, doing: str) -> Object:
    """Return the pod that ``NAME`` or ``pod/NAME`` means. Raises CommandError, StatusError."""
    kind, slash, name = word.partition("/")
    if not slash:
        return session.get(PODS, word, session.namespace)
    resource = find_resource(kind)
    if resource is not PODS:
        raise CommandError(f"cannot {doing} *v1.{resource.kind}: selector for *v1.{resource.kind} not implemented")
    return session.get(PODS, name, session.namespace)


def containers_of(pod: Object) -> Iterator[tuple[Any, str]]:
    """Yield every container of a pod with the mark that lists of names give it."""
    for field, mark in _LISTS:
        for container in pod["spec"].get(field) or ():
            yield container, mark


def all_names(pod: Object) -> str:
    """Return all containers' names as messages list them."""
    return ", ".join(f"{container['name']}{mark}" for container, mark in containers_of(pod))


def container_of(pod: Object, name: str, *, quiet: bool = False, refuse_default: bool = True) -> Any:
    """Return the container of a name, or the default one, telling which. Raises CommandError.

    A default that the pod names and does not have is refused, or else passed over.
    """
    wanted = name or (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER, "")
    if wanted and not name and not refuse_default:
        wanted = wanted if any(container["name"] == wanted for container, _ in containers_of(pod)) else ""
    if wanted:
        for container, _ in containers_of(pod):
            if container["name"] == wanted:
                return container
        shown = pod["metadata"]["name"]
        raise CommandError(f"container {wanted} is not valid for pod {shown} out of: {all_names(pod)}")
    names = list(containers_of(pod))
    first = pod["spec"]["containers"][0]
    if not quiet and len(names) > 1:
        sys.stderr.write(f'Defaulted container "{first["name"]}" out of: {all_names(pod)}\n')
    return first


def refuse_finished(pod: Object, doing: str) -> None:
    """Raise CommandError for a pod that has ended."""
    phase = (pod.get("status") or {}).get("phase", "")
    if phase in ("Succeeded", "Failed"):
        raise CommandError(f"cannot {doing} a container in a completed pod; current phase is {phase}")
