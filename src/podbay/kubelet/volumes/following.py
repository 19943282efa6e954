"""Follows the config maps and secrets that pods' volumes name, each by a list and watch of just that object.

Takes what each pod needs; gives the objects as they are, and tells who named one that has changed. What was seen last
serves while the API server is away; an immutable object is not followed any longer once it was seen.
Invariant: what no pod names any more is neither followed nor kept.
Source: https://kubernetes.io/docs/reference/access-authn-authz/node/ ; upstream's kubelet WatchBasedManager.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Self

from podbay.api.resources import CONFIG_MAPS, SECRETS
from podbay.client.reflector import Reflector
from podbay.client.rest import Object, Rest
from podbay.kubelet.volumes.needs import Need
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_RESOURCES: Final = {"configmap": CONFIG_MAPS, "secret": SECRETS}
Key = tuple[str, Need]  # namespace, object


class Followed:
    """One object; a reflector's sink. ``obj`` None once ``heard`` is that there is none."""

    def __init__(self, changed: Callable[[], None], since_s: float) -> None:
        self.users: set[str] = set()
        self.obj: Object | None = None
        self.heard = False
        self.since_s = since_s
        self.scope = TaskScope()
        self._changed = changed

    def replace(self, objects: Sequence[Object]) -> None:
        """Take what a list shows."""
        self._take(objects[0] if objects else None)

    def apply(self, kind: str, obj: Object) -> None:
        """Take a change."""
        self._take(None if kind == "DELETED" else obj)

    def _take(self, obj: Object | None) -> None:
        self.obj, self.heard = obj, True
        self._changed()


class Following:
    """See the module. Leaving its scope ends every watch."""

    def __init__(
        self, rest: Rest, clock: Clock, activity: Activity, on_change: Callable[[Iterable[str]], None]
    ) -> None:
        self._rest = rest
        self._clock = clock
        self._activity = activity
        self._on_change = on_change
        self._followed: dict[Key, Followed] = {}
        self._of_pod: dict[str, frozenset[Key]] = {}
        self._ending = TaskScope()

    def follow(self, uid: str, namespace: str, needs: frozenset[Need]) -> None:
        """Follow what a pod needs, from now on just that."""
        wanted = frozenset((namespace, need) for need in needs)
        before = self._of_pod.get(uid, frozenset())
        if wanted == before:
            return
        for key in before - wanted:
            self._drop(uid, key)
        for key in wanted - before:
            self._add(uid, key)
        if wanted:
            self._of_pod[uid] = wanted
        else:
            del self._of_pod[uid]

    def forget(self, uid: str) -> None:
        """Follow nothing for a pod any more."""
        for key in self._of_pod.pop(uid, frozenset()):
            self._drop(uid, key)

    def get(self, namespace: str, need: Need) -> Followed:
        """Return an object that some pod needs."""
        return self._followed[namespace, need]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every watch."""
        for followed in self._followed.values():
            await followed.scope.close()
        await self._ending.close()

    def _add(self, uid: str, key: Key) -> None:
        followed = self._followed.get(key)
        if followed is None:
            followed = self._followed[key] = Followed(lambda: self._changed(key), self._clock.monotonic())
            namespace, need = key
            reflector = Reflector(
                self._rest,
                _RESOURCES[need.kind],
                followed,
                self._clock,
                self._activity,
                namespace=namespace,
                query={"fieldSelector": f"metadata.name={need.name}"},
            )
            followed.scope.start(reflector.run(), name=f"{need.kind} {namespace}/{need.name}")
        followed.users.add(uid)

    def _drop(self, uid: str, key: Key) -> None:
        followed = self._followed[key]
        followed.users.discard(uid)
        if not followed.users:
            del self._followed[key]
            self._ending.start(followed.scope.close(), name="end a watch")

    def _changed(self, key: Key) -> None:
        followed = self._followed.get(key)
        if followed is None:
            return
        if followed.obj is not None and followed.obj.get("immutable"):
            self._ending.start(followed.scope.close(), name="end a watch")
        self._on_change(tuple(followed.users))
