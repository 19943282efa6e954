"""Counting, combining and holding back events."""

from typing import Any

from podbay.client.event_correlation import Correlator


def event(message: str = "m", name: str = "web.1", **changes: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "default"},
        "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web", "uid": "u"},
        "source": {"component": "kubelet", "host": "n1"},
        "type": "Normal",
        "reason": "Pulled",
        "message": message,
        "firstTimestamp": "t1",
        "lastTimestamp": "t1",
        "count": 1,
        **changes,
    }


def test_an_event_that_was_never_told_is_new() -> None:
    told = Correlator().correlate(event(), 0)
    assert told is not None
    assert (told.event, told.changes) == (event(), None)


def test_an_equal_event_counts_the_first_one_up() -> None:
    correlator = Correlator()
    correlator.correlate(event(), 0)
    for count in (2, 3):
        told = correlator.correlate(event(name=f"web.{count}", firstTimestamp="t9", lastTimestamp=f"t{count}"), 1)
        assert told is not None
        assert told.changes == {"count": count, "lastTimestamp": f"t{count}", "message": "m"}
        assert (told.event["metadata"]["name"], told.event["firstTimestamp"]) == ("web.1", "t1")


def test_equal_events_are_one_however_long_ago() -> None:
    correlator = Correlator()
    correlator.correlate(event(), 0)
    told = correlator.correlate(event(name="web.2"), 100_000)
    assert told is not None
    assert told.event["count"] == 2


def test_the_field_tells_events_apart() -> None:
    correlator = Correlator()
    correlator.correlate(event(), 0)
    other = event(name="web.2")
    other["involvedObject"] = {**other["involvedObject"], "fieldPath": "spec.containers{web}"}
    told = correlator.correlate(other, 0)
    assert told is not None
    assert told.changes is None


def test_from_the_tenth_message_on_similar_events_are_combined() -> None:
    correlator = Correlator()
    messages = []
    for number in range(12):
        told = correlator.correlate(event(f"message {number}", f"web.{number}"), 1)
        assert told is not None
        messages.append((told.event["message"], told.event["metadata"]["name"], told.event["count"]))
    assert messages[8:] == [
        ("message 8", "web.8", 1),
        ("(combined from similar events): message 9", "web.9", 1),
        ("(combined from similar events): message 10", "web.9", 2),
        ("(combined from similar events): message 11", "web.9", 3),
    ]


def test_events_further_apart_than_ten_minutes_are_not_combined() -> None:
    correlator = Correlator()
    for number in range(12):
        told = correlator.correlate(event(f"message {number}", f"web.{number}"), number * 601.0)
        assert told is not None
        assert told.event["message"] == f"message {number}"


def test_after_a_burst_of_25_one_event_is_told_every_five_minutes() -> None:
    correlator = Correlator()
    told = [correlator.correlate(event(), 0) is not None for _ in range(27)]
    assert told == [True] * 25 + [False] * 2
    assert correlator.correlate(event(), 299) is None
    later = correlator.correlate(event(), 301)
    assert later is not None
    assert later.event["count"] == 29  # what was held back is counted


def test_another_object_has_a_burst_of_its_own() -> None:
    correlator = Correlator()
    for _ in range(30):
        correlator.correlate(event(), 0)
    other = event()
    other["involvedObject"] = {**other["involvedObject"], "uid": "v"}
    assert correlator.correlate(other, 0) is not None


def test_a_renamed_event_is_found_by_its_new_name() -> None:
    correlator = Correlator()
    told = correlator.correlate(event(), 0)
    assert told is not None
    assert correlator.renamed(told.event, "web.9")["metadata"]["name"] == "web.9"
    again = correlator.correlate(event(), 0)
    assert again is not None
    assert again.event["metadata"]["name"] == "web.9"
