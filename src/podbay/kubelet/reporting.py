"""Tells how one pod is: gathers what its status needs besides the runtime's view, and has it written.

Takes what the runtime has of the pod, and from the worker what was decided of it; gives a status to the API server, or
to the mirror of a static pod. What containers said at last, and which ran out of memory, is remembered for as long as
they are there.
Invariant: an API server that does not answer is asked again, ever more seldom, and holds nothing else up.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

import logging
from typing import TYPE_CHECKING, Final

from podbay.api.errors import StatusError
from podbay.client.transport import TransportError
from podbay.cri.runtime import ContainerState
from podbay.kubelet import sandboxes
from podbay.kubelet.execute import Executor
from podbay.kubelet.last_words import last_words
from podbay.kubelet.observed import Observed
from podbay.kubelet.status import Circumstances, pod_status
from podbay.lib.backoff import Backoff
from podbay.wire.times import format_time

if TYPE_CHECKING:
    from podbay.kubelet.agent import Kubelet
    from podbay.kubelet.worker import Worker

_log = logging.getLogger(__name__)

_WRITE_AGAIN: Final = Backoff(base_s=0.5, cap_s=10.0)


class Reporter:
    """See the module."""

    def __init__(self, kubelet: "Kubelet", worker: "Worker", executor: Executor) -> None:
        self._kubelet = kubelet
        self._worker = worker
        self._executor = executor
        self._oom: set[str] = set()
        self._messages: dict[str, str] = {}
        self._unwritten = 0

    def ran_out_of_memory(self, container_id: str) -> None:
        """Hear why a container is going to end."""
        self._oom.add(container_id)

    def listen(self, seen: Observed) -> None:
        """Take the last words of the containers that have ended."""
        if self._kubelet.config.is_real:
            for container in seen.containers:
                if container.state is ContainerState.EXITED and container.id not in self._messages:
                    self._messages[container.id] = last_words(
                        self._kubelet.files, self._kubelet.config.log_root, self._worker.pod, container
                    )

    def forget(self, container_id: str) -> None:
        """Forget a container that was removed."""
        self._messages.pop(container_id, None)

    async def write(self, seen: Observed) -> float | None:
        """Write the status; return when to try again if the API server would not have it. Raises RuntimeFailure."""
        kubelet, worker = self._kubelet, self._worker
        references = {c.image_ref for c in seen.containers if c.image_ref}
        about = Circumstances(
            now=format_time(kubelet.clock.now()),
            host_ip=kubelet.config.address,
            runtime_name=kubelet.runtime_name,
            waiting=self._executor.waiting,
            image_ids={reference: await kubelet.images.shown(reference) for reference in references},
            messages=self._messages,
            oom_killed=frozenset(self._oom),
            healths=kubelet.prober.healths(worker.uid),
            recursive_read_only=await self._can_recursive_read_only(seen),
            failure=worker.failure,
            eviction=worker.eviction,
            disruption=worker.disruption,
            actual=worker.resizer.actual(seen),
            resize=worker.resizer.state,
        )
        status = pod_status(worker.pod, seen, about)
        try:
            if worker.is_static:
                worker.keep({**worker.wanted, "status": status})  # nobody else keeps it
                await kubelet.static_pods.tell(worker.pod, status)
                written = None
            else:
                written = await kubelet.status_writer.write(worker.pod, status)
        except (StatusError, TransportError) as error:
            self._unwritten += 1
            _log.log(logging.WARNING if self._unwritten == 1 else logging.DEBUG, "status of %s: %s", worker.name, error)
            return _WRITE_AGAIN.delay_s(self._unwritten)
        self._unwritten = 0
        if written is not None:
            worker.hear_back(written)
        return None

    async def _can_recursive_read_only(self, seen: Observed) -> bool:
        """Tell whether the pod's handler can mount so: the one that its sandbox was made with, or will be made with."""
        try:
            handler = seen.sandboxes[0].handler if seen.sandboxes else await self._executor.handler()
        except sandboxes.HandlerUnknown:
            return False
        return self._kubelet.heartbeat.info.can_recursive_read_only(handler)
