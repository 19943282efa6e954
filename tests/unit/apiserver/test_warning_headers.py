"""Warnings as header fields."""

from podbay.apiserver.warning_headers import warning_headers
from tests.unit.apiserver.support import MAPS, Api


def test_a_warning_is_quoted_and_told_once() -> None:
    assert warning_headers(['unknown field "a"', "x\\y", 'unknown field "a"', ""]) == [
        '299 - "unknown field \\"a\\""',
        '299 - "x\\\\y"',
    ]


def test_what_could_break_a_header_is_left_out() -> None:
    assert warning_headers(["a\rb", "a\nb", "a\x7f", "a\x85b", "\ud800", "ä"]) == ['299 - "ä"']


def test_many_warnings_are_cut_and_then_left_out() -> None:
    assert warning_headers(["x" * 4096]) == [f'299 - "{"x" * 4096}"']
    many = warning_headers(f"{number} {'x' * 1000}" for number in range(100))
    assert {len(value) for value in many} == {256 + 8}
    assert len(many) == 16


def test_each_line_of_yaml_is_a_warning() -> None:
    text = 'yaml: unmarshal errors:\n  line 3: key "a" already set in map\n  line 4: key "b" already set in map'
    assert warning_headers([text])[1] == '299 - "line 4: key \\"b\\" already set in map"'


async def test_a_name_that_would_end_a_header_does_no_harm(api: Api) -> None:
    made = await api.send("POST", MAPS, {"metadata": {"name": "a"}, "x\r\nSet-Cookie: y": 1})
    assert made.status == 201
    assert not [value for name, value in made.headers if name == "Warning"]
