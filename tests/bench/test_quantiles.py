import pytest

from bench.quantiles import median, paired_ratio, quantile


def test_p99_of_two_hundred_is_the_second_highest_but_one() -> None:
    assert quantile(list(range(1, 201)), 0.99) == 198


def test_the_quantile_of_one_value_is_that_value() -> None:
    assert quantile([3.0], 0.99) == 3.0


def test_nothing_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        median([])


def test_a_ratio_of_pairs_does_not_see_a_drift_that_both_share() -> None:
    assert paired_ratio([2, 20, 200], [1, 10, 100]) == 2
