"""Times in bodies; the messages are those of Go's parser."""

import pytest

from podbay.api.schema.times import canonical_time


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z"),
        ("2025-12-31T18:30:00-05:30", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.999999999Z", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_written_in_utc_and_whole_seconds(text: str, canonical: str) -> None:
    assert canonical_time(text, micro=False) == canonical


def test_a_micro_time_has_six_digits() -> None:
    assert canonical_time("2026-01-01T01:00:00.000001+01:00", micro=True) == "2026-01-01T00:00:00.000001Z"


SECONDS = "2006-01-02T15:04:05Z07:00"
MICROS = "2006-01-02T15:04:05.000000Z07:00"


@pytest.mark.parametrize(
    ("text", "micro", "message"),
    [
        ("", False, f'parsing time "" as "{SECONDS}": cannot parse "" as "2006"'),
        ("yesterday", False, f'parsing time "yesterday" as "{SECONDS}": cannot parse "yesterday" as "2006"'),
        ("2026-01-01", False, f'parsing time "2026-01-01" as "{SECONDS}": cannot parse "" as "T"'),
        (
            "2026-01-01 00:00:00Z",
            False,
            f'parsing time "2026-01-01 00:00:00Z" as "{SECONDS}": cannot parse " 00:00:00Z" as "T"',
        ),
        (
            "2026-01-01T00:00:00",
            False,
            f'parsing time "2026-01-01T00:00:00" as "{SECONDS}": cannot parse "" as "Z07:00"',
        ),
        ("2026-13-01T00:00:00Z", False, 'parsing time "2026-13-01T00:00:00Z": month out of range'),
        ("2026-02-30T00:00:00Z", False, 'parsing time "2026-02-30T00:00:00Z": day out of range'),
        ("2026-01-01T24:00:00Z", False, 'parsing time "2026-01-01T24:00:00Z": hour out of range'),
        ("2026-01-01T00:00:00Zx", False, 'parsing time "2026-01-01T00:00:00Zx": extra text: "x"'),
        (
            "2026-01-01T00:00:00Z",
            True,
            f'parsing time "2026-01-01T00:00:00Z" as "{MICROS}": cannot parse "Z" as ".000000"',
        ),
    ],
)
def test_a_text_that_is_no_time_is_refused_in_gos_words(text: str, micro: bool, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        canonical_time(text, micro=micro)
    assert str(caught.value) == message
