"""Which mirror pods go and which are missing."""

from typing import Any

from podbay.api.mirror_pods import HASH, MIRROR, is_mirror
from podbay.kubelet.static_pods.mirrors import Mirrors, mirror_of, plan_mirrors

NODE = {"metadata": {"name": "n", "uid": "node-uid"}}


def static(hash_: str = "h") -> dict[str, Any]:
    metadata = {"name": "a-n", "namespace": "default", "uid": hash_, "annotations": {HASH: hash_}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"nodeName": "n"},
        "status": {"phase": "x"},
    }


def mirror(hash_: str = "h", **metadata: Any) -> dict[str, Any]:
    made = mirror_of(static(hash_), NODE)
    return {**made, "metadata": {**made["metadata"], "uid": "u", **metadata}}


KEY = "default/a-n"


def test_a_mirror_pod_has_the_pods_spec_its_hash_and_its_node_as_owner() -> None:
    made = mirror_of(static(), NODE)
    assert is_mirror(made) and not is_mirror(static())
    assert made == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "a-n",
            "namespace": "default",
            "annotations": {HASH: "h", MIRROR: "h"},
            "ownerReferences": [
                {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "node-uid", "controller": True}
            ],
        },
        "spec": {"nodeName": "n"},
    }


def test_what_shows_a_pod_as_it_is_stays() -> None:
    assert plan_mirrors({KEY: static()}, {KEY: mirror()}) == Mirrors()


def test_a_pod_that_nothing_shows_is_given_a_mirror() -> None:
    assert plan_mirrors({KEY: static()}, {}) == Mirrors(create=(static(),))


def test_a_mirror_of_nothing_goes() -> None:
    assert plan_mirrors({}, {KEY: mirror()}) == Mirrors(delete=(mirror(),))


def test_a_mirror_of_another_content_or_one_that_is_being_deleted_is_made_anew() -> None:
    for wrong in (mirror("other"), mirror(deletionTimestamp="2026-01-01T00:00:00Z")):
        assert plan_mirrors({KEY: static()}, {KEY: wrong}) == Mirrors(delete=(wrong,), create=(static(),))
