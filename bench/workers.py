"""Processes of the benchmark's own: load generators and bare servers, started, spoken to in JSON lines, and ended.

Takes a module and its arguments; gives what it prints, line by line. A process reads its task from its arguments,
prints one JSON value per line, and ends by itself or when its standard input closes.
Invariant: no worker outlives the block that it was started in.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.patience import patience

_LINE_BYTES: Final = 64 * 1024 * 1024
_PATIENCE_S: Final = 90.0


class Worker:
    """A process that answers in JSON lines."""

    def __init__(self, process: asyncio.subprocess.Process, module: str) -> None:
        self._process = process
        self._module = module

    @property
    def pid(self) -> int:
        """Return its pid."""
        return self._process.pid

    async def line(self, *, patience_s: float = _PATIENCE_S) -> Any:
        """Return the next value that it prints. Raises RuntimeError if it ended, BenchError."""
        assert self._process.stdout is not None
        async with patience(patience_s, lambda: f"an answer of {self._module}"):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a load process ended without an answer (exit code {await self._process.wait()})")
        return json.loads(line)

    def tell(self, text: str) -> None:
        """Write a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n".encode())


@asynccontextmanager
async def worker(module: str, task: Mapping[str, Any], environment: Mapping[str, str]) -> AsyncIterator[Worker]:
    """Run ``python -m MODULE TASK`` for as long as the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        json.dumps(task),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=dict(environment),
        limit=_LINE_BYTES,
    )
    try:
        yield Worker(process, module)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def measured(module: str, task: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    """Run a worker that prints one value and ends; return the value."""
    async with worker(module, task, environment) as running:
        return await running.line()
