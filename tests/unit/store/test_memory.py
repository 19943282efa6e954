from typing import Any

import pytest

from podbay.lib.clock import ManualClock
from podbay.store.interface import Store
from podbay.store.memory import MemoryStore
from tests.suites.store import OpenStore, StoreSuite


class TestMemoryStore(StoreSuite):
    @pytest.fixture
    def open_store(self, clock: ManualClock) -> OpenStore:
        async def open_it(**options: Any) -> Store:
            return MemoryStore(clock, **options)

        return open_it
