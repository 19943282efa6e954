import pytest

from podbay.api.quantity import FORMAT_WRONG, Quantity, canonical


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1", "1"), ("1000m", "1"), ("0.5", "500m"), (".5", "500m"), ("1.", "1"), ("1500m", "1500m"), ("2000", "2k"),
        ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("100Mi", "100Mi"), ("1023", "1023"), ("0.1Ki", "102400m"),
        ("1e3", "1e3"), ("12e6", "12e6"), ("1E", "1E"), ("1Ei", "1Ei"), ("100E-3", "100e-3"), ("0Mi", "0"),
        ("1u", "1u"), ("0.1n", "1n"), ("-0.1n", "-1n"), ("-5", "-5"), ("123456789", "123456789"), (2, "2"),
        (0.25, "250m"), (" 1 ", "1"),
    ],
)  # fmt: skip
def test_a_quantity_is_written_back_in_its_canonical_form(written: str | int | float, stored: str) -> None:
    assert canonical(written) == stored


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", FORMAT_WRONG),
        ("abc", FORMAT_WRONG),
        ("1x", FORMAT_WRONG),
        ("1.1.1", FORMAT_WRONG),
        ("--1", FORMAT_WRONG),
        ("1\n\n2", FORMAT_WRONG),
        ("1Kii", "unable to parse quantity's suffix"),
        ("1e9999999999", "unable to parse quantity's suffix"),
    ],
)
def test_what_is_no_quantity_is_refused_in_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Quantity.parse(text)
    assert str(caught.value) == message


def test_whole_units_and_thousandths_round_away_from_zero() -> None:
    assert (Quantity.parse("1001u").milli, Quantity.parse("1m").value) == (2, 1)
    assert (Quantity.parse("-1001u").milli, Quantity.parse("-1500m").value) == (-2, -2)


def test_two_spellings_of_one_amount_are_equal_and_hash_alike() -> None:
    assert Quantity.parse("1Gi") == Quantity.parse("1024Mi") == Quantity.parse(2**30)
    assert len({Quantity.parse("1"), Quantity.parse("1000m")}) == 1
    assert Quantity.parse("999m") < Quantity.parse("1") <= Quantity.parse("1k")


def test_sums_are_exact_and_keep_the_first_ones_suffix() -> None:
    assert str(sum((Quantity.parse("100m") for _ in range(10)), Quantity.of(0))) == "1"
    assert str(Quantity.parse("0") + Quantity.parse("1Gi")) == "1Gi"
    assert str(Quantity.parse("1Gi") - Quantity.parse("512Mi")) == "512Mi"
    assert str(-Quantity.of_milli(1500)) == "-1500m"


def test_a_binary_amount_is_capped_where_upstream_caps_it() -> None:
    assert Quantity.parse("100Ei").value == 2**63 - 1


def test_resources_finer_than_thousandths_are_stored_rounded_up() -> None:
    assert str(Quantity.parse("1500u").rounded_up_to_milli()) == "2m"
