import pytest

from podbay.api.selectors import (
    LabelSelector,
    matches_node_selector_terms,
    parse_field_selector,
    parse_label_selector,
)


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("", {}, True),
        ("env in (prod,devel)", {"env": "devel"}, True),
        ("env in (prod,devel)", {"env": "test"}, False),
        ("env notin (prod,devel)", {}, True),
        ("env notin (prod)", {"env": "prod"}, False),
        ("env", {"env": ""}, True),
        ("!env", {"env": ""}, False),
        ("env==prod,tier!=web", {"env": "prod"}, True),
        ("env=prod,tier!=web", {"env": "prod", "tier": "web"}, False),
        ("env=", {"env": ""}, True),
        ("x in (foo,,baz)", {"x": ""}, True),
        ("size>4", {"size": "5"}, True),
        ("size<4", {"size": "5"}, False),
        ("size>4", {"size": "big"}, False),
        ("in in (in, notin)", {"in": "notin"}, True),
        ("creation_method=manual", {"creation_method": "manual", "env": "prod"}, True),
    ],
)
def test_a_label_selector_selects(selector: str, labels: dict[str, str], selected: bool) -> None:
    assert parse_label_selector(selector).matches(labels) is selected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("a in b", "unable to parse requirement: found 'b' expected: '('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a,", "found '', expected: identifier after ','"),
        (
            "x>a",
            "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value "
            "must be an integer",
        ),
        (
            "a=b_",
            'unable to parse requirement: values[0][a]: Invalid value: "b_": a valid label must be an empty string or '
            "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
            "character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
            "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
        ),
    ],
)
def test_a_label_selector_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_label_selector(text)
    assert str(caught.value) == message


def test_a_selectors_text_reads_back_as_the_same_selector() -> None:
    text = "!c,a in (x,y),b=1,d,e notin (z),f>3"
    assert parse_label_selector(str(parse_label_selector(text))) == parse_label_selector(text)


def test_a_missing_label_selector_object_selects_nothing_and_an_empty_one_everything() -> None:
    assert not LabelSelector.of_object(None).matches({"a": "b"})
    assert LabelSelector.of_object({}).matches({})
    selector = {"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "DoesNotExist"}]}
    assert LabelSelector.of_object(selector).matches({"a": "b"})
    assert not LabelSelector.of_object(selector).matches({"a": "b", "c": ""})


def test_a_field_selector_compares_and_unescapes() -> None:
    selector = parse_field_selector("status.phase!=Running,metadata.name=a\\,b")
    assert selector.matches({"metadata.name": "a,b", "status.phase": "Pending"})
    assert not selector.matches({"metadata.name": "a,b", "status.phase": "Running"})
    assert selector.required("metadata.name") == "a,b"
    assert selector.required("status.phase") is None
    assert str(selector) == "metadata.name=a\\,b,status.phase!=Running"
    assert not parse_field_selector("")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=\\x", "invalid field selector: invalid escape sequence: \\x"),
        ("a=b=c", "invalid field selector: unescaped character in value: 61"),
    ],
)
def test_a_field_selector_that_cannot_be_read_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_field_selector(text)
    assert str(caught.value) == message


def test_node_selector_terms_are_alternatives_and_an_empty_one_selects_no_node() -> None:
    labels, fields = {"gpu": "true", "cores": "8"}, {"metadata.name": "n1"}
    on_gpu = {"matchExpressions": [{"key": "gpu", "operator": "In", "values": ["true"]}]}
    many = {"matchExpressions": [{"key": "cores", "operator": "Gt", "values": ["16"]}]}
    named = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}
    assert matches_node_selector_terms([many, on_gpu], labels, fields)
    assert not matches_node_selector_terms([many], labels, fields)
    assert matches_node_selector_terms([named], labels, fields)
    assert not matches_node_selector_terms([on_gpu | {"matchFields": named["matchFields"]}], labels, {})
    assert not matches_node_selector_terms([{}], labels, fields)
    assert not matches_node_selector_terms([], labels, fields)
