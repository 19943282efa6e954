"""What every container runtime does, as far as the kubelet relies on it. A backend gives ``backend``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Protocol

import pytest

from podbay.cri.runtime import (
    Container,
    ContainerConfig,
    ContainerState,
    LinuxResources,
    Runtime,
    RuntimeEvent,
    RuntimeFailure,
    SandboxConfig,
)
from tests.waiting import until

RUNS = ["sh", "-c", "trap 'exit 7' TERM; while true; do sleep 0.05; done"]
DEAF = ["sleep", "1000"]


class Backend(Protocol):
    """A runtime with an image that has a shell, and a way to let time pass."""

    runtime: Runtime
    image: str
    log_directory: str

    async def elapse(self, seconds: float) -> None:
        """Let time pass: move a manual clock, or do nothing where time passes by itself."""


class Made:
    """Makes sandboxes and containers and removes them all at the end."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.runtime = backend.runtime
        self._configs: dict[str, SandboxConfig] = {}
        self.attempts = 0

    async def sandbox(self, name: str, *, share_process_namespace: bool = False) -> str:
        config = SandboxConfig(
            name=name,
            namespace="suite",
            uid=f"uid-{name}",
            hostname=name,
            log_directory=f"{self.backend.log_directory}/{name}" if self.backend.log_directory else "",
            labels={"io.kubernetes.pod.uid": f"uid-{name}", "of": "suite"},
            annotations={"note": "kept"},
            share_process_namespace=share_process_namespace,
        )
        key = await self.runtime.run_sandbox(config)
        self._configs[key] = config
        return key

    async def container(self, sandbox_id: str, command: list[str], *, name: str = "main", start: bool = True) -> str:
        config = self._configs[sandbox_id]
        self.attempts += 1
        key = await self.runtime.create_container(
            sandbox_id,
            ContainerConfig(
                name=name,
                image=self.backend.image,
                attempt=self.attempts,
                command=command,
                labels=dict(config.labels),
                log_path=f"{name}-{self.attempts}.log",
            ),
            config,
        )
        if start:
            await self.runtime.start_container(key)
        return key

    async def ended(self, container_id: str, *, within_s: float = 0.0) -> Container:
        """Return a container's status once it has ended."""
        await self.backend.elapse(within_s)

        async def end() -> Container | None:
            status = await self.runtime.container_status(container_id)
            return status if status.state is ContainerState.EXITED else None

        found: Container = await until(end, "it has ended")
        return found

    async def close(self) -> None:
        for key in self._configs:
            await self.runtime.stop_sandbox(key)
            await self.runtime.remove_sandbox(key)


