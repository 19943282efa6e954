"""Whether the node has room for a pod: one that has come, and one that wants more than it has.

Takes the pod, and the pods that the kubelet has; asks the API server for the node's labels where nobody has looked at
them yet, and lets ``admission``, ``resizing`` and the other deciding modules decide. Gives a refusal, or None. Who
waits for room is woken when some is made.
Invariant: what was decided is decided by the pods as they are at that moment; nothing waits in between.
Source: upstream's kubelet admission, pkg/kubelet/lifecycle/predicate.go.
"""

from typing import TYPE_CHECKING

from podbay.api.errors import StatusError
from podbay.api.resources import NODES
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.kubelet import admission, resizing, security, sysctls
from podbay.kubelet.eviction import pressure
from podbay.kubelet.node.machine import Machine

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet


class Room:
    """See the module."""

    def __init__(self, kubelet: "Kubelet", rest: Rest, machine: Machine) -> None:
        self._kubelet = kubelet
        self._rest = rest
        self._machine = machine

    async def refusal(self, pod: Object, *, is_static: bool = False) -> tuple[str, str] | None:
        """Return why the node refuses a pod that it has not started yet, as (reason, message), or None.

        A static pod is taken also under pressure, and when the API server does not tell what the node's labels are.
        """
        status = pod.get("status") or {}
        if status.get("startTime"):
            return None  # it was taken before
        config, heartbeat = self._kubelet.config, self._kubelet.heartbeat
        node = None
        if not any(condition["type"] == "PodScheduled" for condition in status.get("conditions") or ()):
            try:
                node = await self._rest.get(NODES, config.node_name)  # nobody has looked at the node's labels
            except (StatusError, TransportError):
                if not is_static:
                    raise
        others = self._others(pod["metadata"]["uid"])
        return (
            pressure.refusal(pod, () if is_static else heartbeat.pressures)
            or sysctls.refusal(pod, self._machine.kernel, config.allowed_unsafe_sysctls)
            or admission.refusal(pod, others, heartbeat.allocatable, node)
            or security.refusal(
                pod,
                has_apparmor=config.has_apparmor,
                can_groups=bool(heartbeat.info.supplemental_groups_policy),
            )
        )

    def resize_refusal(self, pod: Object) -> tuple[str, str] | None:
        """Return why the node does not give a pod what it wants now, as (reason, message), or None."""
        return resizing.refusal(pod, self._others(pod["metadata"]["uid"]), self._kubelet.heartbeat.allocatable)

    def made(self) -> None:
        """Hear that a pod takes less of the node than before: whoever waits for more may get it."""
        for worker in self._kubelet.workers():
            if worker.resizer.is_pending:
                worker.wake()

    def _others(self, uid: str) -> list[Object]:
        return [worker.pod for worker in self._kubelet.workers() if worker.uid != uid and worker.is_taken]
