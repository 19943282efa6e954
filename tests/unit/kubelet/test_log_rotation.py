import asyncio
import gzip
from pathlib import Path
from typing import Any

import pytest

from podbay.cri.fake import FakeRuntime
from podbay.cri.runtime import ContainerConfig, SandboxConfig
from podbay.kubelet import log_files
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.log_rotation import LogRotation
from podbay.kubelet.observed import POD_NAME, POD_NAMESPACE, POD_UID
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from tests.waiting import until

_LABELS = {POD_NAME: "p", POD_NAMESPACE: "default", POD_UID: "u"}


class Logged:
    """A container whose log the test writes; a new one is begun whenever the runtime is asked to."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.clock = ManualClock()
        self.runtime = FakeRuntime(self.clock)
        self.config = KubeletConfig(
            node_name="n1",
            address="192.0.2.1",
            root=root,
            log_root=root,
            container_log_max_bytes=100,
            container_log_max_files=3,
            **settings,
        )
        self.rotation = LogRotation(self.runtime, self.config, self.clock)
        self.log = root / "default_p_u" / "main" / "0.log"
        self.log.parent.mkdir(parents=True)

    async def start(self) -> "Logged":
        self.runtime.add_image("busybox")
        sandbox = SandboxConfig(name="p", namespace="default", uid="u", labels=_LABELS)
        self.sandbox_id = await self.runtime.run_sandbox(sandbox)
        config = ContainerConfig(name="main", image="busybox", labels=_LABELS)
        self.id = await self.runtime.create_container(self.sandbox_id, config, sandbox)
        await self.runtime.start_container(self.id)
        return self

    async def write(self, text: str) -> None:
        """Write a log, and have it looked at a while later."""
        self.log.write_text(text)
        await self.clock.advance(10)
        await self.rotation.rotate()

    def names(self) -> list[str]:
        return sorted(entry.name for entry in self.log.parent.iterdir())

    async def once(self, names: list[str]) -> None:
        await until(lambda: self.names() == names, names, patience_s=10)


@pytest.fixture
async def logged(tmp_path: Path) -> Logged:
    return await Logged(tmp_path).start()


def stamp(logged: Logged) -> str:
    return logged.clock.now().strftime("%Y%m%d-%H%M%S")


async def test_a_small_log_is_left_alone(logged: Logged) -> None:
    await logged.write("x" * 99)
    assert logged.names() == ["0.log"] and logged.runtime.reopened == []


async def test_a_large_log_is_moved_aside_and_a_new_one_is_begun(logged: Logged) -> None:
    await logged.write("x" * 100)
    assert logged.names() == [f"0.log.{stamp(logged)}"]
    assert logged.runtime.reopened == [logged.id]


async def test_only_so_many_are_kept_and_the_older_ones_are_compressed(tmp_path: Path) -> None:
    logged = await Logged(tmp_path, container_log_monitor_s=1000.0).start()
    async with TaskScope() as scope:
        scope.start(logged.rotation.run(), name="log rotation")
        while logged.clock.next_due_s() is None:
            await asyncio.sleep(0)
        stamps = []
        for number in range(5):
            await logged.write(f"{number}" * 100)
            stamps.append(stamp(logged))
            if number:
                await logged.once([f"0.log.{stamps[-2]}.gz", f"0.log.{stamps[-1]}"])
    assert gzip.decompress((logged.log.parent / f"0.log.{stamps[-2]}.gz").read_bytes()) == b"3" * 100
    assert (logged.log.parent / f"0.log.{stamps[-1]}").read_text() == "4" * 100


async def test_a_log_gets_its_name_back_if_no_new_one_can_be_begun(logged: Logged) -> None:
    logged.runtime.fail("reopen_log", "UNKNOWN", "no")
    await logged.write("x" * 100)
    assert logged.names() == ["0.log"] and logged.log.read_text() == "x" * 100


async def test_a_log_that_a_killed_kubelet_had_moved_aside_is_begun_anew(logged: Logged) -> None:
    await logged.rotation.rotate()
    assert logged.runtime.reopened == [logged.id]


async def test_the_log_of_a_container_that_ended_stays(logged: Logged) -> None:
    logged.runtime.end_container(logged.id, 0)
    await logged.write("x" * 100)
    assert logged.names() == ["0.log"]


async def test_what_an_interrupted_compression_left_goes(logged: Logged) -> None:
    for name in ("0.log.20250101-000000", "0.log.20250101-000000.gz", "0.log.20250101-000001.tmp"):
        (logged.log.parent / name).write_text("half")
    await logged.write("x" * 100)
    assert logged.names() == ["0.log.20250101-000000.gz", f"0.log.{stamp(logged)}"]


async def test_a_negative_size_moves_nothing(tmp_path: Path) -> None:
    logged = await Logged(tmp_path).start()
    config = KubeletConfig(
        node_name="n1", address="192.0.2.1", root=tmp_path, log_root=tmp_path, container_log_max_bytes=-1
    )
    logged.log.write_text("x" * 1000)
    await LogRotation(logged.runtime, config, logged.clock).run()
    assert logged.names() == ["0.log"]


@pytest.mark.parametrize("wrong", [{"container_log_max_files": 1}, {"container_log_monitor_s": 0.0}])
def test_what_cannot_be_so_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        KubeletConfig(node_name="n1", address="192.0.2.1", root=tmp_path, log_root=tmp_path, **wrong)


def test_a_log_is_removed_with_all_of_it_and_no_other(tmp_path: Path) -> None:
    for name in ("1.log", "1.log.20250101-000000.gz", "1.log.20250101-000001", "1.log.20250101-000001.tmp", "11.log"):
        (tmp_path / name).touch()
    log_files.remove(tmp_path / "1.log")
    assert [entry.name for entry in tmp_path.iterdir()] == ["11.log"]


def test_a_file_that_goes_while_it_is_compressed_does_not_come_back(tmp_path: Path) -> None:
    path = tmp_path / "0.log.20250101-000000"
    with pytest.raises(FileNotFoundError):
        log_files.pack(path)
    assert list(tmp_path.iterdir()) == []
