"""Durations as Go reads and prints them."""

import re

import pytest

from podbay.wire.durations import go_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("2m0s", 120), ("1h30m", 5400), ("500ms", 0.5), ("-2.5s", -2.5), ("10us", 1e-5), ("1h0.5s", 3600.5),
        ("+5s", 5), (".5s", 0.5), ("1.s", 1), ("10μs", 1e-5),
    ],
)  # fmt: skip
def test_a_duration_is_so_long(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "invalid duration"),
        ("-", "invalid duration"),
        ("s", "invalid duration"),
        (".s", "invalid duration"),
        ("one", "invalid duration"),
        ("٣s", "invalid duration"),
        ("1s.", "invalid duration"),
        ("9999999h", "invalid duration"),
        ("5", "missing unit in duration"),
        ("1m2", "missing unit in duration"),
        ("1.5.2s", "missing unit in duration"),
        ("1x", 'unknown unit "x" in duration'),
        ("+1s2 m", 'unknown unit " m" in duration'),
    ],
)
def test_what_is_no_duration_is_told_in_gos_words(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'time: {told} "{text}"') + "$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0004, "0s"),
        (0.0099, "9ms"),
        (0.3, "300ms"),
        (1.0, "1s"),
        (1.2345, "1.234s"),
        (10.0, "10s"),
        (59.9999, "59.999s"),
        (60.0, "1m0s"),
        (300.0, "5m0s"),
        (3600.0, "1h0m0s"),
        (3662.5, "1h1m2.5s"),
    ],
)
def test_a_duration_reads_as_go_prints_it(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