class RuntimeSuite:
    """CRI's behaviours, one by one."""

    @pytest.fixture
    def runtime(self, backend: Backend) -> Runtime:
        return backend.runtime

    @pytest.fixture
    async def made(self, backend: Backend) -> AsyncIterator[Made]:
        made = Made(backend)
        yield made
        await made.close()

    async def test_it_says_what_it_is_and_that_it_is_ready(self, runtime: Runtime) -> None:
        info = await runtime.info()
        assert info.name and info.version
        assert info.ready and info.network_ready

    async def test_a_sandbox_has_its_names_and_an_address_of_its_own(self, runtime: Runtime, made: Made) -> None:
        one, two = await made.sandbox("one"), await made.sandbox("two")
        first, second = await runtime.sandbox_status(one), await runtime.sandbox_status(two)
        assert (first.name, first.namespace, first.uid, first.attempt) == ("one", "suite", "uid-one", 0)
        assert first.ready and first.created_at > 0
        assert first.labels["of"] == "suite" and first.annotations["note"] == "kept"
        assert len(first.ips) == len(second.ips) == 1 and first.ips != second.ips

    async def test_the_same_sandbox_cannot_be_made_twice(self, made: Made) -> None:
        await made.sandbox("one")
        with pytest.raises(RuntimeFailure, match="is reserved for"):
            await made.sandbox("one")

    async def test_a_stopped_sandbox_is_not_ready_and_has_no_address(self, runtime: Runtime, made: Made) -> None:
        key = await made.sandbox("one")
        await runtime.stop_sandbox(key)
        await runtime.stop_sandbox(key)
        status = await runtime.sandbox_status(key)
        assert not status.ready and list(status.ips) == []

    async def test_stopping_a_sandbox_ends_its_containers(self, runtime: Runtime, made: Made) -> None:
        key = await made.sandbox("one")
        container = await made.container(key, RUNS)
        await runtime.stop_sandbox(key)
        assert (await made.ended(container)).exit_code == 137

    async def test_removing_a_sandbox_removes_its_containers(self, runtime: Runtime, made: Made) -> None:
        key = await made.sandbox("one")
        container = await made.container(key, RUNS)
        await runtime.stop_sandbox(key)
        await runtime.remove_sandbox(key)
        await runtime.remove_sandbox(key)
        assert await runtime.sandboxes() == []
        with pytest.raises(RuntimeFailure) as raised:
            await runtime.container_status(container)
        assert raised.value.code == "NOT_FOUND"

    async def test_a_container_is_made_started_and_ends(self, runtime: Runtime, made: Made) -> None:
        key = await made.sandbox("one")
        container = await made.container(key, ["sh", "-c", "sleep 0.2; exit 3"], start=False)
        created = await runtime.container_status(container)
        assert created.state is ContainerState.CREATED and created.started_at == 0
        await runtime.start_container(container)
        running = await runtime.container_status(container)
        assert running.state is ContainerState.RUNNING and running.started_at >= created.created_at > 0
        status = await made.ended(container, within_s=0.2)
        assert (status.exit_code, status.reason) == (3, "Error")
        assert status.finished_at >= status.started_at
        assert status.image_ref.startswith("sha256:") or "@sha256:" in status.image_ref

    async def test_what_runs_can_get_other_limits_and_what_has_ended_is_only_said_to_have_them(
        self, runtime: Runtime, made: Made
    ) -> None:
        container = await made.container(await made.sandbox("limits"), RUNS)
        limits = LinuxResources(cpu_period_us=100_000, cpu_quota_us=50_000, cpu_shares=512, memory_limit_bytes=64 << 20)
        await runtime.update_resources(container, limits)
        assert (await runtime.container_status(container)).resources == limits
        await runtime.update_resources(container, LinuxResources(memory_limit_bytes=96 << 20))
        more = replace(limits, memory_limit_bytes=96 << 20)
        assert (await runtime.container_status(container)).resources == more
        await runtime.stop_container(container, 2.0)
        await made.ended(container)
        await runtime.update_resources(container, limits)
        status = await runtime.container_status(container)
        assert (status.state, status.resources) == (ContainerState.EXITED, limits)

    async def test_what_runs_can_begin_a_new_log_and_what_has_ended_cannot(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("logs"), RUNS)
        await runtime.reopen_log(container)
        await runtime.stop_container(container, 2.0)
        await made.ended(container)
        with pytest.raises(RuntimeFailure):
            await runtime.reopen_log(container)

    async def test_one_that_ends_well_is_completed(self, made: Made) -> None:
        container = await made.container(await made.sandbox("one"), ["true"])
        status = await made.ended(container)
        assert (status.exit_code, status.reason) == (0, "Completed")

    async def test_a_container_cannot_be_started_twice(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("one"), RUNS)
        with pytest.raises(RuntimeFailure):
            await runtime.start_container(container)

    async def test_a_command_that_is_not_there_does_not_start(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("one"), ["absent"], start=False)
        with pytest.raises(RuntimeFailure, match=r"executable file .*not found"):
            await runtime.start_container(container)
        status = await runtime.container_status(container)
        assert (status.state, status.exit_code, status.reason) == (ContainerState.EXITED, 128, "StartError")
        assert "not found" in status.message and status.started_at == 0 < status.finished_at

    async def test_nothing_is_made_or_started_in_a_sandbox_that_was_stopped(self, runtime: Runtime, made: Made) -> None:
        key = await made.sandbox("one")
        container = await made.container(key, RUNS, start=False)
        await runtime.stop_sandbox(key)
        with pytest.raises(RuntimeFailure, match=f'sandbox container "{key}" is not running'):
            await runtime.start_container(container)
        status = await runtime.container_status(container)
        assert (status.state, status.exit_code, status.reason) == (ContainerState.EXITED, 128, "StartError")
        with pytest.raises(RuntimeFailure, match="no running task found") as raised:
            await made.container(key, RUNS, name="late")
        assert raised.value.code == "NOT_FOUND"

    async def test_a_status_has_the_whole_path_of_the_log(self, backend: Backend, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("one"), RUNS)
        status = await runtime.container_status(container)
        assert status.log_path == f"{backend.log_directory}/one/main-1.log"

    async def test_containers_of_one_sandbox_have_names_of_their_own(self, made: Made) -> None:
        key = await made.sandbox("one")
        await made.container(key, RUNS)
        made.attempts -= 1
        with pytest.raises(RuntimeFailure, match="is reserved for"):
            await made.container(key, RUNS)

    async def test_a_container_needs_its_sandbox(self, runtime: Runtime, made: Made) -> None:
        key = await made.sandbox("one")
        await runtime.stop_sandbox(key)
        await runtime.remove_sandbox(key)
        with pytest.raises(RuntimeFailure) as raised:
            await made.container(key, RUNS)
        assert raised.value.code == "NOT_FOUND"

    async def test_one_that_listens_ends_with_its_own_code(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("one"), RUNS)
        await self.listening(runtime, container)
        await runtime.stop_container(container, 30)
        assert (await runtime.container_status(container)).exit_code == 7

    async def listening(self, runtime: Runtime, container: str) -> None:
        """Wait until a shell has set its trap; a runtime that pretends has it at once."""

    async def test_one_that_does_not_is_killed_after_the_grace_period(
        self, backend: Backend, runtime: Runtime, made: Made
    ) -> None:
        container = await made.container(await made.sandbox("one"), DEAF)
        stopping = asyncio.ensure_future(runtime.stop_container(container, 1))
        await asyncio.sleep(0)
        await backend.elapse(0.5)
        assert (await runtime.container_status(container)).state is ContainerState.RUNNING
        await backend.elapse(0.5)
        await stopping
        assert (await runtime.container_status(container)).exit_code == 137

    async def test_a_second_stop_with_less_grace_wins(self, backend: Backend, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("one"), DEAF)
        slow = asyncio.ensure_future(runtime.stop_container(container, 600))
        await asyncio.sleep(0)
        await runtime.stop_container(container, 0)
        await slow
        assert (await runtime.container_status(container)).exit_code == 137

    async def test_what_is_gone_can_be_stopped_and_removed(self, runtime: Runtime) -> None:
        await runtime.stop_container("0" * 64, 1)
        await runtime.remove_container("0" * 64)
        await runtime.stop_sandbox("0" * 64)
        await runtime.remove_sandbox("0" * 64)
        for call in (runtime.sandbox_status, runtime.container_status):
            with pytest.raises(RuntimeFailure) as raised:
                await call("0" * 64)
            assert raised.value.code == "NOT_FOUND"

    async def test_a_command_runs_in_a_container_to_its_end(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("exec"), RUNS)
        result = await runtime.exec_sync(container, ["echo", "hello", "world"], 5)
        assert (result.stdout, result.stderr, result.exit_code) == (b"hello world\n", b"", 0)
        assert (await runtime.exec_sync(container, ["sh", "-c", "exit 3"], 0)).exit_code == 3

    async def test_a_command_that_is_not_there_cannot_be_run(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("exec-absent"), RUNS)
        with pytest.raises(RuntimeFailure, match=r"executable file .*not found"):
            await runtime.exec_sync(container, ["absent"], 5)

    async def test_no_command_runs_in_a_container_that_was_only_made(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("exec-early"), RUNS, start=False)
        with pytest.raises(RuntimeFailure, match="CONTAINER_CREATED"):
            await runtime.exec_sync(container, ["true"], 5)

    async def test_no_command_runs_in_a_container_that_has_ended(self, runtime: Runtime, made: Made) -> None:
        container = await made.container(await made.sandbox("exec-ended"), RUNS)
        await runtime.stop_container(container, 1)
        with pytest.raises(RuntimeFailure) as failure:
            await runtime.exec_sync(container, ["true"], 5)
        assert "EXITED" in failure.value.message

    async def test_lists_are_narrowed_by_labels(self, runtime: Runtime, made: Made) -> None:
        one, two = await made.sandbox("one"), await made.sandbox("two")
        first, _ = await made.container(one, RUNS), await made.container(two, RUNS)
        wanted = {"io.kubernetes.pod.uid": "uid-one"}
        assert [s.id for s in await runtime.sandboxes(wanted)] == [one]
        assert [(c.id, c.sandbox_id, c.state) for c in await runtime.containers(wanted)] == [
            (first, one, ContainerState.RUNNING)
        ]
        assert {s.id for s in await runtime.sandboxes()} == {one, two}

    async def test_an_image_is_known_by_name_and_by_reference(self, backend: Backend, runtime: Runtime) -> None:
        image = await runtime.image(backend.image)
        assert image is not None and backend.image in image.tags and image.size_bytes > 0
        assert await runtime.image(image.id) == image
        assert image in await runtime.images()
        assert await runtime.image("docker.io/library/absent:1") is None

    async def test_an_image_that_is_nowhere_cannot_be_fetched(self, runtime: Runtime) -> None:
        name = "127.0.0.1:1/absent:1"
        with pytest.raises(RuntimeFailure, match="failed to pull and unpack image"):
            await runtime.pull_image(name)

    async def test_a_container_that_runs_has_a_layer_of_its_own_and_images_have_a_place(
        self, runtime: Runtime, made: Made
    ) -> None:
        container = await made.container(await made.sandbox("one"), RUNS)

        async def is_measured() -> bool:
            return container in await runtime.writable_layers()

        await until(is_measured, "its layer is measured, which it is every ten seconds", patience_s=30)
        images = await runtime.image_filesystem()
        assert images is not None and images.path.startswith("/")

    async def test_an_end_is_told(self, made: Made, hear: "Hear") -> None:
        events = await hear()
        container = await made.container(await made.sandbox("one"), ["sh", "-c", "sleep 0.1; exit 5"])
        await made.ended(container, within_s=0.1)
        event = await events(container)
        assert (event.kind, event.exit_code) == ("exit", 5) and event.at > 0

    async def test_the_end_of_a_sandbox_is_told(self, runtime: Runtime, made: Made, hear: "Hear") -> None:
        events = await hear()
        key = await made.sandbox("one")
        await runtime.stop_sandbox(key)
        assert (await events(key)).kind == "exit"

    async def test_the_end_of_a_sandbox_that_is_removed_while_it_runs_is_told(
        self, runtime: Runtime, made: Made, hear: "Hear"
    ) -> None:
        events = await hear()
        key = await made.sandbox("one")
        container = await made.container(key, RUNS)
        await runtime.remove_sandbox(key)
        assert [(await events(end)).kind for end in (container, key)] == ["exit", "exit"]
        assert await runtime.sandboxes() == [] and await runtime.containers() == []

    @pytest.fixture
    async def hear(self, runtime: Runtime) -> AsyncIterator["Hear"]:
        """Subscribe when called; what it gives waits for the first event of an id."""
        stream = runtime.events()

        async def start() -> Callable[[str], Awaitable[RuntimeEvent]]:
            assert (await anext(stream)).kind == "connected"
            return wait

        async def wait(key: str) -> RuntimeEvent:
            async with asyncio.timeout(10):
                async for event in stream:
                    if event.id == key:
                        return event
            raise AssertionError("the stream of events ended")

        yield start
        await stream.aclose()  # type: ignore[attr-defined]  # every implementation is an async generator


Hear = Callable[[], Awaitable[Callable[[str], Awaitable[RuntimeEvent]]]]
