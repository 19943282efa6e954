"""What a containerd that is killed in the middle of its work leaves behind, and that it is removed."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from podbay.cri.client import CriRuntime
from podbay.cri.runtime import ContainerConfig, ContainerState, RuntimeFailure, SandboxConfig
from podbay.lib.clock import RealClock
from podbay.standalone.leftovers import ContainerdPlace, sweep_leftovers
from podbay.standalone.machine import oci_runtime_path
from tests.e2e.containerd import BUSYBOX, PrivateContainerd, private_containerd
from tests.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def containerd() -> Iterator[PrivateContainerd]:
    with private_containerd() as containerd:
        yield containerd


def traces(containerd: PrivateContainerd) -> dict[str, int]:
    """Count what there is of this containerd's sandboxes."""
    state = containerd.directory / "state"
    shims = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
        except OSError:
            continue
        shims += "containerd-shim" in words[0] and str(containerd.socket) in words
    tasks = state / "io.containerd.runtime.v2.task" / "k8s.io"
    netns = state / "io.containerd.grpc.v1.cri" / "netns"
    addresses = containerd.directory / "addresses" / containerd.bridge
    links = subprocess.run(["ip", "-o", "link", "show", "master", containerd.bridge], capture_output=True, text=True)
    return {
        "shims": shims,
        "tasks": len(list(tasks.iterdir())) if tasks.is_dir() else 0,
        "netns": len(list(netns.iterdir())) if netns.is_dir() else 0,
        "addresses": len([a for a in addresses.iterdir() if a.name[0].isdigit()]) if addresses.is_dir() else 0,
        "links": len(links.stdout.splitlines()),
    }


async def swept(
    containerd: PrivateContainerd, place: ContainerdPlace, known: frozenset[str], wanted: dict[str, int]
) -> None:
    """Sweep until there is what there should be: a killed shim takes a moment to be gone, or to come at all."""
    removed: list[str] = []
    left: dict[str, int] = {}

    async def is_clean() -> bool:
        removed.extend(await asyncio.to_thread(sweep_leftovers, place, known))
        left.update(traces(containerd))
        return left == wanted

    await until(is_clean, {"left": left, "removed": removed}, patience_s=10)


async def test_kills_in_the_middle_leave_nothing_and_touch_nothing_that_runs(containerd: PrivateContainerd) -> None:
    runtime = CriRuntime(str(containerd.socket), RealClock())
    kept_config = SandboxConfig(name="kept", namespace="n", uid="kept", cgroup_parent=f"/{containerd.bridge}/kept")
    kept = await runtime.run_sandbox(kept_config)
    config = ContainerConfig(name="main", image=BUSYBOX, command=["sleep", "1000"])
    container = await runtime.create_container(kept, config, kept_config)
    await runtime.start_container(container)
    before = traces(containerd)
    assert before == {"shims": 1, "tasks": 2, "netns": 1, "addresses": 1, "links": 1}
    left_any = False
    for number in range(8):
        name = f"torn-{number}"
        made = asyncio.ensure_future(
            runtime.run_sandbox(
                SandboxConfig(name=name, namespace="n", uid=name, cgroup_parent=f"/{containerd.bridge}/{name}")
            )
        )
        await asyncio.wait({made}, timeout=0.02 + 0.015 * number)  # the kill comes at another moment each time
        await asyncio.to_thread(containerd.kill)
        with pytest.raises(RuntimeFailure):
            await made
            raise RuntimeFailure("UNKNOWN", "it was made in time")
        await asyncio.to_thread(containerd.start)
        for sandbox in await runtime.sandboxes():
            if sandbox.id != kept:
                await runtime.stop_sandbox(sandbox.id)
                await runtime.remove_sandbox(sandbox.id)
        known = {s.id for s in await runtime.sandboxes()} | {c.id for c in await runtime.containers()}
        left_any = left_any or traces(containerd) != before
        place = ContainerdPlace(
            state=containerd.directory / "state",
            socket=containerd.socket,
            addresses=containerd.directory / "addresses",
            pid=containerd.pid,
            oci_runtime=oci_runtime_path(),
            cgroup=f"/{containerd.bridge}",
            patience_s=120.0,
        )
        await swept(containerd, place, frozenset(known), before)
    assert left_any, "no kill left anything behind: the test tries nothing"
    assert (await runtime.container_status(container)).state is ContainerState.RUNNING
    await runtime.close()
