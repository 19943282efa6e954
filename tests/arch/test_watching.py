"""What the end-to-end tests' reader of watches makes of a client that is ended while it writes."""

import json

import pytest

from tests.e2e.watching import whole_documents

ONE, TWO = {"a": ["x", {"b": 1}]}, {"kind": 'quo"te \\ and {brace', "rest": [1, 2]}


def test_documents_are_read_one_after_another() -> None:
    text = f"{json.dumps(ONE, indent=4)}\n{json.dumps(TWO, indent=4)}\n"
    assert whole_documents(text) == [ONE, TWO]
    assert whole_documents("") == whole_documents(" \n") == []


def test_a_last_document_that_was_cut_off_anywhere_is_left_out_and_no_whole_one_is_lost() -> None:
    first, last = json.dumps(ONE, indent=4), json.dumps(TWO, indent=4)
    for end in range(len(last)):
        assert whole_documents(f"{first}\n{last[:end]}") == [ONE], last[:end]
    assert whole_documents(f"{first}\n{last}") == [ONE, TWO]


def test_what_is_broken_and_not_cut_off_is_an_error() -> None:
    for text in ("error: no server", '{"a": nothing}', f"{json.dumps(ONE)} }} {json.dumps(TWO)}", '{"a" 1} {}'):
        with pytest.raises(ValueError, match="Expecting"):
            whole_documents(text)
