import asyncio

import pytest

from bench.cluster import BenchError
from bench.patience import patience


async def test_what_was_waited_for_in_vain_is_told() -> None:
    with pytest.raises(BenchError, match=r"^waited 0 s in vain for a pod$"):
        async with patience(0, lambda: "a pod"):
            await asyncio.Event().wait()


async def test_an_error_of_what_was_waited_for_stays_as_it_is() -> None:
    with pytest.raises(TimeoutError, match="the network's own"):
        async with patience(60, lambda: "a pod"):
            raise TimeoutError("the network's own")
