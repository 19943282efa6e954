"""JSON as bytes."""

import pytest

from podbay.wire import json


def test_what_is_encoded_reads_back_equal_and_in_order() -> None:
    value = {"b": 1, "a": [True, None, 1.5, "é"], "c": {}}
    assert json.encode(value) == '{"b":1,"a":[true,null,1.5,"é"],"c":{}}'.encode()
    assert list(json.decode(json.encode(value))) == ["b", "a", "c"]


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"a":}', b"\xff", b'{"a":1}x', b"[" * 100_000, b"NaN", b'{"a":Infinity}']
)
def test_broken_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        json.decode(data)
    with pytest.raises(ValueError):
        json.decode_with_duplicates(data)


def test_repeated_fields_are_told_by_path_and_the_last_one_wins() -> None:
    value, repeated = json.decode_with_duplicates(
        b'{"kind":"Pod","spec":{"a":1,"a":2,"containers":[{},{"image":"x","image":"y"}]},"kind":"Node"}'
    )
    assert value == {"kind": "Node", "spec": {"a": 2, "containers": [{}, {"image": "y"}]}}
    assert repeated == ["kind", "spec.a", "spec.containers[1].image"]


def test_without_repeated_fields_nothing_is_told() -> None:
    assert json.decode_with_duplicates(b'{"a":{"b":1},"c":{"b":1}}') == ({"a": {"b": 1}, "c": {"b": 1}}, [])


def test_no_key_is_taken_for_a_sign() -> None:
    data = b'{"\\u0000duplicates":5,"a":1}'
    assert json.decode_with_duplicates(data) == ({"\0duplicates": 5, "a": 1}, [])


def test_an_object_that_another_replaced_is_not_told() -> None:
    value, repeated = json.decode_with_duplicates(b'{"a":{"x":1,"x":2},"a":{"y":1}}')
    assert (value, repeated) == ({"a": {"y": 1}}, ["a"])


def test_halves_of_surrogate_pairs_become_gos_mark_and_whole_pairs_stay() -> None:
    text = rb'{"a":"\ud800","\udc00":["\ud83d\ude00","\uD800x"],"b":"\xff"}'
    value, _ = json.decode_with_duplicates(text.replace(rb"\xff", b"\xff"))
    assert value == {"a": "\ufffd", "\ufffd": ["\U0001f600", "\ufffdx"], "b": "\ufffd"}
    assert json.decode(json.encode(value)) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xef\xbb\xbf{}", "invalid character '\ufeff' looking for beginning of value"),
        (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        (b'{"a":[1 2]}', "invalid character '2' after array element"),
        (b"{} x", "invalid character 'x' after top-level value"),
        (b'{"a":"\n"}', "invalid character '\\n' in string literal"),
        (rb'{"a":"\q"}', "invalid character 'q' in string escape code"),
        (b'{"a":"b', "unexpected end of JSON input"),
        (b'{"a":', "unexpected end of JSON input"),
    ],
)
def test_what_is_no_json_is_told_in_gos_words(text: bytes, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        json.decode_with_duplicates(text)
    assert str(refused.value) == message


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "_engine", None)
    monkeypatch.setattr(json, "_is_light", False)
    json.be_light()


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("value", [{}, [1, -2, 1.5, True, None], {"é": "\u2028\n<&>"}, {"a": {"b": ["x" * 1000]}}])
def test_a_light_reader_and_writer_do_the_same(value: object) -> None:
    written = json.encode(value)
    assert json.decode(written) == value
    assert json._engine is None
    heavy = json._Engine()
    assert (heavy.encode(value), heavy.decode(written)) == (written, value)


@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("data", [b"{", b"\xff", b"NaN", b'{"a":1}x'])
def test_a_light_reader_tells_broken_json_in_the_same_words(data: bytes) -> None:
    with pytest.raises(ValueError) as light:
        json.decode(data)
    with pytest.raises(ValueError) as heavy:
        json.decode(data)  # now that the engine is loaded
    assert str(light.value) == str(heavy.value)


@pytest.mark.usefixtures("light")
def test_a_large_text_is_worth_the_engine() -> None:
    assert json.decode(b'"' + b"x" * 200_000 + b'"') == "x" * 200_000
    assert json._engine is not None


def test_what_no_encoding_can_write_has_a_mark_in_its_place() -> None:
    odd = b"a\xff".decode(errors="surrogateescape")
    assert json.encode({odd: (odd, 1)}) == '{"a\ufffd":["a\ufffd",1]}'.encode()
