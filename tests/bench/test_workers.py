import asyncio

import pytest

from bench.cluster import BenchError
from bench.workers import Worker


async def test_a_worker_that_says_nothing_is_told_by_its_module() -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
    try:
        with pytest.raises(BenchError, match=r"^waited 0 s in vain for an answer of bench\.silent$"):
            await Worker(process, "bench.silent").line(patience_s=0)
    finally:
        process.kill()
        await process.wait()
