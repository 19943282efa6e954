"""Times on the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from podbay.wire.times import format_micro_time, format_nano_time, format_time, parse_time

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)


def test_a_time_has_whole_seconds_and_a_micro_time_six_digits() -> None:
    assert format_time(MOMENT) == "2026-01-02T03:04:05Z"
    assert format_micro_time(MOMENT) == "2026-01-02T03:04:05.678901Z"
    assert format_nano_time(1_767_322_800_999_999_999) == "2026-01-02T03:00:00Z"


def test_another_zone_is_written_in_utc() -> None:
    assert format_time(MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))) == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05.678901Z",
        "2026-01-02t03:04:05.678901z",
        "2026-01-02T08:34:05.678901+05:30",
        "2026-01-02T03:04:05.678901999Z",
    ],
)
def test_every_form_of_rfc_3339_is_read(text: str) -> None:
    assert parse_time(text) == MOMENT


@pytest.mark.parametrize(
    "text", ["", "2026-01-02", "2026-01-02 03:04:05Z", "2026-01-02T03:04:05", "2026-13-02T03:04:05Z"]
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)
