"""What is dead goes, and nothing else: containers, sandboxes, and pods that nobody knows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from podbay.api.resources import EVENTS
from podbay.cri.runtime import Container, ContainerState
from podbay.kubelet.agent import Kubelet
from podbay.kubelet.config import KubeletConfig
from tests.unit.kubelet.support import MACHINE, NODE, House, house, pod


@pytest.fixture
async def home() -> AsyncIterator[House]:
    async with house() as made:
        yield made


async def test_the_runtime_keeps_the_last_two_incarnations_and_after_a_while_one(home: House) -> None:
    await home.run(pod(command=["false"]))
    await home.pass_time(155)
    assert sorted(c.attempt for c in await home.runtime.containers()) == [4, 5]
    before = await home.status()
    await home.pass_time(45)
    assert sorted(c.attempt for c in await home.runtime.containers()) == [5]
    assert await home.status() == before


async def test_a_superseded_sandbox_goes_once_nothing_is_in_it(home: House) -> None:
    await home.run(pod())
    [first] = await home.runtime.sandboxes()
    home.runtime.end_sandbox(first.id)
    await home.pass_time(1)
    assert len(await home.runtime.sandboxes()) == 2
    [new] = [s for s in await home.runtime.sandboxes() if s.ready]
    home.runtime.end_sandbox(new.id)
    await home.pass_time(130)
    sandboxes = await home.runtime.sandboxes()
    assert first.id not in [s.id for s in sandboxes]
    assert sorted(s.attempt for s in sandboxes) == [1, 2]


async def test_a_runtime_that_does_not_tell_what_it_has_is_told_of(home: House) -> None:
    await home.run(pod(command=["sleep", "50"]))
    home.runtime.fail("sandboxes", "UNKNOWN", "no", times=100)
    await home.pass_time(61)
    told = (await home.admin.list(EVENTS, namespace="default"))["items"]
    assert ("ContainerGCFailed", "rpc error: code = Unknown desc = no") in [(e["reason"], e["message"]) for e in told]


async def test_pods_deleted_while_no_kubelet_was_there_are_swept(home: House) -> None:
    await home.run(pod())
    await home.kill_kubelet()
    await home.delete(grace_s=0)
    await home.start_kubelet()
    assert await home.runtime.sandboxes() == [] and await home.runtime.containers() == []


async def test_the_runtime_is_swept_at_start_after_each_loss_and_twice_more_later(home: House) -> None:
    assert home.sweeps == 1
    await home.pass_time(20)
    assert home.sweeps == 2
    home.runtime.go_down()
    await home.pass_time(5)
    home.runtime.come_back()
    await home.pass_time(5)
    assert home.sweeps == 3
    await home.pass_time(10)
    assert home.sweeps == 4
    await home.pass_time(600)
    assert home.sweeps == 6  # the last one of the start, and the last one of the loss


async def test_nothing_is_touched_before_the_pods_were_heard(home: House) -> None:
    await home.run(pod())
    await home.kill_kubelet()
    await home.delete(grace_s=0)
    await home.start_kubelet(is_cut=True)
    swept = home.sweeps
    await home.pass_time(600)
    assert home.sweeps == swept
    assert [c.state for c in await home.runtime.containers()] == [ContainerState.RUNNING]
    assert [s.ready for s in await home.runtime.sandboxes()] == [True]
    home.link.is_cut = False
    await home.pass_time(60)
    assert await home.runtime.sandboxes() == []


async def test_a_container_that_was_superseded_takes_its_log_and_its_last_words_along(tmp_path: Path) -> None:
    made = House()
    config = KubeletConfig(node_name=NODE, address="192.0.2.1", root=tmp_path / "kubelet", log_root=tmp_path / "logs")
    kubelet = Kubelet(made.admin, made.runtime, config, made.clock, made.activity, MACHINE)
    logs = tmp_path / "logs" / "default_p_u" / "main"
    words = tmp_path / "kubelet" / "pods" / "u" / "containers" / "main"
    for directory in (logs, words):
        directory.mkdir(parents=True)
    for attempt in (0, 1):
        (logs / f"{attempt}.log").touch()
        (words / str(attempt)).touch()
    labels = {"io.kubernetes.pod.name": "p", "io.kubernetes.pod.namespace": "default", "io.kubernetes.pod.uid": "u"}
    first = Container(
        id="c", sandbox_id="s", name="main", attempt=0, state=ContainerState.EXITED, created_at=1, labels=labels
    )
    await kubelet.remover.remove_container("u", first)
    assert "remove_container" in made.runtime.calls
    assert [path.name for path in (*logs.iterdir(), *words.iterdir())] == ["1.log", "1"]
    await made.store.close()
