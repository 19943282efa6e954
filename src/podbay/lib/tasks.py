"""The only place that makes tasks which outlive the function that starts them.

``TaskScope`` is a TaskGroup for servers: a task that fails is logged and told to ``on_failure`` instead of
tearing down its siblings, and leaving the scope cancels and awaits whatever still runs.

Invariant: no task outlives its scope.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

_log = logging.getLogger(__name__)


class TaskScope:
    """Owns tasks. Use as ``async with TaskScope() as scope: scope.start(coroutine, name="...")``."""

    def __init__(self, on_failure: Callable[[BaseException], None] | None = None) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._on_failure = on_failure

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def start(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Run a coroutine in this scope and return its task."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel what still runs and wait for it."""
        while self._tasks:
            running = list(self._tasks)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            self._tasks.difference_update(running)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            _log.error("task %s failed", task.get_name(), exc_info=error)
            if self._on_failure is not None:
                self._on_failure(error)
