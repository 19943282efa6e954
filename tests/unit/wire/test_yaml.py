"""YAML as kubectl reads and writes it; the expected texts and values are what kubectl 1.32 gave for the same input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podbay.wire import yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True),
        ("off", False),
        ("oN", "oN"),
        ("~", None),
        ("10:20", "10:20"),
        ("1:30.5", "1:30.5"),
        ("0777", 511),
        ("0o17", 15),
        ("08", 8),
        ("0x1F", 31),
        ("0b11", 3),
        ("0b2", "0b2"),
        ("1_000", 1000),
        ("_1", "_1"),
        ("+12", 12),
        ("1.", 1),
        (".5", 0.5),
        ("1e3", 1000),
        ("1e400", "1e400"),
        ("2020-01-01", "2020-01-01"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
        ("=", "="),
        ("<<", "<<"),
        ("1.2.3", "1.2.3"),
        ('"1"', "1"),
        ("!!str 1", "1"),
    ],
)
def test_a_plain_scalar_means_what_it_means_to_kubectl(text: str, value: object) -> None:
    (document,) = yaml.load_all(f"a: {text}\n")
    assert document == {"a": value}
    assert type(document["a"]) is type(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", '""'),
        ("y", '"y"'),
        ("10:20", '"10:20"'),
        ("0777", '"0777"'),
        ("2020-01-01T00:00:00Z", '"2020-01-01T00:00:00Z"'),
        ("2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43.10 -5"),
        ("1.2.3", "1.2.3"),
        ("1e400", "1e400"),
        ("-_1", '"-_1"'),
        ("=", "="),
        ("<<", "<<"),
        ("0o8", "0o8"),
        ("wait...", "wait..."),
        ("it's", "it's"),
        ("a: b", "'a: b'"),
        ("trail ", "'trail '"),
        ("tab\there", '"tab\\there"'),
        ("a\nb", "|-\n  a\n  b"),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\n\n", "|+\n  a\n"),
        ("\na", "|2-\n\n  a"),
        ("  a\nb", "|2-\n    a\n  b"),
        ("a \nb", '"a \\nb"'),
        (True, "true"),
        (1000, "1000"),
        (1.5, "1.5"),
        (2.0, "2"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
    ],
)
def test_a_value_is_written_as_kubectl_writes_it(value: object, text: str) -> None:
    assert yaml.dump({"a": value}) == f"a: {text}\n"


def test_a_long_text_is_folded_at_the_column_where_kubectl_folds_it() -> None:
    message = (
        "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
        " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    )
    assert yaml.dump({"data": {"f067": message}}) == (
        "data:\n"
        "  f067: '0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready:\n"
        "    }. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'\n"
    )


def test_keys_are_sorted_and_lists_are_flush_with_their_key() -> None:
    assert yaml.dump({"b": [{"y": 1, "x": 2}], "a": 1}) == 'a: 1\nb:\n- x: 2\n  "y": 1\n'


def test_keys_become_strings() -> None:
    assert list(yaml.load_all("1: a\ntrue: b\n1.5: c\n")) == [{"1": "a", "true": "b", "1.5": "c"}]


def test_anchors_and_merges_are_followed() -> None:
    (document,) = yaml.load_all("a: &x {b: 1}\nc:\n  <<: *x\n  d: 2\n")
    assert document["c"] == {"b": 1, "d": 2}


def test_empty_documents_are_skipped() -> None:
    assert list(yaml.load_all("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n")) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c\n", "yaml: line 1, column 5: mapping values are not allowed in this context"),
        ("a:\n\t- b", "yaml: line 2, column 1: found character that cannot start any token"),
        ("a: [1\n", "yaml: line 2, column 1: did not find expected ',' or ']'"),
        ("a: .inf", "json: unsupported value: +Inf"),
    ],
)
def test_broken_yaml_says_where(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="error converting YAML to JSON: ") as caught:
        list(yaml.load_all(text))
    assert str(caught.value) == f"error converting YAML to JSON: {message}"


_printable = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\x85\u2028\u2029\ufeff"))


@given(
    st.dictionaries(_printable, st.recursive(_printable | st.integers(-(2**63), 2**63 - 1) | st.booleans(), st.lists))
)
def test_what_is_dumped_reads_back_equal(value: object) -> None:
    assert list(yaml.load_all(yaml.dump(value))) == [value]
