"""Durations as Go reads them."""

import re

import pytest

from podbay.wire.durations import parse_duration


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
