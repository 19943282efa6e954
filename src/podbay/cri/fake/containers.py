"""The containers of the pretended runtime, and how their lives go.

Takes configurations and what to make of them (``behaviour``); gives containers, and tells over the connection that one
has ended. A life takes time on the clock only.
Invariant: a container goes from created to running to exited, and never back; its end is told once.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from podbay.cri.fake.behaviour import Behaviour
from podbay.cri.fake.connection import Connection
from podbay.cri.fake.metadata import has, new_id, now_ns
from podbay.cri.runtime import (
    Container,
    ContainerConfig,
    ContainerState,
    Image,
    LinuxResources,
    RuntimeEvent,
    RuntimeFailure,
    Sandbox,
)
from podbay.lib.clock import Clock
from podbay.lib.tasks import TaskScope

_UNLISTED: Final[Mapping[str, Any]] = {
    "started_at": 0, "finished_at": 0, "exit_code": 0, "reason": "", "message": "", "log_path": "", "stop_signal": "",
    "resources": None,
}  # fmt: skip


@dataclass(slots=True)
class _Held:
    """A container with what the runtime does not show."""

    view: Container
    behaviour: Behaviour
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Containers:
    """See the module. ``configs`` are by id, also of those that are gone."""

    def __init__(self, clock: Clock, connection: Connection) -> None:
        self._clock = clock
        self._connection = connection
        self._containers: dict[str, _Held] = {}
        self._timers = TaskScope()
        self.configs: dict[str, ContainerConfig] = {}

    def make(
        self,
        owner: Sandbox,
        config: ContainerConfig,
        image: Image,
        behaviour: Callable[[ContainerConfig], Behaviour],
        *,
        log_path: str,
        stop_signal: str,
    ) -> str:
        """Make a container; return its id. Raises RuntimeFailure."""
        for held in self._of_sandbox(owner.id):
            if (held.view.name, held.view.attempt) == (config.name, config.attempt):
                name = f"{config.name}_{owner.name}_{owner.namespace}_{owner.uid}_{config.attempt}"
                raise RuntimeFailure(
                    "UNKNOWN",
                    f'failed to reserve container name "{name}": name "{name}" is reserved for "{held.view.id}"',
                )
        key = new_id()
        self._containers[key] = _Held(
            Container(
                id=key,
                sandbox_id=owner.id,
                name=config.name,
                attempt=config.attempt,
                state=ContainerState.CREATED,
                created_at=now_ns(self._clock),
                image=image.tags[0] if image.tags else image.id,
                image_ref=image.id,
                labels=dict(config.labels),
                annotations=dict(config.annotations),
                log_path=log_path,
                stop_signal=stop_signal,
                resources=config.resources,
            ),
            behaviour(config),
        )
        self.configs[key] = config
        return key

    def start(self, container_id: str, *, is_sandbox_ready: bool) -> None:
        """Start a container's life. Raises RuntimeFailure."""
        held = self._held(container_id)
        if held.view.state is not ContainerState.CREATED:
            problem = f'failed to set starting state for container "{container_id}": {_in_state(held.view)}'
            raise RuntimeFailure("UNKNOWN", problem)
        problem = held.behaviour.start_error
        if not is_sandbox_ready:
            problem = f'sandbox container "{held.view.sandbox_id}" is not running'
        if problem:
            held.view = replace(
                held.view,
                state=ContainerState.EXITED,
                started_at=0,
                finished_at=now_ns(self._clock),
                exit_code=128,
                reason="StartError",
                message=problem,
            )
            held.ended.set()
            raise RuntimeFailure("UNKNOWN", problem)
        held.view = replace(held.view, state=ContainerState.RUNNING, started_at=now_ns(self._clock))
        if held.behaviour.runs_s is not None:
            self._end_later(held, held.behaviour.runs_s, held.behaviour.exit_code)

    async def stop(self, container_id: str, grace_s: float) -> None:
        """Ask a container to end, and kill it after the grace period."""
        held = self._containers.get(container_id)
        if held is None or held.view.state is not ContainerState.RUNNING:
            return
        behaviour = held.behaviour
        if behaviour.term_code is not None and behaviour.term_s <= grace_s and grace_s > 0:
            self._end_later(held, behaviour.term_s, behaviour.term_code)
        else:
            self._end_later(held, grace_s, 137)
        await held.ended.wait()

    def kill_all(self, sandbox_id: str) -> None:
        """Kill what runs in a sandbox."""
        for held in self._of_sandbox(sandbox_id):
            self._end(held, 137)

    def remove(self, container_id: str) -> None:
        """Remove a container if it is there, killing it if it runs."""
        held = self._containers.pop(container_id, None)
        if held is not None:
            self._end(held, 137)

    def remove_all(self, sandbox_id: str) -> None:
        """Remove a sandbox's containers."""
        for held in self._of_sandbox(sandbox_id):
            self.remove(held.view.id)

    def status(self, container_id: str) -> Container:
        """Return a container with everything. Raises RuntimeFailure."""
        return self._held(container_id).view

    def running(self, container_id: str) -> Container:
        """Return a container that runs. Raises RuntimeFailure."""
        view = self._held(container_id).view
        if view.state is not ContainerState.RUNNING:
            raise RuntimeFailure("UNKNOWN", _in_state(view))
        return view

    def limit(self, container_id: str, resources: LinuxResources) -> Container:
        """Have a container said to have other limits, where they are not 0. Raises RuntimeFailure."""
        held = self._held(container_id)
        given = {name: value for name, value in asdict(resources).items() if value}
        held.view = replace(held.view, resources=replace(held.view.resources or LinuxResources(), **given))
        return held.view

    def listed(self, labels: Mapping[str, str] | None) -> list[Container]:
        """Return the containers that have these labels as a list has them: without times, exit codes and reasons."""
        return [replace(held.view, **_UNLISTED) for held in self._containers.values() if has(held.view.labels, labels)]

    def end(self, container_id: str, exit_code: int, *, oom: bool) -> None:
        """Have a container end by itself, or by the kernel for want of memory. Raises RuntimeFailure."""
        held = self._held(container_id)
        if oom:
            self._connection.tell(RuntimeEvent(kind="oom", id=container_id))
        self._end(held, exit_code, "OOMKilled" if oom else "")

    def end_all_unheard(self) -> None:
        """End all containers without a word."""
        now = now_ns(self._clock)
        for held in self._containers.values():
            if held.view.state is ContainerState.RUNNING:
                held.view = replace(
                    held.view, state=ContainerState.EXITED, exit_code=255, reason="Unknown", finished_at=now
                )
                held.ended.set()

    async def shut_down(self) -> None:
        """Leave no timer."""
        await self._timers.close()

    def _end_later(self, held: _Held, seconds: float, code: int) -> None:
        deadline = self._clock.monotonic() + seconds  # from now, whenever the task gets its first turn

        async def end() -> None:
            await self._clock.sleep(deadline - self._clock.monotonic())
            self._end(held, code)

        if seconds <= 0:
            self._end(held, code)
        else:
            self._timers.start(end(), name="fake container")

    def _end(self, held: _Held, code: int, reason: str = "") -> None:
        if held.view.state is not ContainerState.RUNNING:
            return
        now = now_ns(self._clock)
        held.view = replace(
            held.view,
            state=ContainerState.EXITED,
            finished_at=now,
            exit_code=code,
            reason=reason or ("Completed" if code == 0 else "Error"),
        )
        held.ended.set()
        self._connection.tell(RuntimeEvent(kind="exit", id=held.view.id, exit_code=code, at=now))

    def _held(self, container_id: str) -> _Held:
        if container_id not in self._containers:
            message = f'an error occurred when try to find container "{container_id}": not found'
            raise RuntimeFailure("NOT_FOUND", message)
        return self._containers[container_id]

    def _of_sandbox(self, sandbox_id: str) -> list[_Held]:
        return [held for held in self._containers.values() if held.view.sandbox_id == sandbox_id]


def _in_state(view: Container) -> str:
    return f"container is in CONTAINER_{view.state.name} state"
