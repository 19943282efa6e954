from typing import Any

import pytest

from podbay.api.validation.log_options import validate_log_options
from tests.unit.api.validation.support import lines


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, []),
        ({"tailLines": 0, "limitBytes": 1, "sinceSeconds": 1}, []),
        ({"tailLines": -1}, ["tailLines: Invalid value: -1: must be greater than or equal to 0"]),
        ({"limitBytes": 0}, ["limitBytes: Invalid value: 0: must be greater than 0"]),
        ({"sinceSeconds": 0}, ["sinceSeconds: Invalid value: 0: must be greater than 0"]),
        (
            {"sinceSeconds": 1, "sinceTime": "2026-01-01T00:00:00Z"},
            ["[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"],
        ),
        ({"stream": "Stdout"}, ["stream: Forbidden: may not be specified"]),
    ],
)
def test_the_options_of_a_log(options: dict[str, Any], expected: list[str]) -> None:
    assert lines(validate_log_options(options)) == expected
