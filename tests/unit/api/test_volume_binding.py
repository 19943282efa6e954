from typing import Any

import pytest

from podbay.api.volume_binding import (
    bound_volume,
    class_of,
    default_class,
    is_bound_to,
    mismatch,
    node_can_use,
    topology_allows,
    volumes_for,
)

Object = dict[str, Any]


def volume(name: str, size: str = "1Gi", **more: Any) -> Object:
    metadata = {"name": name, **more.pop("metadata", {})}
    phase = more.pop("phase", "Available")
    spec = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": "c", **more}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


def claim(size: str = "1Gi", **more: Any) -> Object:
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "storageClassName": "c",
        **more,
    }
    return {"metadata": {"name": "data", "namespace": "ns", "uid": "u", "resourceVersion": "7"}, "spec": spec}


def node(**labels: str) -> Object:
    return {"metadata": {"name": "n", "labels": labels}}


def found(wanted: Object, *volumes: Object, node: Object | None = None, waits: bool = False) -> str:
    fitting = [v for v in volumes_for(wanted, volumes, waits=waits) if node is None or node_can_use(v, node)]
    return fitting[0]["metadata"]["name"] if fitting else ""


def test_of_the_volumes_that_fit_the_smallest_is_found_and_of_those_the_first_by_name() -> None:
    assert found(claim(), volume("b", "2Gi"), volume("a", "5Gi"), volume("z", "2Gi")) == "b"


@pytest.mark.parametrize(
    "more",
    [
        {"size": "500Mi"},
        {"storageClassName": "other"},
        {"accessModes": ["ReadOnlyMany"]},
        {"accessModes": ["ReadWriteOncePod"]},
        {"volumeMode": "Block"},
        {"phase": "Released"},
        {"phase": "Pending"},
        {"claimRef": {"namespace": "ns", "name": "another"}},
        {"claimRef": {"namespace": "ns", "name": "data", "uid": "of one before"}},
        {"metadata": {"deletionTimestamp": "now"}},
    ],
)
def test_a_volume_does_not_fit(more: Object) -> None:
    assert found(claim(), volume("v", **more)) == ""


def test_the_volume_that_is_promised_to_the_claim_is_found_before_a_smaller_one() -> None:
    promised = volume("p", "9Gi", phase="Pending", claimRef={"namespace": "ns", "name": "data"})
    assert found(claim(), volume("a"), promised) == "p"
    assert found(claim("10Gi"), volume("a", "20Gi"), promised) == "a"  # which is too small


def test_a_claim_that_waits_for_its_consumer_gets_only_what_is_promised_until_there_is_a_node() -> None:
    assert found(claim(), volume("a"), waits=True) == ""
    assert found(claim(), volume("a"), node=node()) == "a"
    assert found(claim(), volume("a", claimRef={"namespace": "ns", "name": "data"}), waits=True) == "a"


def test_a_volume_is_used_where_its_node_affinity_says() -> None:
    term = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["z"]}]}
    near = volume("v", nodeAffinity={"required": {"nodeSelectorTerms": [term]}})
    assert node_can_use(near, node(zone="z"))
    assert not node_can_use(near, node(zone="y"))
    assert found(claim(), near, volume("w", "2Gi"), node=node(zone="y")) == "w"
    promised = volume("v", claimRef={"namespace": "ns", "name": "data"}, nodeAffinity=near["spec"]["nodeAffinity"])
    assert found(claim(), promised, volume("w"), node=node(zone="y")) == ""


def test_a_selector_chooses_by_labels() -> None:
    wanted = claim(selector={"matchExpressions": [{"key": "tier", "operator": "In", "values": ["fast"]}]})
    assert found(wanted, volume("a"), volume("b", "2Gi", metadata={"labels": {"tier": "fast"}})) == "b"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, ""),
        ({"size": "1Mi"}, "requested PV is too small"),
        ({"storageClassName": ""}, "storageClassName does not match"),
        ({"volumeMode": "Block"}, "incompatible volumeMode"),
        ({"accessModes": ["ReadWriteMany"]}, "incompatible accessMode"),
    ],
)
def test_why_a_claim_may_not_have_the_volume_that_it_names(more: Object, why: str) -> None:
    assert mismatch(volume("v", **more), claim()) == why


def test_an_old_annotation_names_the_class_before_the_field() -> None:
    old = {"volume.beta.kubernetes.io/storage-class": "old"}
    assert class_of({"metadata": {"annotations": old}, "spec": {"storageClassName": "new"}}) == "old"
    assert class_of({"metadata": {}, "spec": {}}) == ""


def test_of_several_default_classes_the_newest_is_taken_and_of_those_the_first_by_name() -> None:
    def one(name: str, made: str, value: str = "true") -> Object:
        annotations = {"storageclass.kubernetes.io/is-default-class": value}
        return {"metadata": {"name": name, "creationTimestamp": made, "annotations": annotations}}

    assert default_class([one("a", "1"), one("c", "2"), one("b", "2"), one("d", "3", "false")]) == "b"
    assert default_class([]) == ""


def test_a_volume_that_the_binder_chose_says_so_and_one_that_was_promised_does_not() -> None:
    chosen = bound_volume(volume("v"), claim())
    assert chosen["metadata"]["annotations"] == {"pv.kubernetes.io/bound-by-controller": "yes"}
    assert chosen["spec"]["claimRef"] == {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "namespace": "ns",
        "name": "data",
        "uid": "u",
        "resourceVersion": "7",
    }
    assert is_bound_to(chosen, claim())
    assert bound_volume(chosen, claim()) == chosen
    promised = bound_volume(volume("v", claimRef={"namespace": "ns", "name": "data"}), claim())
    assert "annotations" not in promised["metadata"]
    assert promised["spec"]["claimRef"]["uid"] == "u"


def test_a_class_lets_volumes_be_made_where_one_of_its_terms_holds() -> None:
    def term(**labels: list[str]) -> Object:
        return {"matchLabelExpressions": [{"key": key, "values": values} for key, values in labels.items()]}

    kind = {"allowedTopologies": [term(zone=["a", "b"], rack=["1"]), term(zone=["c"])]}
    assert topology_allows(kind, node(zone="b", rack="1"))
    assert topology_allows(kind, node(zone="c"))
    assert not topology_allows(kind, node(zone="b", rack="2"))
    assert topology_allows({}, node())
