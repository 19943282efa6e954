import pytest

from podbay.kubelet.durations import go_duration


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
        (3662.5, "1h1m2.5s"),
    ],
)
def test_a_duration_reads_as_go_prints_it(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
