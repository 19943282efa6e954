"""Registers the node and keeps it alive: a lease every ten seconds, the status when it changes.

Takes the kubelet's client, its configuration and the runtime; writes the Node and its Lease. It looks at the runtime
when somebody says that there is something to see, and once a minute for what nobody tells.
Invariant: the node's status is written when something in it changed, and every five minutes at the least; an idle node
writes only its lease. A node that somebody deleted is registered again at once. Extended resources in its capacity are
others': never written over, in allocatable as in capacity, and 0 after a new kubelet has found its node there.
Source: https://kubernetes.io/docs/concepts/architecture/nodes/#heartbeats ; for extended resources, upstream's
pkg/kubelet/kubelet_node_status.go and pkg/kubelet/nodestatus/setters.go.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from podbay.api.errors import AlreadyExists, NotFound, StatusError
from podbay.api.huge_pages import PREFIX
from podbay.api.resources import LEASES, NODES
from podbay.api.validation.resource_requirements import is_extended
from podbay.client.informer import Informer
from podbay.client.rest import Object, Rest
from podbay.client.transport import TransportError
from podbay.cri.runtime import Runtime, RuntimeFailure, RuntimeInfo
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.node.machine import Machine
from podbay.kubelet.node.registration import allocatable, capacity, node_object, node_status
from podbay.lib.activity import Activity
from podbay.lib.backoff import Backoff
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.lib.timers import Timers
from podbay.wire.times import format_micro_time, format_time

_log = logging.getLogger(__name__)

LEASE_S: Final = 40
_RENEW_S: Final = 10.0
_LOOK_S: Final = 60.0
_STATUS_S: Final = 300.0
_LOOK: Final = "node status"
_RETRY: Final = Backoff(base_s=0.1, cap_s=5.0)
_NAMESPACE: Final = "kube-node-lease"
_VOLATILE: Final = ("lastHeartbeatTime",)


class Heartbeat:
    """See the module. ``register`` once, then ``run``."""

    def __init__(
        self, rest: Rest, runtime: Runtime, config: KubeletConfig, machine: Machine, clock: Clock, activity: Activity
    ) -> None:
        self._rest = rest
        self._runtime = runtime
        self._config = config
        self._machine = machine
        self._clock = clock
        self._activity = activity
        self._written: Object | None = None
        self._written_at = 0.0
        self._lease: Object | None = None
        self._due = asyncio.Event()
        self._held = False
        self._is_new = True
        self._extended: dict[str, str] = {}
        self._stray: dict[str, str | None] = {}
        self._is_running = False
        self._timers: Timers[str] = Timers(_LOOK, clock, self._wake)
        self._own = Informer(rest, NODES, clock, activity, query={"fieldSelector": f"metadata.name={config.node_name}"})
        self._own.on_change(self._own_node_changed)
        self.pressures: Sequence[str] = ()
        self.info = RuntimeInfo(name="containerd", version="", ready=False, network_ready=False)

    @property
    def allocatable(self) -> dict[str, str]:
        """Return what pods may have of the node together."""
        return {**allocatable(self._config, self._machine), **self._extended}

    async def register(self) -> None:
        """Make sure that the node is there, with its labels and status. Tries until it can."""
        failures = 0
        while True:
            try:
                with self._activity.working("register node"):
                    await self._register()
                    await self._zero_extended()
                    await self.write_status()
                    await self._renew()
                return
            except (StatusError, TransportError) as error:
                failures += 1
                _log.warning("registering node %s: %s", self._config.node_name, error)
                await self._clock.sleep(_RETRY.delay_s(failures))

    async def run(self) -> None:
        """Renew the lease and write what changed, until cancelled."""
        self._is_running = True
        self.look_again()  # what was told before is seen now
        try:
            async with TaskScope() as scope:
                scope.start(self._own.run(), name="own node")
                scope.start(self._keep_status(), name=_LOOK)
                while True:
                    await self._clock.sleep(_RENEW_S)
                    with self._activity.working("heartbeat"):
                        try:
                            await self._renew()
                        except (StatusError, TransportError) as error:
                            self._lease = None
                            _log.debug("lease of %s: %s", self._config.node_name, error)
        finally:
            await self._timers.close()
            self._release()

    def look_again(self, within_s: float = 0.0) -> None:
        """Have the runtime looked at, and the status written if it changed."""
        if not self._is_running:
            return
        due_s = self._timers.due_in_s(_LOOK)
        if within_s <= 0:
            self._wake(_LOOK)
        elif due_s is None or due_s > within_s:
            self._timers.set(_LOOK, within_s)

    async def write_status(self) -> None:
        """Write the node's status if it changed or is old. Raises StatusError, TransportError."""
        try:
            self.info = await self._runtime.info()
            images = await self._runtime.images()
        except RuntimeFailure as error:
            message = f"container runtime is down: {error.message}"
            self.info = RuntimeInfo(
                name=self.info.name, version=self.info.version, ready=False, network_ready=False, message=message
            )
            images = []
        old = (self._written or {}).get("conditions") or ()
        now = format_time(self._clock.now())
        status = node_status(self._config, self._machine, self.info, images, old, now, self.pressures)
        status["allocatable"] = self.allocatable
        moment = self._clock.monotonic()
        unchanged = self._written is not None and _stable(status) == _stable(self._written)
        if unchanged and not self._stray and moment - self._written_at < _STATUS_S:
            return
        name = self._config.node_name
        changes = {**status, "allocatable": {**self._stray, **status["allocatable"]}}
        await self._rest.patch(NODES, name, {"status": changes}, subresource="status")
        self._written, self._written_at = status, moment

    async def _keep_status(self) -> None:
        again_s = _LOOK_S
        while True:
            self.look_again(again_s)
            await self._due.wait()
            self._due.clear()
            again_s = _LOOK_S
            try:
                if self._own.synced.is_set() and not self._own.objects:
                    await self._register()
                    self._written = None
                await self.write_status()
            except (StatusError, TransportError) as error:
                _log.debug("status of %s: %s", self._config.node_name, error)
                again_s = _RENEW_S
            if not self._due.is_set():
                self._release()

    def _wake(self, _: str) -> None:
        if not self._held:
            self._held = True
            self._activity.begin(_LOOK)
        self._due.set()

    def _release(self) -> None:
        if self._held:
            self._held = False
            self._activity.end(_LOOK)

    def _own_node_changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._heed(new)
        if new is None or self._stray:
            self.look_again()

    def _heed(self, node: Object) -> None:
        """Take up what others say that the node has, and what allocatable says of it otherwise."""
        found = node.get("status") or {}
        self._extended, told = _extended(found.get("capacity")), _extended(found.get("allocatable"))
        stray = {name: self._extended.get(name) for name in {*told, *self._extended}}
        self._stray = {name: value for name, value in stray.items() if told.get(name) != value}

    async def _zero_extended(self) -> None:
        """Let pods have no extended resources of before this kubelet: who hands them out says so anew."""
        left = {name: "0" for name, value in self._extended.items() if value != "0"}
        if left and self._is_new:
            _log.info("zero out %s in existing node %s", ", ".join(sorted(left)), self._config.node_name)
            changes = {"status": {"capacity": left, "allocatable": left}}
            self._heed(await self._rest.patch(NODES, self._config.node_name, changes, subresource="status"))
        self._is_new = False

    async def _register(self) -> None:
        wanted = node_object(self._config, self._machine)
        try:
            self._heed(await self._rest.create(NODES, wanted))
        except AlreadyExists:
            current = await self._rest.get(NODES, self._config.node_name)
            self._heed(current)
            missing = {}
            for part in ("labels", "annotations"):
                known = current["metadata"].get(part) or {}
                if lacks := {k: v for k, v in wanted["metadata"][part].items() if known.get(k) != v}:
                    missing[part] = lacks
            if missing:
                await self._rest.patch(NODES, self._config.node_name, {"metadata": missing})
            await self._forget_pages(current)
            self._written = {"conditions": (current.get("status") or {}).get("conditions") or []}

    async def _forget_pages(self, node: Object) -> None:
        """Take from the node's object the sizes of huge pages that its machine has no more."""
        told = (node.get("status") or {}).get("capacity") or {}
        pages = {name for name in told if name.startswith(PREFIX)}
        gone = dict.fromkeys(pages - capacity(self._config, self._machine).keys())
        if gone:
            changes = {"status": {"capacity": gone, "allocatable": gone}}
            await self._rest.patch(NODES, self._config.node_name, changes, subresource="status")

    async def _renew(self) -> None:
        name = self._config.node_name
        now = format_micro_time(self._clock.now())
        if self._lease is None:
            try:
                self._lease = await self._rest.get(LEASES, name, namespace=_NAMESPACE)
            except NotFound:
                lease = {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": name, "namespace": _NAMESPACE},
                    "spec": {"holderIdentity": name, "leaseDurationSeconds": LEASE_S, "renewTime": now},
                }
                self._lease = await self._rest.create(LEASES, lease, namespace=_NAMESPACE)
                return
        spec = {**(self._lease.get("spec") or {}), "holderIdentity": name, "leaseDurationSeconds": LEASE_S}
        self._lease = await self._rest.update(LEASES, {**self._lease, "spec": {**spec, "renewTime": now}})


def _extended(amounts: Object | None) -> dict[str, str]:
    return {name: value for name, value in (amounts or {}).items() if is_extended(name)}


def _stable(status: Object) -> Any:
    """Return a status without what changes by itself."""
    kept = [{k: v for k, v in c.items() if k not in _VOLATILE} for c in status.get("conditions") or ()]
    return {**status, "conditions": kept}
