import pytest

from podbay.kubelet.probes.timing import next_tick_s


@pytest.mark.parametrize(
    ("anchor", "now", "not_before", "expected"),
    [(0, 0, 0, 10), (0, 3, 0, 7), (0, 10, 0, 10), (0, 3, 12, 17), (0, 3, 20, 17), (-4, 0, 0, 6), (5, 5, 5, 10)],
)
def test_a_probe_is_due_on_the_next_tick_after_now_and_its_delay(
    anchor: float, now: float, not_before: float, expected: float
) -> None:
    assert next_tick_s(anchor, 10, now, not_before) == pytest.approx(expected)
