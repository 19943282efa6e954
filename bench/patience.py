"""How long the benchmark waits for something, and what it says when that did not come.

Takes seconds and what is waited for, asked when the time is over; gives a block that ends by then.
Invariant: only the end of its own time is told as such; a TimeoutError of what is waited for stays what it is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from bench.cluster import BenchError


@contextlib.asynccontextmanager
async def patience(seconds: float, what: Callable[[], str]) -> AsyncIterator[None]:
    """Let the block take no longer. Raises BenchError."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise BenchError(f"waited {seconds:.0f} s in vain for {what()}") from None
