"""The order between what is created in a namespace and the namespace's end.

Takes the names of namespaces from the verbs; lets creations in one go on beside each other, and a deletion of it only
between them. Invariant: whoever was admitted into a namespace has stored its object before the namespace is marked as
going, so that whoever empties it sees all there will ever be.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class NamespaceGates:
    """See the module. Nothing is kept for a namespace that nobody is at."""

    def __init__(self) -> None:
        self._inside: Counter[str] = Counter()
        self._closed: Counter[str] = Counter()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def creating(self, namespace: str) -> AsyncIterator[None]:
        """Hold a namespace's end back while something is created in it."""
        if self._closed[namespace]:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._closed[namespace])
        self._inside[namespace] += 1
        try:
            yield
        finally:
            await self._leave(self._inside, namespace)

    @asynccontextmanager
    async def closing(self, namespace: str) -> AsyncIterator[None]:
        """Wait for the creations in a namespace, and hold new ones back."""
        self._closed[namespace] += 1
        try:
            if self._inside[namespace]:
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._inside[namespace])
            yield
        finally:
            await self._leave(self._closed, namespace)

    async def _leave(self, count: Counter[str], namespace: str) -> None:
        count[namespace] -= 1
        if count[namespace]:
            return
        for counter in (self._inside, self._closed):
            if not counter[namespace]:
                del counter[namespace]
        async with self._changed:
            self._changed.notify_all()


class NamespaceTurns:
    """Lets one at a time do something in a namespace, in the order they came; nothing is kept when nobody is at it."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, namespace: str) -> AsyncIterator[None]:
        """Wait for one's turn, and have it."""
        lock = self._locks.setdefault(namespace, asyncio.Lock())
        self._users[namespace] += 1
        try:
            async with lock:
                yield
        finally:
            self._users[namespace] -= 1
            if not self._users[namespace]:
                del self._users[namespace], self._locks[namespace]
