import copy
from typing import Any

import pytest

from podbay.api.patch import PatchError, status_error, strategic_merge_patch
from podbay.api.schema import definition

POD = definition("v1", "Pod")


def patched(document: dict[str, Any], patch: Any) -> dict[str, Any]:
    before, said = copy.deepcopy(document), copy.deepcopy(patch)
    result = strategic_merge_patch(document, patch, POD)
    assert (document, patch) == (before, said), "what is given is never changed"
    return result


def containers(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(items), **more}}


def test_containers_merge_by_name() -> None:
    document = containers({"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "1"})
    patch = containers({"name": "b", "image": "2"}, {"name": "c", "image": "3"})
    assert patched(document, patch) == containers(
        {"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}, {"name": "c", "image": "3"}
    )


def test_labels_merge_and_null_removes() -> None:
    document = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    assert patched(document, {"metadata": {"labels": {"a": None, "c": "3"}}}) == {
        "metadata": {"labels": {"b": "2", "c": "3"}}
    }


def test_a_list_without_a_merge_key_is_replaced() -> None:
    document = containers({"name": "a", "command": ["x", "y"]})
    assert patched(document, containers({"name": "a", "command": ["z"]})) == containers({"name": "a", "command": ["z"]})


def test_finalizers_are_added_to() -> None:
    document = {"metadata": {"finalizers": ["a/a", "b/b"]}}
    assert patched(document, {"metadata": {"finalizers": ["c/c", "a/a"]}}) == {
        "metadata": {"finalizers": ["c/c", "a/a", "b/b"]}
    }


def test_values_are_taken_out_of_a_list_of_scalars() -> None:
    document = {"metadata": {"finalizers": ["a/a", "b/b"]}}
    assert patched(document, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/a", "x/x"]}}) == {
        "metadata": {"finalizers": ["b/b"]}
    }


def test_an_item_is_deleted_by_its_key() -> None:
    document = containers({"name": "a"}, {"name": "b"})
    assert patched(document, containers({"name": "a", "$patch": "delete"})) == containers({"name": "b"})


def test_a_list_and_an_object_are_replaced_on_demand() -> None:
    document = containers({"name": "a", "image": "1"}, {"name": "b"}, securityContext={"runAsUser": 1})
    patch = containers({"name": "c"}, {"$patch": "replace"}, securityContext={"fsGroup": 2, "$patch": "replace"})
    assert patched(document, patch) == containers({"name": "c"}, securityContext={"fsGroup": 2})
    assert patched(document, {"spec": {"$patch": "delete"}}) == {"spec": {}}


def test_only_the_retained_keys_stay() -> None:
    document = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    volume = {"name": "v", "hostPath": {"path": "/"}, "$retainKeys": ["hostPath", "name"]}
    assert patched(document, {"spec": {"volumes": [volume]}}) == {
        "spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}
    }


def test_items_come_in_the_order_that_the_patch_says() -> None:
    document = containers({"name": "a"}, {"name": "server"}, {"name": "b"})
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}],
            "containers": [{"name": "c"}],
        }
    }
    assert [c["name"] for c in patched(document, patch)["spec"]["containers"]] == ["server", "b", "c", "a"]


def test_an_order_alone_moves_items() -> None:
    document = containers({"name": "a"}, {"name": "b"})
    patch = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}
    assert [c["name"] for c in patched(document, patch)["spec"]["containers"]] == ["b", "a"]


def test_no_directive_is_left_where_there_was_nothing() -> None:
    volume = {"name": "v", "emptyDir": {"medium": None}, "$retainKeys": ["name", "emptyDir"]}
    patch = {"spec": {"volumes": [volume], "$setElementOrder/volumes": [{"name": "v"}], "affinity": {"$patch": "x"}}}
    assert patched({}, patch) == {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}


def test_ports_merge_by_their_number() -> None:
    document = containers({"name": "a", "ports": [{"containerPort": 80, "name": "web"}]})
    patch = containers({"name": "a", "ports": [{"containerPort": 80, "name": "http"}, {"containerPort": 81}]})
    assert patched(document, patch)["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "name": "http"},
        {"containerPort": 81},
    ]


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        ([], 400, "invalid JSON document"),
        (containers({"image": "x"}), 500, "map: map[image:x] does not contain declared merge key: name"),
        (
            containers({"name": "a", "$patch": "merge"}),
            500,
            "merging lists cannot yet be specified in the patch",
        ),
        ({"spec": {"containers": [["a"]]}}, 422, "lists of lists are not supported"),
        ({"spec": {"$patch": "turn"}}, 500, "unknown patch type: turn in map: map[$patch:turn]"),
        ({"spec": {"$deleteFromPrimitiveList": ["a"]}}, 400, "invalid patch format of primitive list"),
        ({"spec": {"nodeName": "n", "$retainKeys": ["hostname"]}}, 400, "invalid patch format of retainKeys"),
        (
            {"spec": {"$setElementOrder/containers": [{"name": "b"}], "containers": [{"name": "a"}]}},
            500,
            "The order in patch list:\n[map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
        ),
        (
            {"spec": {"containers": [{"name": "a"}, "b"]}},
            500,
            "list element types are not identical: [map[name:a] map[name:a] b]",
        ),
    ],
)
def test_a_patch_that_cannot_be_applied_says_why(patch: Any, code: int, message: str) -> None:
    with pytest.raises(PatchError) as caught:
        strategic_merge_patch(containers({"name": "a"}), patch, POD)
    assert (status_error(caught.value).code, str(caught.value)) == (code, message)
