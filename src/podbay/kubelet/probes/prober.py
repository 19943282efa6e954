"""Probes all containers of a node, each at its own times, with one timer for all of them.

Takes pods with what the runtime has of them, as their workers see them; gives every container's health, and wakes the
worker when that changes. Nobody waits for a probe: thousands of them cost a timer and a line in a table each.
Invariant: a probe is asked by one at a time, at its period; an answer for a container that is gone counts for nothing.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes ; upstream's prober.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from podbay.api.pod_containers import lasting_containers
from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.observed import Observed
from podbay.kubelet.probes.answer import Answer, Unanswerable
from podbay.kubelet.probes.health import KINDS, LIVENESS, READINESS, STARTUP, Health
from podbay.kubelet.probes.state import ProbeState
from podbay.kubelet.probes.timing import next_tick_s
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope
from podbay.lib.timers import Timers

Object = Mapping[str, Any]
Key = tuple[str, str, str]  # uid, container, kind
_TRIES: Final = 3
_NANO: Final = 1_000_000_000
_STATUSES: Final = ("containerStatuses", "initContainerStatuses")


class Follower(Protocol):
    """Whoever looks after a pod: hears of its events, and that something has changed."""

    pod: dict[str, Any]
    uid: str

    def tell_of(self, container: str, kind: str, reason: str, message: str) -> None:
        """Record an event about a container."""

    def wake(self) -> None:
        """Look at the pod again."""


class _Ask(Protocol):
    async def ask(self, probe: Object, container: Object, container_id: str, pod_ip: str) -> Answer:
        """Return a container's answer. Raises Unanswerable."""


@dataclass(slots=True)
class _Probe:
    """One probe of one container, and when it is due. ``not_before`` is of the monotonic clock."""

    state: ProbeState
    follower: Follower
    container: Object
    anchor: float
    not_before: float = 0.0
    pod_ip: str = ""
    is_running: bool = False
    is_on: bool = False
    is_asking: bool = False


