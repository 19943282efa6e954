"""The suite of runtime behaviours on a real containerd."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import Runtime
from podbay.lib.clock import RealClock
from tests.e2e.containerd import BUSYBOX, PrivateContainerd, private_containerd
from tests.suites.runtime import Made, RuntimeSuite
from tests.waiting import until

pytestmark = pytest.mark.e2e


class RealBackend:
    def __init__(self, containerd: PrivateContainerd) -> None:
        self.runtime: Runtime = CriRuntime(str(containerd.socket), RealClock())
        self.image = BUSYBOX
        self.log_directory = str(containerd.directory / "logs")

    async def elapse(self, seconds: float) -> None:
        """Time passes by itself."""


@pytest.fixture(scope="module")
def containerd() -> Iterator[PrivateContainerd]:
    with private_containerd() as containerd:
        yield containerd


@pytest.fixture
async def backend(containerd: PrivateContainerd) -> AsyncIterator[RealBackend]:
    backend = RealBackend(containerd)
    yield backend
    await backend.runtime.close()


def _listens(container_id: str) -> bool:
    """Tell by the kernel's own word whether a container's first process catches SIGTERM."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_it = container_id in (process / "cgroup").read_text()
            caught = int((process / "status").read_text().partition("SigCgt:")[2].split()[0], 16)
        except (OSError, IndexError):
            continue
        if is_it and caught & (1 << 14):
            return True
    return False


class TestContainerd(RuntimeSuite):
    async def listening(self, runtime: Runtime, container: str) -> None:
        await until(lambda: _listens(container), "it catches SIGTERM", patience_s=10)

    async def test_the_processes_of_a_pod_are_shared_only_if_asked(self, runtime: Runtime, made: Made) -> None:
        first = {}
        for shared in (False, True):
            key = await made.sandbox(f"pod-{shared}".lower(), share_process_namespace=shared)
            container = await made.container(key, ["sh", "-c", "test $$ = 1"])
            first[shared] = (await made.ended(container)).exit_code
        assert first == {False: 0, True: 1}
