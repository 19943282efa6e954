"""Sets up the volumes of pods, keeps them up to date, and takes them down.

Takes a pod, again and again; makes its volumes under ``pods/<uid>/volumes`` and says whether containers may start. What
a volume takes from the API server is followed, so that a change comes as a new call.
Invariant: a volume that was set up once stays usable: what goes wrong with it later is told, and holds nothing up.
Source: https://kubernetes.io/docs/concepts/storage/volumes/ ; upstream's volume manager and its back-off.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from podbay.kubelet.volumes import (
    atomic_writer,
    config_map,
    downward_api,
    empty_dir,
    host_path,
    mounting,
    ownership,
    projected,
    secret,
)
from podbay.kubelet.volumes.atomic_writer import Payload
from podbay.kubelet.volumes.claims import ClaimedVolumes
from podbay.kubelet.volumes.following import Following
from podbay.kubelet.volumes.needs import Need, needs_of
from podbay.kubelet.volumes.problem import VolumeProblem, problem_of
from podbay.kubelet.volumes.tokens import Tokens
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock

Object = Mapping[str, Any]

_RETRY: Final = Backoff(base_s=0.5, cap_s=122.0)
_PATIENCE_S: Final = 1.0
_DIRECTORIES: Final = {
    "emptyDir": "kubernetes.io~empty-dir",
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
}
_ON_DISK: Final = ("configMap",)
_CLAIMED: Final = ("persistentVolumeClaim", "ephemeral")


@dataclass(frozen=True, slots=True)
class Outcome:
    """``told`` are messages of FailedMount events; ``again_s`` is when to try again what is not right, or is due."""

    is_ready: bool = True
    told: tuple[str, ...] = ()
    again_s: float | None = None


@dataclass(slots=True)
class _Volume:
    is_set_up: bool = False
    failures: int = 0
    due_s: float = 0.0
    digest: bytes = b""
    place: Path | None = None  # of a claimed volume


@dataclass(slots=True)
class _Pod:
    volumes: dict[str, _Volume] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Tokens:
    """A volume's tokens, by the place of their source, or why there are none; and when they are due."""

    found: Mapping[int, str | VolumeProblem]
    due_s: Sequence[float]


class _NotHeard(Exception):
    """The API server has not answered yet; ``left_s`` is how long that is no problem."""

    def __init__(self, left_s: float) -> None:
        super().__init__()
        self.left_s = left_s


