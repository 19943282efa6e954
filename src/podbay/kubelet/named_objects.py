"""The config maps, secrets and runtime classes that pods name, as they are when a container is made.

Takes a kind, a namespace and a name; gives the object, or None if there is none.
Invariant: what was seen last serves while the API server is away, and only then. What is remembered is bounded.
"""

from typing import Final

from podbay.api.errors import NotFound
from podbay.api.resources import CONFIG_MAPS, RUNTIME_CLASSES, SECRETS
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError

_REMEMBERED: Final = 1000
_FETCHED: Final = {"configmap": CONFIG_MAPS, "secret": SECRETS, "runtimeclass": RUNTIME_CLASSES}


class NamedObjects:
    """See the module."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._fetched: dict[tuple[str, str, str], Object] = {}

    async def fetch(self, kind: str, namespace: str, name: str) -> Object | None:
        """Return a config map, secret or runtime class that a pod names, or None.

        What was seen last serves while the API server is away. Raises StatusError, TransportError.
        """
        key = (kind, namespace, name)
        try:
            found = await self._rest.get(_FETCHED[kind], name, namespace=namespace)
        except NotFound:
            self._fetched.pop(key, None)
            return None
        except TransportError:
            if key not in self._fetched:
                raise
            return self._fetched[key]
        self._fetched.pop(key, None)
        self._fetched[key] = found
        if len(self._fetched) > _REMEMBERED:
            del self._fetched[next(iter(self._fetched))]
        return found
