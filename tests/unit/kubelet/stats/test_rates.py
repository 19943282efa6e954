from podbay.kubelet.stats.rates import Rates
from tests.unit.kubelet.stats.samples import usage


def rate(rates: Rates, at: float, cpu_ns: int) -> int | None:
    found = rates.rated("/a", usage(at=at, cpu_ns=cpu_ns))
    assert found is not None
    return found.nano_cores


def test_a_rate_is_what_was_used_between_two_measurements() -> None:
    rates = Rates()
    assert rate(rates, 100.0, 0) is None
    assert rate(rates, 110.0, 5_000_000_000) == 500_000_000


def test_a_first_rate_takes_a_second_and_the_next_ones_ten() -> None:
    rates = Rates()
    assert [rate(rates, 100.0, 0), rate(rates, 100.5, 10**9)] == [None, None]
    assert rate(rates, 101.0, 10**9) == 10**9
    assert rate(rates, 103.0, 9 * 10**9) == 10**9  # too soon for another one
    assert rate(rates, 111.0, 11 * 10**9) == 10**9


def test_a_counter_that_went_back_starts_anew() -> None:
    rates = Rates()
    rate(rates, 100.0, 10**9)
    assert rate(rates, 110.0, 5) is None
    assert rate(rates, 120.0, 10_000_000_005) == 10**9


def test_a_cgroup_that_is_gone_is_forgotten() -> None:
    rates = Rates()
    rate(rates, 100.0, 0)
    rates.keep(())
    assert rate(rates, 110.0, 10**9) is None
    assert rates.rated("/gone", None) is None
