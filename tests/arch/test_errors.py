"""Every error has somebody who answers for it: a Status for the API's user, words for the command line's."""

import ast
import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import podbay
from podbay.api import errors
from podbay.api.errors import AlreadyExists, Conflict, Expired, NotFound, ServiceUnavailable, StatusError, Timeout
from podbay.api.resources import CONFIG_MAPS
from podbay.apiserver.storage.objects import Objects
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.store import errors as store_errors
from podbay.store.errors import StoreError
from podbay.store.interface import KeyValue, Range, Revision
from podbay.store.memory import MemoryStore
from tests.arch.tree import package

# What a store's error becomes, by the operation that meets it. A watcher that was too slow is no user's matter: the
# cache follows anew from the revision that it has.
ANSWERS: dict[str, dict[str, type[StatusError] | None]] = {
    "KeyExists": {"create": AlreadyExists},
    "KeyNotFound": {"update": NotFound, "delete": NotFound},
    "RevisionMismatch": {"update": Conflict, "delete": Conflict},
    "Compacted": {"range_at": Expired},
    "FutureRevision": {"range_at": Timeout},
    "StoreUnavailable": {
        "create": ServiceUnavailable, "update": ServiceUnavailable, "delete": ServiceUnavailable,
        "range_at": ServiceUnavailable, "fresh": ServiceUnavailable,
    },
    "WatcherTooSlow": {"follow": None},
}  # fmt: skip


class FailingStore(MemoryStore):
    """Fails once with what it is told, whatever it is asked for."""

    failure: StoreError | None = None

    async def current_revision(self) -> Revision:
        self._fail()
        return await super().current_revision()

    async def range(self, start: str, end: str, *, limit: int = 0, revision: Revision | None = None) -> Range:
        self._fail()
        return await super().range(start, end, limit=limit, revision=revision)

    async def put(self, key: str, value: bytes, *, expected: Revision, ttl_s: float | None = None) -> KeyValue:
        self._fail()
        return await super().put(key, value, expected=expected, ttl_s=ttl_s)

    async def delete(self, key: str, *, expected: Revision) -> tuple[KeyValue, Revision]:
        self._fail()
        return await super().delete(key, expected=expected)

    def cut_watchers_off(self) -> None:
        for watch in list(self._watchers._watches):
            watch.fail(store_errors.WatcherTooSlow("told so"))
            self._watchers.remove(watch)

    def _fail(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


def of_class(base: type[Exception]) -> Iterator[type[Exception]]:
    for found in base.__subclasses__():
        yield found
        yield from of_class(found)


def config_map(name: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "namespace": "default"}}


def test_every_reason_is_a_class_that_a_client_gets_back() -> None:
    for kind in of_class(StatusError):
        assert issubclass(kind, StatusError)
        received = StatusError.of({"kind": "Status", "reason": kind.reason, "code": kind.code, "message": "m"})
        assert type(received) is kind
        assert kind.__name__ in (errors.__doc__ or "") and str(kind.code) in (errors.__doc__ or "")
        assert kind.reason == kind.__name__


def test_every_error_of_the_store_has_an_answer() -> None:
    assert sorted(kind.__name__ for kind in of_class(StoreError)) == sorted(ANSWERS)
    assert [name for name in ANSWERS if name not in (store_errors.__doc__ or "")] == []


@pytest.mark.parametrize(
    ("failure", "operation", "answer"),
    [
        (failure, operation, answer)
        for failure, answers in ANSWERS.items()
        for operation, answer in answers.items()
        if answer is not None
    ],
)
async def test_an_error_of_the_store_becomes_a_status(failure: str, operation: str, answer: type[StatusError]) -> None:
    clock = ManualClock()
    store = FailingStore(clock)
    objects = Objects(store, clock, Activity())
    await objects.cache.start()
    old = await objects.create(CONFIG_MAPS, config_map("old"))
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "create": lambda: objects.create(CONFIG_MAPS, config_map("new")),
        "update": lambda: objects.update(CONFIG_MAPS, old, {**config_map("old"), "data": {"a": "b"}}),
        "delete": lambda: objects.delete(CONFIG_MAPS, old),
        "range_at": lambda: objects.range_at(CONFIG_MAPS, "/a", "/b", 1, Revision(1)),
        "fresh": lambda: objects.fresh(),
    }
    store.failure = getattr(store_errors, failure)("told so")
    with pytest.raises(answer):
        await calls[operation]()
    await objects.cache.close()
    await store.close()


async def test_the_cache_follows_anew_when_the_store_cut_it_off() -> None:
    clock = ManualClock()
    store = FailingStore(clock)
    objects = Objects(store, clock, Activity())
    await objects.cache.start()
    store.cut_watchers_off()
    await objects.create(CONFIG_MAPS, config_map("later"))
    assert objects.cache.failed is None
    assert [entry.name for entry in objects.cache.of(CONFIG_MAPS).entries.values()] == ["later"]
    await objects.cache.close()
    await store.close()


def test_every_error_that_we_define_is_caught_by_name_somewhere() -> None:
    """An error that only ``except Exception`` would meet is a bug's report, not an answer."""
    caught = {
        name.rpartition(".")[2]
        for module in package()
        for handler in ast.walk(module.tree)
        if isinstance(handler, ast.ExceptHandler) and handler.type is not None
        for name in (ast.unparse(part) for part in parts(handler.type))
    }
    caught |= {
        ast.unparse(argument).rpartition(".")[2]
        for module in package()
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "contextlib.suppress"
        for argument in call.args
    }
    for module in pkgutil.walk_packages(podbay.__path__, "podbay."):
        if module.name != "podbay.__main__":
            importlib.import_module(module.name)
    ours = {kind for kind in of_class(Exception) if kind.__module__.startswith("podbay.")}
    assert len(ours) > 25
    forgotten = [kind for kind in ours if not {base.__name__ for base in kind.__mro__} & (caught - {"Exception"})]
    assert forgotten == []


def parts(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.Tuple):
        return node.elts
    if isinstance(node, ast.BinOp):
        return [*parts(node.left), *parts(node.right)]
    return [node]