class PodVolumes:
    """See the module. A pretended node (``is_real`` false) makes no files, but needs the same objects."""

    def __init__(
        self,
        pods: Path,
        following: Following,
        tokens: Tokens,
        claimed: ClaimedVolumes,
        clock: Clock,
        allocatable: Callable[[], Mapping[str, str]],
        *,
        is_real: bool,
    ) -> None:
        self._pods = pods
        self._following = following
        self._tokens = tokens
        self._claimed = claimed
        self._clock = clock
        self._allocatable = allocatable
        self._is_real = is_real
        self._known: dict[str, _Pod] = {}

    def share(self) -> None:
        """Have what containers mount in volumes seen by others, where a pod asks for it. Raises OSError. Blocking."""
        mounting.make_shared(self._pods.parent)

    async def set_up(self, pod: Object) -> Outcome:
        """Set up what is not, and bring up to date what has changed."""
        volumes = pod["spec"].get("volumes") or ()
        if not volumes:
            return Outcome()
        uid = pod["metadata"]["uid"]
        known = self._known.setdefault(uid, _Pod()).volumes
        for volume in volumes:
            known.setdefault(volume["name"], _Volume())
        now_s = self._clock.monotonic()
        backing_off = {
            name: state.due_s - now_s for name, state in known.items() if state.failures and now_s < state.due_s
        }
        # Before anything is followed: what was heard while this waits would be news a second time.
        tokens = {v["name"]: await self._tokens_of(v, pod) for v in volumes if v["name"] not in backing_off}
        self._following.follow(uid, pod["metadata"]["namespace"], needs_of(pod))
        problems: list[tuple[str, VolumeProblem]] = []
        waits = list(backing_off.values())
        for volume in volumes:
            name = volume["name"]
            if name in backing_off:
                continue
            state, now_s = known[name], self._clock.monotonic()
            try:
                await self._set_up(volume, pod, state, tokens[name].found)
                state.is_set_up, state.failures = True, 0
                waits.extend(tokens[name].due_s)
            except _NotHeard as wait:
                waits.append(wait.left_s)
            except (VolumeProblem, OSError) as error:
                problem = error if isinstance(error, VolumeProblem) else problem_of(error)
                state.failures += 1
                waits.append(_RETRY.delay_s(state.failures))
                state.due_s = now_s + waits[-1]
                problems.append((name, problem))
        unmounted = [volume["name"] for volume in volumes if not known[volume["name"]].is_set_up]
        told = tuple(problem.event(name, unmounted) for name, problem in problems)
        return Outcome(not unmounted, told, min(waits, default=None))

    def changed(self, uids: Iterable[str]) -> None:
        """Hear that something has changed that these pods need: what failed is tried again without waiting."""
        for uid in uids:
            for state in self._known.get(uid, _Pod()).volumes.values():
                state.due_s = 0.0

    def path(self, uid: str, volume: Object) -> Path:
        """Return where a volume is on the node."""
        if volume.get("hostPath") is not None:
            return Path(volume["hostPath"]["path"])
        kind = _kind(volume)
        if kind in _CLAIMED:
            place = self._known[uid].volumes[volume["name"]].place
            assert place is not None  # no container starts before its volumes are set up
            return place
        return self._pods / uid / "volumes" / _DIRECTORIES[kind] / str(volume["name"])

    def sub_paths(self, uid: str) -> Path:
        """Return where the sub-paths of a pod's volumes are bound."""
        return self._pods / uid / "volume-subpaths"

    async def tear_down(self, uid: str) -> None:
        """Unmount and remove the volumes of a pod that has ended. Raises OSError if something cannot go."""
        self.forget(uid)
        if self._is_real:
            for directory in (self.sub_paths(uid), self._pods / uid / "volumes"):
                await asyncio.to_thread(mounting.remove_tree, directory)

    def forget(self, uid: str) -> None:
        """Follow nothing for a pod any more."""
        self._known.pop(uid, None)
        self._tokens.forget(uid)
        self._following.forget(uid)

    async def _set_up(
        self, volume: Object, pod: Object, state: _Volume, tokens: Mapping[int, str | VolumeProblem]
    ) -> None:
        """Set one volume up. Raises VolumeProblem, OSError, _NotHeard."""
        kind = _kind(volume)
        if kind == "image":
            return  # it is the runtime's to mount
        if kind in _CLAIMED:
            if not state.is_set_up:
                state.place = await self._claimed.set_up(volume, pod)
            return
        if kind in ("hostPath", "emptyDir"):
            if not state.is_set_up:
                page_bytes = empty_dir.page_bytes(pod, (volume.get("emptyDir") or {}).get("medium") or "")
                if self._is_real:
                    await asyncio.to_thread(self._set_up_plain, volume, pod, page_bytes)
            return
        payload = self._payload(kind, volume, pod, tokens)
        digest = _digest(payload)
        if state.is_set_up and digest == state.digest:
            return
        if self._is_real:
            await asyncio.to_thread(self._write, volume, pod, payload)
        state.digest = digest

    async def _tokens_of(self, volume: Object, pod: Object) -> _Tokens:
        """Return a volume's tokens."""
        found: dict[int, str | VolumeProblem] = {}
        due = []
        for place, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
            if source.get("serviceAccountToken") is not None:
                try:
                    found[place], due_s = await self._tokens.get(pod, source["serviceAccountToken"])
                except VolumeProblem as problem:
                    found[place] = problem
                else:
                    due.append(due_s)
        return _Tokens(found, due)

    def _set_up_plain(self, volume: Object, pod: Object, page_bytes: int) -> None:
        if volume.get("hostPath") is not None:
            host_path.prepare(volume["hostPath"])
            return
        source, path = volume["emptyDir"], self.path(pod["metadata"]["uid"], volume)
        if page_bytes:
            empty_dir.set_up_huge_pages(path, page_bytes=page_bytes, fs_group=_fs_group(pod))
            return
        in_memory = source.get("medium") == "Memory"
        size = empty_dir.memory_size_bytes(pod, source.get("sizeLimit"), self._allocatable()) if in_memory else None
        empty_dir.set_up(path, size_bytes=size, fs_group=_fs_group(pod))

    def _payload(self, kind: str, volume: Object, pod: Object, tokens: Mapping[int, str | VolumeProblem]) -> Payload:
        source, allocatable = volume[kind], self._allocatable()
        namespace = pod["metadata"]["namespace"]

        def found(need: Need, source: Object) -> Object | None:
            return self._found(namespace, need, source)

        match kind:
            case "configMap":
                return config_map.payload(source, found(Need("configmap", source["name"]), source), _mode(source))
            case "secret":
                return secret.payload(source, found(Need("secret", source["secretName"]), source), _mode(source))
            case "downwardAPI":
                return downward_api.payload(source.get("items") or (), pod, allocatable, _mode(source))
            case _:
                return projected.payload(source, pod, found, allocatable, tokens)

    def _found(self, namespace: str, need: Need, source: Object) -> Object | None:
        followed = self._following.get(namespace, need)
        if not followed.heard:
            left_s = followed.since_s + _PATIENCE_S - self._clock.monotonic()
            if left_s > 0:
                raise _NotHeard(left_s)
            raise VolumeProblem(f"failed to sync {need.kind} cache: timed out waiting for the condition")
        if followed.obj is None and not source.get("optional"):
            raise VolumeProblem(f'{need.kind} "{need.name}" not found')
        return followed.obj

    def _write(self, volume: Object, pod: Object, payload: Payload) -> None:
        path, group = self.path(pod["metadata"]["uid"], volume), _fs_group(pod)
        if _kind(volume) in _ON_DISK:
            empty_dir.set_up(path, size_bytes=None, fs_group=group)
        else:
            size = empty_dir.memory_size_bytes(pod, None, self._allocatable())
            empty_dir.set_up(path, size_bytes=size, fs_group=group)

        def settle(fresh: Path) -> None:
            if group is not None:
                ownership.give_to_group(fresh, group, read_only=True)

        atomic_writer.write(path, payload, settle)


def is_read_only(volume: Object) -> bool:
    """Tell whether a volume is the kubelet's to write, an image or claimed so: read-only in every container."""
    if (volume.get("persistentVolumeClaim") or {}).get("readOnly"):
        return True
    return _kind(volume) in ("configMap", "secret", "downwardAPI", "projected", "image")


def _kind(volume: Object) -> str:
    return next(kind for kind, source in volume.items() if kind != "name" and source is not None)


def _fs_group(pod: Object) -> int | None:
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    return None if group is None else int(group)


def _mode(source: Object) -> int:
    return int(source["defaultMode"])


def _digest(payload: Payload) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(payload):
        file = payload[name]
        digest.update(f"{name}\0{file.mode}\0{file.owner}\0{len(file.data)}\0".encode() + file.data)
    return digest.digest()
