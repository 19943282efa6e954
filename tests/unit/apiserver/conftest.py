"""The API server under test, started and closed around each test."""

from collections.abc import AsyncIterator

import pytest

from tests.unit.apiserver.support import Api


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    served = Api()
    await served.server.start()
    yield served
    await served.close()
