"""Keeps the static pods running that the files say, and their mirror pods in the API.

Takes a directory, looked at again and again, and the mirror pods that the API server tells of; starts and ends workers
through the kubelet, and creates and deletes mirror pods.
Invariant: static pods start, change and end without the API server; a mirror pod that somebody deletes ends nothing,
and comes again a second later: a `kubectl delete` would wait for ever for a name that is taken again at once. Of one
name one static pod runs at a time: a changed one begins when the one before it is gone.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/static-pod/
"""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from podbay.api.errors import Conflict, NotFound, StatusError
from podbay.api.mirror_pods import HASH, SEEN, annotations_of
from podbay.api.resources import NODES, PODS
from podbay.client.informer import key_of
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.cri.runtime import RuntimeFailure
from podbay.kubelet.static_pods.directory import read_directory
from podbay.kubelet.static_pods.mirrors import mirror_of, plan_mirrors, shows
from podbay.lib.backoff import Backoff
from podbay.lib.tasks import TaskScope
from podbay.wire.times import format_micro_time

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet
    from podbay.kubelet.worker import Worker

_log = logging.getLogger(__name__)
Object = dict[str, Any]

_WORK: Final = "static pods"
_LOOK_S: Final = 0.5
_FREE_S: Final = 1.0
_AGAIN: Final = Backoff(base_s=0.5, cap_s=10.0)


