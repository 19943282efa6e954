from typing import Any

import pytest

from podbay.api.errors import RequestEntityTooLarge
from podbay.api.patch import PatchError, json_patch, merge_patch, status_error, three_way_merge, two_way_merge
from podbay.api.patch.operations import unknown_fields


def test_operations_are_applied_in_order_to_a_copy() -> None:
    document = {"metadata": {"labels": {"a": "b"}}, "list": [1, 2]}
    operations = [
        {"op": "test", "path": "/metadata/labels/a", "value": "b"},
        {"op": "add", "path": "/metadata/labels/x~1y", "value": "z"},
        {"op": "remove", "path": "/list/0"},
        {"op": "add", "path": "/list/-", "value": 3},
        {"op": "move", "from": "/list", "path": "/moved"},
        {"op": "copy", "from": "/metadata/labels/a", "path": "/copied"},
        {"op": "replace", "path": "/metadata/labels/a", "value": "c"},
    ]
    assert json_patch(document, operations) == {
        "metadata": {"labels": {"a": "c", "x/y": "z"}},
        "moved": [2, 3],
        "copied": "b",
    }
    assert document == {"metadata": {"labels": {"a": "b"}}, "list": [1, 2]}


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ({}, 400),
        (["add"], 400),
        ([{"op": "test", "path": "/a", "value": 2}], 422),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "replace", "path": "/nothing/more", "value": 2}], 422),
        ([{"op": "turn", "path": "/a"}], 422),
        ([{"op": "add"}], 422),
        ([{"op": "add", "path": "a", "value": 1}], 422),
    ],
)
def test_operations_that_do_not_fit_are_refused(operations: Any, code: int) -> None:
    with pytest.raises(PatchError) as caught:
        json_patch({"a": 1}, operations)
    assert status_error(caught.value).code == code


def test_a_refused_operation_says_what_upstream_says() -> None:
    with pytest.raises(PatchError) as caught:
        json_patch({}, [{"op": "remove", "path": "/a"}])
    status = status_error(caught.value).as_status()
    assert status["message"] == "the server rejected our request due to an error in our request"
    assert status["reason"] == "Invalid"


def test_there_is_an_end_to_operations() -> None:
    with pytest.raises(RequestEntityTooLarge, match="is 10000, got 10001"):
        json_patch({}, [{"op": "add", "path": "/a", "value": 1}] * 10_001)


def test_strict_validation_names_members_that_no_operation_has() -> None:
    assert unknown_fields([{"op": "add", "path": "/a", "values": 1}]) == ['json patch unknown field "[0].values"']


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_says(
    document: dict[str, Any], patch: dict[str, Any], result: dict[str, Any]
) -> None:
    assert merge_patch(document, patch) == result


def test_a_merge_patch_is_an_object() -> None:
    with pytest.raises(PatchError) as caught:
        merge_patch({}, [1])
    assert status_error(caught.value).as_status()["message"] == "Invalid JSON Patch"


def test_the_difference_of_two_documents_leads_from_one_to_the_other() -> None:
    one = {"a": 1, "b": {"c": [1], "d": "e"}, "f": "g", "same": {"x": 1}}
    other = {"a": 2, "b": {"c": [2]}, "h": {}, "same": {"x": 1}}
    patch = two_way_merge(one, other)
    assert patch == {"a": 2, "b": {"c": [2], "d": None}, "h": {}, "f": None}
    assert merge_patch(one, patch) == other


def test_with_three_documents_what_others_added_stays() -> None:
    original = {"spec": {"a": 1, "gone": 1}, "metadata": {"labels": {"x": "1"}}}
    modified = {"spec": {"a": 2}, "metadata": {"labels": {"x": "1"}}}
    current = {"spec": {"a": 1, "gone": 1, "others": 1}, "metadata": {"labels": {"x": "1"}, "uid": "u"}}
    patch = three_way_merge(original, modified, current)
    assert patch == {"spec": {"a": 2, "gone": None}}
    assert merge_patch(current, patch)["spec"] == {"a": 2, "others": 1}
