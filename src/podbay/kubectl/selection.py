"""Which objects a command means: ``pods x y``, ``pod/x node/y``, ``pods,nodes``, ``-l``, ``--all``, ``-f``.

Takes words; gives resources and names. Errors are kubectl's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from podbay.api.resources import RESOURCES, Resource
from podbay.kubectl.errors import CommandError
from podbay.kubectl.session import find_resource


@dataclass(frozen=True, slots=True)
class Selected:
    """One resource, and a name (empty: a list of it)."""

    resource: Resource
    name: str = ""


def selected(words: Sequence[str]) -> list[Selected]:
    """Return what words mean. Raises CommandError."""
    if any("/" in word for word in words):
        found = []
        for word in words:
            kind, slash, name = word.partition("/")
            if not slash:
                raise CommandError(
                    "there is no need to specify a resource type as a separate argument when passing"
                    " arguments in resource/name form (e.g. 'podbay get resource/<resource_name>' instead"
                    " of 'podbay get resource resource/<resource_name>'"
                )
            if not name or "/" in name:
                raise CommandError("arguments in resource/name form must have a single resource and name")
            found.append(Selected(find_resource(kind), name))
        return found
    resources = list(dict.fromkeys(resource for word in words[0].split(",") for resource in _resources(word)))
    names = words[1:]
    if len(resources) > 1 and names:
        return [Selected(resource, name) for name in names for resource in resources]
    return [Selected(resource, name) for resource in resources for name in names or [""]]


def _resources(word: str) -> list[Resource]:
    if word == "all":
        return [resource for resource in RESOURCES if "all" in resource.categories]
    return [find_resource(word)]
