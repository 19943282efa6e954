import pytest

from podbay.api.quantity import Quantity
from podbay.kubelet.eviction.thresholds import (
    DEFAULT_HARD,
    Amount,
    Observation,
    Threshold,
    crossed,
    observations,
    parse_thresholds,
    reserved,
)
from tests.unit.kubelet.stats.samples import sample, usage


def hard(signal: str, text: str, reclaim: str = "") -> Threshold:
    (found,) = parse_thresholds({signal: text}, {}, {}, {signal: reclaim} if reclaim else {})
    return found


def test_an_amount_is_a_quantity_or_a_share_of_what_there_is() -> None:
    assert hard("memory.available", "100Mi") == Threshold("memory.available", Amount(Quantity.parse("100Mi")))
    assert hard("nodefs.available", "10%").amount.of(1000) == Quantity.of(100)


def test_a_soft_threshold_has_a_grace_period() -> None:
    (found,) = parse_thresholds({}, {"memory.available": "1Gi"}, {"memory.available": "1m30s"}, {})
    assert (found.grace_s, found.is_hard) == (90.0, False)


@pytest.mark.parametrize("text", ["0%", "100%"])
def test_no_share_and_all_of_it_switch_a_threshold_off(text: str) -> None:
    assert parse_thresholds({"nodefs.available": text}, {"nodefs.available": text}, {}, {}) == ()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (({"cpu.available": "1"}, {}, {}, {}), "unsupported eviction signal cpu.available"),
        (({"memory.available": "-1"}, {}, {}, {}), "eviction threshold memory.available must be positive: -1"),
        (
            ({"memory.available": "120%"}, {}, {}, {}),
            "eviction percentage threshold memory.available must be <= 100%: 120%",
        ),
        (({"memory.available": "x%"}, {}, {}, {}), "invalid percentage x%"),
        (
            ({}, {"memory.available": "1Gi"}, {}, {}),
            "grace period must be specified for the soft eviction threshold memory.available",
        ),
        (
            ({}, {"memory.available": "1Gi"}, {"memory.available": "0s"}, {}),
            "invalid eviction grace period: 0s, must be a positive value",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(settings: tuple[dict[str, str], ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse_thresholds(*settings)


def test_a_threshold_is_crossed_below_it_and_not_at_it() -> None:
    threshold = hard("memory.available", "100", reclaim="50")
    for available, below, not_over in ((99, True, True), (100, False, True), (150, False, False)):
        seen = {"memory.available": Observation(available, 1000)}
        assert bool(crossed([threshold], seen)) is below
        assert bool(crossed([threshold], seen, with_reclaim=True)) is not_over


def test_what_was_not_measured_crosses_nothing() -> None:
    assert crossed([hard("imagefs.available", "99%")], {}) == []


def test_what_is_left_is_read_off_a_sample() -> None:
    seen = observations(sample(usage=usage(memory=3 << 30)))
    assert seen["memory.available"].available == 5 << 30
    assert seen["nodefs.available"].available == 60 << 30
    assert seen["imagefs.inodesFree"].available == 900_000
    assert seen["pid.available"].available == 32668
    assert "memory.available" not in observations(sample(usage=None))
    assert "imagefs.available" not in observations(sample(image_filesystem=None))


def test_hard_thresholds_keep_something_from_pods() -> None:
    thresholds = parse_thresholds(DEFAULT_HARD, {}, {}, {})
    assert reserved(thresholds, "memory.available", 8 << 30) == 100 << 20
    assert reserved(thresholds, "nodefs.available", 1000) == 100
    assert reserved(thresholds, "pid.available", 1000) == 0
