"""Whether the node has room for a pod: one that has come, and one that wants more than it has.

Takes a pod, and the pods that the kubelet has; asks the API server for the node's labels where nobody has looked at
them yet, and lets ``admission``, ``preemption``, ``resizing`` and the other deciding modules decide. Gives a refusal,
or None. For a critical pod others are made to end; who waits for room is woken when some is made.
Invariant: what was decided is decided by the pods as they are at that moment, and once: a pod that others had to make
room for is taken when they have stopped, or have had more than their time for it.
Source: upstream's kubelet admission, pkg/kubelet/lifecycle/predicate.go; its pkg/kubelet/preemption and killPodNow.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from podbay.api.errors import StatusError
from podbay.api.resources import NODES
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.kubelet import admission, preemption, resizing, security, sysctls
from podbay.kubelet.eviction import pressure
from podbay.kubelet.node.machine import Machine

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet
    from podbay.kubelet.worker import Worker

_LEAST_PATIENCE_S: Final = 10.0
_EXCEEDED: Final = "Container runtime did not kill the pod within specified grace period."
_PATIENCE: Final = 1.5  # times the grace period of those who have to go


@dataclass(frozen=True, slots=True)
class _Promise:
    """Who makes room for a pod, and when the pod does not wait for them any more."""

    leaving: "Sequence[Worker]"
    until: float


_KEPT: Final = _Promise((), 0.0)


class Room:
    """See the module."""

    def __init__(self, kubelet: "Kubelet", rest: Rest, machine: Machine) -> None:
        self._kubelet = kubelet
        self._rest = rest
        self._machine = machine
        self._promised: dict[str, _Promise] = {}

    async def refusal(self, worker: "Worker") -> tuple[str, str] | None:
        """Return why the node refuses a pod that it has not started yet, as (reason, message), or None.

        A static pod is taken also under pressure, and when the API server does not tell what the node's labels are.
        A pod that is not refused may still have to wait: see ``wait_s``.
        """
        pod = worker.pod
        status = pod.get("status") or {}
        if status.get("startTime") or worker.uid in self._promised:
            return None  # it was taken before
        config, heartbeat = self._kubelet.config, self._kubelet.heartbeat
        node = None
        if not any(condition["type"] == "PodScheduled" for condition in status.get("conditions") or ()):
            try:
                node = await self._rest.get(NODES, config.node_name)  # nobody has looked at the node's labels
            except (StatusError, TransportError):
                if not worker.is_static:
                    raise
        unfit = pressure.refusal(pod, () if worker.is_static else heartbeat.pressures) or sysctls.refusal(
            pod, self._machine.kernel, config.allowed_unsafe_sysctls
        )
        if unfit is not None:
            return unfit
        others = self._others(worker.uid)
        lacking = admission.refusal(pod, others, heartbeat.allocatable, node)
        insecure = security.refusal(
            pod,
            has_apparmor=config.has_apparmor,
            can_groups=bool(heartbeat.info.supplemental_groups_policy),
        )
        if lacking is None or not preemption.is_critical(worker):
            return lacking or insecure
        return admission.mismatch(pod, others, node) or insecure or self._preempt(worker)

    def wait_s(self, uid: str) -> float | None:
        """Return how long a pod waits at most for those who make room for it, or None if it does not wait."""
        promise = self._promised.get(uid, _KEPT)
        staying = [worker for worker in promise.leaving if not self._has_left(worker)]
        left_s = promise.until - self._kubelet.clock.monotonic()
        if staying and left_s > 0:
            return left_s
        for worker in staying:
            worker.tell("Warning", "ExceededGracePeriod", _EXCEEDED)
        if promise.leaving:
            self._promised[uid] = _KEPT
        return None

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone."""
        self._promised.pop(uid, None)

    def resize_refusal(self, pod: Object) -> tuple[str, str] | None:
        """Return why the node does not give a pod what it wants now, as (reason, message), or None."""
        return resizing.refusal(pod, self._others(pod["metadata"]["uid"]), self._kubelet.heartbeat.allocatable)

    def made(self) -> None:
        """Hear that a pod takes less of the node than before: whoever waits for more may get it."""
        for worker in self._kubelet.workers():
            if worker.resizer.is_pending or self._promised.get(worker.uid, _KEPT).leaving:
                worker.wake()

    def _preempt(self, worker: "Worker") -> tuple[str, str] | None:
        """Have others end for a pod, or return why that would be no help."""
        others = [other for other in self._kubelet.workers() if other.uid != worker.uid and other.is_taken]
        short = admission.shortages(worker.pod, [other.pod for other in others], self._kubelet.heartbeat.allocatable)
        try:
            leaving = preemption.victims(worker, others, {each.resource: each.missing for each in short})
        except preemption.NotEnough as error:
            return preemption.refusal(error)
        grace_s = max((other.grace_s() for other in leaving), default=0.0)
        until = self._kubelet.clock.monotonic() + max(_PATIENCE * grace_s, _LEAST_PATIENCE_S)
        self._promised[worker.uid] = _Promise(leaving, until)
        for other in leaving:
            other.preempt()
        return None

    def _has_left(self, worker: "Worker") -> bool:
        return worker.has_stopped or self._kubelet.worker_of(worker.uid) is not worker

    def _others(self, uid: str) -> list[Object]:
        return [worker.pod for worker in self._kubelet.workers() if worker.uid != uid and worker.is_taken]
