"""Durations as Go reads them."""

import pytest

from podbay.wire.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("2m0s", 120), ("1h30m", 5400), ("500ms", 0.5), ("-2.5s", -2.5), ("10us", 1e-5), ("1h0.5s", 3600.5)],
)
def test_a_duration_is_so_long(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-", "5", "s", "1x", ".s", "1m2", "one"])
def test_what_is_no_duration_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=f'time: invalid duration "{text}"'):
        parse_duration(text)
