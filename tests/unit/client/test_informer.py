"""Reflector and informer: lists, watches, what they resume from and what they tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from podbay.api.errors import Expired, ServiceUnavailable
from podbay.api.resources import PODS
from podbay.client.informer import Informer
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from tests.unit.client.scripted import ScriptedServer, Watch, page, pod


class Story:
    """An informer, what its handler was told, and the world around it."""

    def __init__(self, *answers: Any) -> None:
        self.server = ScriptedServer(*answers)
        self.clock = ManualClock()
        self.activity = Activity()
        self.informer = Informer(self.server.rest(self.activity), PODS, self.clock, self.activity)
        self.told: list[tuple[str, str]] = []
        self.informer.on_change(self._tell)

    def _tell(self, old: Any, new: Any) -> None:
        before, after = (f"{o['metadata']['uid']}@{o['metadata']['resourceVersion']}" if o else "" for o in (old, new))
        self.told.append((before, after))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with TaskScope() as scope:
            scope.start(self.informer.run(), name="informer")
            await self.activity.idle()
            yield


async def test_a_list_and_its_watch_make_the_copy() -> None:
    story = Story(
        page(5, pod("a", 3)),
        Watch(("ADDED", pod("b", 6)), ("MODIFIED", pod("a", 7)), ("DELETED", pod("b", 8)), stays=True),
    )
    async with story.running():
        assert story.informer.synced.is_set()
        assert list(story.informer.objects) == ["default/a"]
        assert story.informer.revision == "8"
        assert story.activity.seen() == {"tester pods": 8}
    assert story.told == [("", "uid-a@3"), ("", "uid-b@6"), ("uid-a@3", "uid-a@7"), ("uid-b@8", "")]
    assert story.server.lines == [
        "GET /api/v1/pods",
        "GET /api/v1/pods?resourceVersion=5&allowWatchBookmarks=true&watch=true",
    ]
    assert story.activity.seen() == {}  # it does not follow any more


async def test_a_watch_that_ends_is_resumed_where_it_ended() -> None:
    story = Story(page(5), Watch(("ADDED", pod("a", 6))), Watch(stays=True))
    async with story.running():
        pass
    assert [line.split("resourceVersion=")[-1].split("&")[0] for line in story.server.lines[1:]] == ["5", "6"]


async def test_a_bookmark_moves_the_revision_and_is_not_told() -> None:
    bookmark = {"kind": "Pod", "metadata": {"resourceVersion": "50"}}
    story = Story(page(5), Watch(("BOOKMARK", bookmark), stays=True))
    async with story.running():
        assert story.informer.revision == "50"
    assert story.told == []


async def test_a_revision_that_is_gone_leads_to_a_list_whose_differences_are_told() -> None:
    story = Story(
        page(5, pod("a", 3), pod("b", 4), pod("c", 2)),
        Watch(("ERROR", Expired("too old resource version").as_status())),
        page(9, pod("a", 3), pod("b", 8)),
        Watch(stays=True),
    )
    async with story.running():
        pass
    assert story.told[3:] == [("uid-c@2", ""), ("uid-b@4", "uid-b@8")]
    assert story.server.lines[2] == "GET /api/v1/pods"


async def test_an_object_made_again_under_its_name_is_told_as_two_changes() -> None:
    story = Story(
        page(5, pod("a", 3)),
        Watch(("ERROR", Expired("gone").as_status())),
        page(9, pod("a", 8, uid="other")),
        Watch(stays=True),
    )
    async with story.running():
        pass
    assert story.told == [("", "uid-a@3"), ("uid-a@3", ""), ("", "other@8")]


async def test_a_server_that_is_away_is_asked_again_after_a_growing_pause() -> None:
    story = Story(
        TransportError("away"), ServiceUnavailable("starting"), TransportError("away"), page(5), Watch(stays=True)
    )
    async with story.running():
        assert len(story.server.lines) == 2  # the first failure is tried again at once
        assert story.activity.busy_with() == {}
        await story.clock.advance(0.3)
        await story.clock.advance(0.6)
        await story.activity.idle()
        assert story.informer.synced.is_set()


async def test_a_server_that_ends_every_watch_at_once_is_not_asked_without_a_pause() -> None:
    story = Story(page(5), Watch())
    async with story.running():
        asked = len(story.server.lines)
        assert asked <= 4
        await story.activity.idle()
        assert len(story.server.lines) == asked
        await story.clock.advance(60)
        assert asked < len(story.server.lines) < asked + 20


async def test_a_handler_that_fails_does_not_stop_the_others() -> None:
    story = Story(page(5, pod("a", 3)), Watch(stays=True))

    def fail(old: Any, new: Any) -> None:
        raise RuntimeError

    told: list[Any] = []
    story.informer.on_change(fail)
    story.informer.on_change(lambda old, new: told.append(new))
    async with story.running():
        pass
    assert len(told) == 1


async def test_a_handler_that_comes_later_is_told_what_there_is() -> None:
    story = Story(page(5, pod("a", 3)), Watch(stays=True))
    async with story.running():
        told: list[Any] = []
        story.informer.on_change(lambda old, new: told.append((old, new)))
        assert told == [(None, pod("a", 3))]
