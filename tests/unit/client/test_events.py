"""The event recorder: what it writes, and what it does when it cannot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from podbay.api.errors import AlreadyExists, Forbidden, NotFound
from podbay.client.events import EventRecorder, reference
from podbay.client.transport import TransportError
from podbay.lib.activity import Activity
from podbay.lib.clock import ManualClock
from podbay.lib.tasks import TaskScope
from tests.unit.client.scripted import ScriptedServer, pod


@asynccontextmanager
async def recorder(server: ScriptedServer, clock: ManualClock, activity: Activity) -> AsyncIterator[EventRecorder]:
    made = EventRecorder(server.rest(), clock, activity, component="kubelet", host="n1")
    async with TaskScope() as scope:
        scope.start(made.run(), name="events")
        yield made


async def told(*answers: Any, times: int = 1) -> ScriptedServer:
    server, clock, activity = ScriptedServer(*answers), ManualClock(), Activity()
    async with recorder(server, clock, activity) as events:
        for _ in range(times):
            events.event(pod("web"), "Normal", "Pulled", "done", field_path="spec.containers{c}")
        await activity.idle()
    return server


async def test_an_event_names_its_object_and_its_source() -> None:
    server = await told()
    assert server.lines == ["POST /api/v1/namespaces/default/events"]
    (event,) = server.bodies
    assert event["involvedObject"] == {
        "kind": "Pod",
        "apiVersion": "v1",
        "namespace": "default",
        "name": "web",
        "uid": "uid-web",
        "resourceVersion": "1",
        "fieldPath": "spec.containers{c}",
    }
    assert event["source"] == {"component": "kubelet", "host": "n1"}
    assert (event["type"], event["reason"], event["message"], event["count"]) == ("Normal", "Pulled", "done", 1)
    assert (event["firstTimestamp"], event["lastTimestamp"]) == ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    assert event["metadata"]["name"] == f"web.{1767225600 * 10**9:x}"


async def test_an_object_without_namespace_is_told_about_in_default() -> None:
    server, activity = ScriptedServer(), Activity()
    async with recorder(server, ManualClock(), activity) as events:
        events.event({"kind": "Node", "metadata": {"name": "n1"}}, "Normal", "Starting", "go")
        await activity.idle()
    assert server.lines == ["POST /api/v1/namespaces/default/events"]
    assert server.bodies[0]["involvedObject"] == {"kind": "Node", "name": "n1"}


async def test_an_equal_event_patches_the_first_one() -> None:
    server = await told(times=2)
    name = server.bodies[0]["metadata"]["name"]
    assert server.lines[1] == f"PATCH /api/v1/namespaces/default/events/{name}"
    assert server.bodies[1] == {"count": 2, "lastTimestamp": "2026-01-01T00:00:00Z", "message": "done"}


async def test_an_event_that_has_expired_is_told_anew_with_its_count() -> None:
    server = await told({}, NotFound.object("", "events", "x"), {}, times=2)
    assert [line.split()[0] for line in server.lines] == ["POST", "PATCH", "POST"]
    assert server.bodies[2]["count"] == 2


async def test_a_name_that_another_source_took_at_the_same_instant_is_changed() -> None:
    server = await told(AlreadyExists.object("", "events", "x"), {})
    names = [body["metadata"]["name"] for body in server.bodies]
    assert len(set(names)) == 2


async def test_two_events_of_one_instant_have_two_names() -> None:
    server, activity = ScriptedServer(), Activity()
    async with recorder(server, ManualClock(), activity) as events:
        events.event(pod("web"), "Normal", "Pulled", "a")
        events.event(pod("web"), "Normal", "Created", "b")
        await activity.idle()
    assert len({body["metadata"]["name"] for body in server.bodies}) == 2


async def test_what_the_server_refuses_is_dropped() -> None:
    server = await told(Forbidden("no"))
    assert len(server.lines) == 1


async def test_a_server_out_of_reach_is_tried_again_while_the_clock_moves() -> None:
    server, clock, activity = (
        ScriptedServer(TransportError("away"), TransportError("away"), {}),
        ManualClock(),
        Activity(),
    )
    async with recorder(server, clock, activity) as events:
        events.event(pod("web"), "Normal", "Pulled", "a")
        await activity.idle()
        assert len(server.lines) == 1
        await clock.advance(10)
        await clock.advance(10)
        await activity.idle()
    assert len(server.lines) == 3


async def test_a_lost_answer_makes_no_second_event() -> None:
    server, clock, activity = (
        ScriptedServer(TransportError("away"), AlreadyExists.object("", "events", "x")),
        ManualClock(),
        Activity(),
    )
    async with recorder(server, clock, activity) as events:
        events.event(pod("web"), "Normal", "Pulled", "a")
        await activity.idle()
        await clock.advance(10)
        await activity.idle()
    assert len(server.lines) == 2


async def test_telling_never_waits_and_drops_what_is_too_much(caplog: pytest.LogCaptureFixture) -> None:
    activity = Activity()
    events = EventRecorder(ScriptedServer().rest(), ManualClock(), activity, component="kubelet")
    for number in range(1100):
        events.event(pod(f"web-{number}"), "Normal", "Pulled", "a")
    assert activity.busy_with() == {"events": 1}
    running = asyncio.ensure_future(events.run())
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert activity.busy_with() == {}


def test_a_reference_leaves_out_what_is_unknown() -> None:
    assert reference({"kind": "Node", "metadata": {"name": "n1"}}) == {"kind": "Node", "name": "n1"}