class Prober:
    """See the module. ``close`` at the end."""

    def __init__(
        self, asker: _Ask, clock: Clock, activity: Activity, jitter: Callable[[], float] = random.random
    ) -> None:
        self.asker = asker
        self._clock = clock
        self._activity = activity
        self._jitter = jitter
        self._probes: dict[Key, _Probe] = {}
        self._of_pod: dict[str, list[Key]] = {}
        self._timers: Timers[Key] = Timers("probes", clock, self._on_due)
        self._scope = TaskScope()

    def follow(self, follower: Follower, seen: Observed, pod_ip: str) -> None:
        """Take what a pod's containers are doing now."""
        pod = follower.pod
        if follower.uid not in self._of_pod:
            self._take(follower, seen)
        terminating = "deletionTimestamp" in pod["metadata"]
        for key in self._of_pod[follower.uid]:
            probe = self._probes[key]
            probe.pod_ip = pod_ip
            newest = seen.newest(key[1])
            if newest is None or newest.state is not ContainerState.RUNNING:
                self._switch_off(key)
            elif terminating and probe.state.kind != READINESS:
                self._switch_off(key)
                if probe.state.container_id == newest.id and probe.state.result is False:
                    probe.state.result = True  # it is to end anyway, and quietly
            else:
                probe.is_running = True
                if probe.state.container_id != newest.id:
                    self._begin(probe, newest)
        for name in {key[1] for key in self._of_pod[follower.uid]}:
            self._switch_on(follower.uid, name)

    def healths(self, uid: str) -> dict[str, Health]:
        """Return by container id how a pod's containers are that have probes."""
        found: dict[str, dict[str, bool | None]] = {}
        for key in self._of_pod.get(uid, ()):
            state = self._probes[key].state
            if state.container_id:
                found.setdefault(state.container_id, {})[state.kind] = state.result
        return {container_id: _health(results) for container_id, results in found.items()}

    def forget(self, uid: str) -> None:
        """Ask nothing of a pod any more."""
        for key in self._of_pod.pop(uid, ()):
            self._switch_off(key)
            del self._probes[key]

    async def close(self) -> None:
        """End everything."""
        await self._timers.close()
        await self._scope.close()

    def _take(self, follower: Follower, seen: Observed) -> None:
        """Take a pod's probes; those of containers that run already are spread over their periods."""
        keys = self._of_pod[follower.uid] = []
        for container, kind, spec in _probes_of(follower.pod["spec"]):
            running = seen.newest(container["name"])
            period_s = _period_s(spec)
            early_s = self._jitter() * period_s if running is not None else 0.0
            key = (follower.uid, container["name"], kind)
            anchor = self._clock.monotonic() - early_s
            self._probes[key] = _Probe(ProbeState(kind, spec), follower, container, anchor)
            keys.append(key)

    def _begin(self, probe: _Probe, newest: Container) -> None:
        """Begin anew with a container; one that an earlier kubelet knew is as well as that has told."""
        told = _told(probe.follower.pod, newest)
        has_told = bool(told.get("ready" if probe.state.kind == READINESS else "started"))
        probe.state.begin(newest.id, told=has_told)
        age_s = max(0.0, self._clock.now().timestamp() - newest.started_at / _NANO)  # a clock may be set back
        left_s = float(probe.state.spec.get("initialDelaySeconds") or 0) - age_s
        probe.not_before = self._clock.monotonic() + max(left_s, 0.0)
        probe.is_on = False

    def _switch_on(self, uid: str, name: str) -> None:
        """Have every probe of a container be due in time that may be asked now and was not before."""
        started = self._probes.get((uid, name, STARTUP))
        has_started = started is None or started.state.result is True
        for kind in KINDS:
            probe = self._probes.get((uid, name, kind))
            if probe is None or probe.is_on or probe.state.is_final or not probe.state.container_id:
                continue
            if not probe.is_running or has_started is (kind == STARTUP):
                continue
            probe.is_on = True
            now = self._clock.monotonic()
            if kind == READINESS and probe.state.result is not True:
                self._timers.set((uid, name, kind), max(probe.not_before - now, 0.0))
            else:
                self._set(probe, (uid, name, kind))

    def _switch_off(self, key: Key) -> None:
        self._timers.clear(key)
        probe = self._probes[key]
        probe.is_on = probe.is_running = False

    def _set(self, probe: _Probe, key: Key) -> None:
        period_s = _period_s(probe.state.spec)
        self._timers.set(key, next_tick_s(probe.anchor, period_s, self._clock.monotonic(), probe.not_before))

    def _on_due(self, key: Key) -> None:
        probe = self._probes.get(key)
        if probe is None or not probe.is_on:
            return
        if probe.is_asking:
            self._set(probe, key)  # the last question is still open
            return
        probe.is_asking = True
        self._activity.begin("probe")
        self._scope.start(self._ask(key, probe), name="probe")

    async def _ask(self, key: Key, probe: _Probe) -> None:
        container_id = probe.state.container_id
        try:
            asking = self._scope.start(self._answer(probe, container_id), name="ask")
            await asyncio.sleep(0)
            if not asking.done():
                self._activity.end("probe")  # to wait for an answer is no work in hand
                try:
                    await asyncio.wait({asking})
                finally:
                    self._activity.begin("probe")
            answer = await asking
            if self._probes.get(key) is not probe or not probe.is_on or probe.state.container_id != container_id:
                return
            if answer is not None:
                self._count(key, probe, answer)
            if probe.is_on:
                self._set(probe, key)
        finally:
            probe.is_asking = False
            self._activity.end("probe")

    async def _answer(self, probe: _Probe, container_id: str) -> Answer | None:
        title = probe.state.kind.capitalize()
        problem = ""
        for _ in range(_TRIES):
            try:
                return await self.asker.ask(probe.state.spec, probe.container, container_id, probe.pod_ip)
            except Unanswerable as error:
                problem = str(error)
        if probe.is_on and probe.state.container_id == container_id:
            text = f"{title} probe errored and resulted in unknown state: {problem}"
            probe.follower.tell_of(probe.container["name"], "Warning", "Unhealthy", text)
        return None

    def _count(self, key: Key, probe: _Probe, answer: Answer) -> None:
        state, name = probe.state, probe.container["name"]
        title = state.kind.capitalize()
        if not answer.is_well:
            probe.follower.tell_of(name, "Warning", "Unhealthy", f"{title} probe failed: {answer.text}")
        elif answer.is_warning:
            probe.follower.tell_of(name, "Warning", "ProbeWarning", f"{title} probe warning: {answer.text}")
        has_changed = state.count(is_well=answer.is_well)
        if state.is_final or (state.kind == STARTUP and state.result is True):
            probe.is_on = False
            self._timers.clear(key)
        if has_changed:
            self._switch_on(key[0], key[1])
            probe.follower.wake()


def _health(results: Mapping[str, bool | None]) -> Health:
    failed = next((kind for kind in (STARTUP, LIVENESS) if results.get(kind, True) is False), "")
    return Health(results.get(STARTUP, True) is True, results.get(READINESS, True) is True, failed)


def _probes_of(spec: Object) -> Iterator[tuple[Object, str, Object]]:
    for container in lasting_containers(spec):
        for kind in KINDS:
            probe = container.get(f"{kind}Probe")
            if probe is not None:
                yield container, kind, probe


def _period_s(spec: Object) -> float:
    return float(spec.get("periodSeconds") or 10)


def _told(pod: Object, container: Container) -> Object:
    """Return what the API server was told of this very incarnation."""
    status = pod.get("status") or {}
    every = (each for field in _STATUSES for each in status.get(field) or ())
    found: Object = next((s for s in every if str(s.get("containerID", "")).endswith(f"://{container.id}")), {})
    return found
