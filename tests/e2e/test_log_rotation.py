"""Logs of real containers: they are moved aside when they are large, and nobody who follows misses a line."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podbay.kubelet import log_files
from podbay.kubelet.server.logs import LogOptions, read_log
from tests.e2e.containerd import PrivateContainerd
from tests.e2e.node import Node, one_node, shell
from tests.waiting import until

_MOST_FILES = 3
_MAX_BYTES = 50_000
_LINES = 12_000
_SLOWLY = f'n=0; while [ $n -lt {_LINES} ]; do echo "line $n"; n=$((n+1)); [ $((n % 200)) = 0 ] && sleep 0.1; done'


@pytest.fixture
async def small(containerd: PrivateContainerd) -> AsyncIterator[Node]:
    settings: dict[str, Any] = {
        "container_log_max_bytes": _MAX_BYTES,
        "container_log_max_files": _MOST_FILES,
        "container_log_monitor_s": 0.5,
    }
    async with one_node(containerd, **settings) as node:
        yield node


async def log_of(node: Node, name: str) -> Path:
    root = node.directory / "pods"
    found: Path = await until(lambda: next(root.glob(f"default_{name}_*/main/0.log"), None), "the log is there")
    return found


async def test_who_follows_gets_every_line_once_and_in_order(small: Node) -> None:
    await small.create(shell(_SLOWLY), name="counts", restartPolicy="Never")
    log = await log_of(small, "counts")
    container = log.parent
    found = b""
    options = LogOptions(follow=True)

    def is_over() -> bool:
        seen = [c for c in small.kubelet.pods() if (c.get("status") or {}).get("phase") == "Succeeded"]
        return bool(seen)

    async with asyncio.timeout(60):
        async for chunk in read_log(log, options, small.clock, is_over):
            found += chunk
    assert found.decode().splitlines() == [f"line {n}" for n in range(_LINES)]
    assert log_files.older(log), "no log was moved aside"
    assert len(list(container.iterdir())) <= _MOST_FILES
    await small.delete("counts")


async def test_a_container_that_writes_without_end_keeps_its_few_files(small: Node) -> None:
    await small.create(
        shell("trap 'exit 0' TERM; while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"),
        name="endless",
    )
    log = await log_of(small, "endless")
    seen: set[str] = set()

    def has_gone_on() -> bool:
        there = {path.name.removesuffix(".gz") for path in log.parent.iterdir() if path.suffix != ".tmp"}
        assert len(there) <= _MOST_FILES, there
        seen.update(there)
        return len(seen) >= 3 * _MOST_FILES

    await until(has_gone_on, seen, patience_s=30)
    await small.delete("endless")
    await until(lambda: not log.parent.exists(), "the logs go with the pod")