class StaticPods:
    """See the module. ``run`` until cancelled; pods keep running afterwards. ``has_read`` once the files were read."""

    def __init__(self, kubelet: "Kubelet", rest: Rest) -> None:
        self._kubelet = kubelet
        self._rest = rest
        self._wanted: dict[str, Object] = {}
        self._problems: dict[Path, str] = {}
        self._mirrors: dict[str, Object] = {}
        self._deleting: set[str] = set()  # uids of mirrors that nobody else deletes
        self._free_until: dict[str, float] = {}  # when a mirror that somebody has deleted may come again
        self._must_read = True
        self._is_held = False
        self._failures = 0
        self._woken = asyncio.Event()
        self._due = TaskScope()
        self.has_read = False

    async def run(self) -> None:
        """Work until cancelled."""
        async with TaskScope() as scope, self._due:
            scope.start(self._look_again(), name="static pods' files")
            self.wake()
            try:
                while True:
                    await self._woken.wait()
                    self._woken.clear()
                    again_s = await self._step()
                    if not self._woken.is_set():
                        self._release()
                    await self._due.close()
                    if again_s is not None:
                        self._due.start(self._wake_after(again_s), name="static pods due")
            finally:
                self._release()

    def uids(self) -> set[str]:
        """Return the uids of the pods that the files say."""
        return {pod["metadata"]["uid"] for pod in self._wanted.values()}

    def wake(self) -> None:
        """Have a step taken soon."""
        if not self._is_held:
            self._is_held = True
            self._kubelet.activity.begin(_WORK)
        self._woken.set()

    def mirror_changed(self, old: Object | None, new: Object | None) -> None:
        """Hear of a mirror pod."""
        changed = new or old
        assert changed is not None
        known = self._mirrors.get(key_of(changed))
        if new is None and known is not None and old is not None:
            if known["metadata"]["uid"] == old["metadata"]["uid"]:
                del self._mirrors[key_of(old)]
                if old["metadata"]["uid"] not in self._deleting:
                    self._leave_free(key_of(old))
        elif new is not None and (known is None or _revision(new) > _revision(known)):
            self._mirrors[key_of(new)] = new
        if old is None or new is None or "deletionTimestamp" in new["metadata"]:
            self.wake()

    async def tell(self, pod: Object, status: Object) -> None:
        """Write a static pod's status to its mirror, if it has one. Raises StatusError, TransportError."""
        mirror = self._mirrors.get(key_of(pod))
        if mirror is None or not shows(mirror, pod):
            return
        written = await self._kubelet.status_writer.write(mirror, status)
        if written is not None and self._mirrors.get(key_of(pod)) is mirror:
            self._mirrors[key_of(pod)] = written

    async def _step(self) -> float | None:
        """Take one step; return when to take another one in any case."""
        try:
            if self._must_read:
                self._must_read = False
                await self._read()
            if not await self._is_fit():
                return _LOOK_S
            await self._settle()
            again_s = await self._mirror() if self._kubelet.heard.is_set() else None
        except (StatusError, TransportError) as error:
            self._failures += 1
            _log.log(logging.WARNING if self._failures == 1 else logging.DEBUG, "mirror pods: %s", error)
            return _AGAIN.delay_s(self._failures)
        except Exception:
            self._failures += 1
            _log.exception("static pods")
            return _AGAIN.delay_s(self._failures)
        self._failures = 0
        return again_s

    async def _read(self) -> None:
        path, node = self._kubelet.config.static_pod_path, self._kubelet.config.node_name
        if path is None:
            self.has_read = True
            return
        try:
            self._wanted, problems = await asyncio.to_thread(read_directory, path, node)
            self.has_read = True
        except OSError as error:
            problems = {path: str(error)}  # what there was goes on
        for file, problem in problems.items():
            if self._problems.get(file) != problem:
                message = f"Could not process manifest file {file}: {problem}"
                _log.warning("%s", message)
                self._kubelet.tell_of_node("Warning", "FailedValidation", message)
        self._problems = problems

    async def _is_fit(self) -> bool:
        """Tell whether pods can start: on a node's very first start, there is no network before it is registered."""
        if self._kubelet.registered.is_set() or not self._wanted:
            return True
        try:
            return (await self._kubelet.runtime.info()).network_ready
        except RuntimeFailure as error:
            _log.debug("static pods wait: %s", error)
            return False

    async def _settle(self) -> None:
        """End what no file says any more, and start what nothing runs yet."""
        running = self._running()
        for key, worker in running.items():
            wanted = self._wanted.get(key)
            is_same = wanted is not None and annotations_of(wanted)[HASH] == annotations_of(worker.pod)[HASH]
            if not is_same and not worker.removed:
                worker.remove()
        for key in self._wanted.keys() - running.keys():
            pod = self._wanted[key]
            seen = {SEEN: format_micro_time(self._kubelet.clock.now())}
            metadata = {**pod["metadata"], "annotations": {**pod["metadata"]["annotations"], **seen}}
            self._kubelet.start_static({**pod, "metadata": metadata, "status": await self._status(pod)})

    async def _status(self, pod: Object) -> Object:
        """Return how a pod was that a kubelet before this one ran, as far as somebody knows."""
        metadata = pod["metadata"]
        try:
            found = await self._rest.get(PODS, metadata["name"], namespace=metadata["namespace"])
        except (StatusError, TransportError):
            return {"phase": "Pending"}  # the runtime knows what matters
        status: Object = found.get("status") or {}
        has_run = shows(found, pod) and bool(status.get("containerStatuses"))
        return status if has_run else {"phase": "Pending"}

    async def _mirror(self) -> float | None:
        """Have the API server show what runs; return when there is more to show. Raises StatusError, TransportError."""
        shown = self._wanted | {key: worker.pod for key, worker in self._running().items()}
        todo = plan_mirrors(shown, self._mirrors)
        for mirror in todo.delete:
            await self._delete(mirror)
        now = self._kubelet.clock.monotonic()
        self._free_until = {key: at for key, at in self._free_until.items() if at > now}
        create = [pod for pod in todo.create if key_of(pod) not in self._free_until]
        again_s = min((at - now for at in self._free_until.values()), default=None)
        if not create:
            return again_s
        node = await self._rest.get(NODES, self._kubelet.config.node_name)
        refused: StatusError | None = None
        for pod in create:
            try:
                made = await self._rest.create(PODS, mirror_of(pod, node), namespace=pod["metadata"]["namespace"])
            except StatusError as error:
                refused = error
                continue
            self._mirrors[key_of(made)] = made
            worker = self._running().get(key_of(made))
            if worker is not None:
                worker.wake()
        if refused is not None:
            raise refused
        return again_s

    async def _delete(self, mirror: Object) -> None:
        metadata = mirror["metadata"]
        options = {
            "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
            "preconditions": {"uid": metadata["uid"]},
        }  # fmt: skip
        if "deletionTimestamp" in metadata:
            self._leave_free(key_of(mirror))
        self._deleting.add(metadata["uid"])
        try:
            await self._rest.delete(PODS, metadata["name"], namespace=metadata["namespace"], options=options)
        except (NotFound, Conflict):
            _log.debug("mirror pod %s is gone already", key_of(mirror))
        finally:
            self._deleting.discard(metadata["uid"])
        if self._mirrors.get(key_of(mirror), mirror)["metadata"]["uid"] == metadata["uid"]:
            self._mirrors.pop(key_of(mirror), None)

    def _leave_free(self, key: str) -> None:
        self._free_until[key] = self._kubelet.clock.monotonic() + _FREE_S

    def _running(self) -> "dict[str, Worker]":
        return {key_of(worker.pod): worker for worker in self._kubelet.workers() if worker.is_static}

    async def _look_again(self) -> None:
        while self._kubelet.config.static_pod_path is not None:
            await self._kubelet.clock.sleep(self._kubelet.config.file_check_s)
            self._must_read = True
            self.wake()

    async def _wake_after(self, seconds: float) -> None:
        await self._kubelet.clock.sleep(seconds)
        self.wake()

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._kubelet.activity.end(_WORK)


def _revision(pod: Object) -> int:
    return int(pod["metadata"]["resourceVersion"])
