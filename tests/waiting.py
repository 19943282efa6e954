"""Waiting on the real clock for what comes in its own time.

Takes a look at something, sync or async; gives what it saw once that is true. ``tests/e2e/harness.py`` has the same for
tests that are not async. Who moves the clock himself needs neither.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any


async def until(is_so: Callable[[], Any], told: object, *, patience_s: float = 20.0) -> Any:
    """Look until something is true, and return it; fail with what is ``told`` of it by then."""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                found = is_so()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.02)
    except TimeoutError as late:
        raise AssertionError(f"not so after {patience_s:.0f} s: {told}") from late
