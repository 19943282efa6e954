"""Delays after failures in a row: doubling, bounded, and spread if asked."""

from hypothesis import given
from hypothesis import strategies as st

from podbay.lib.backoff import Backoff


def test_delays_double_up_to_the_cap() -> None:
    backoff = Backoff(base_s=10, cap_s=300)
    assert [backoff.delay_s(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_no_failure_is_no_delay() -> None:
    assert Backoff(base_s=1, cap_s=2).delay_s(0) == Backoff(base_s=1, cap_s=2).delay_s(-1) == 0


@given(failures=st.integers(1, 10**9))
def test_no_number_of_failures_is_too_many(failures: int) -> None:
    assert Backoff(base_s=0.005, cap_s=1000).delay_s(failures) <= 1000


@given(failures=st.integers(1, 100), jitter=st.floats(0, 1))
def test_jitter_adds_at_most_its_part(failures: int, jitter: float) -> None:
    plain = Backoff(base_s=0.2, cap_s=15).delay_s(failures)
    assert plain <= Backoff(base_s=0.2, cap_s=15, jitter=jitter).delay_s(failures) <= plain * (1 + jitter)
