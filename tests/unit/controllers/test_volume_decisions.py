"""What the flow tests do not reach: decisions on states that a killed or an outrun binder leaves."""

from typing import Any

from podbay.controllers.volume_decisions import (
    ClaimDecision,
    VolumeDecision,
    decide_claim,
    decide_volume,
    unbound_volume,
)

Object = dict[str, Any]
PROVISIONED = {"pv.kubernetes.io/provisioned-by": "example.com/p"}
BY_CONTROLLER = {"pv.kubernetes.io/bound-by-controller": "yes"}


def volume(phase: str = "Available", uid: str | None = "u", annotations: Object | None = None, **spec: Any) -> Object:
    reference = {"namespace": "ns", "name": "data"} | ({"uid": uid} if uid else {})
    return {
        "metadata": {"name": "v", "annotations": dict(annotations or {})},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "claimRef": reference,
            "persistentVolumeReclaimPolicy": "Retain",
            **spec,
        },
        "status": {"phase": phase},
    }


def claim(volume_name: str = "", annotations: Object | None = None, **spec: Any) -> Object:
    return {
        "metadata": {"name": "data", "namespace": "ns", "uid": "u", "annotations": dict(annotations or {})},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": volume_name,
            "storageClassName": "",
            **spec,
        },
        "status": {"phase": "Pending"},
    }


def test_a_binding_that_was_only_begun_is_finished_by_its_claim() -> None:
    begun = volume("Bound", annotations=BY_CONTROLLER)
    assert decide_volume(begun, claim()) == VolumeDecision(wakes_claim=True)
    assert decide_claim(claim(), {"v": begun}, {}).volume is begun


def test_a_volume_whose_claim_got_another_is_free_again_or_goes() -> None:
    elsewhere = claim("w")
    chosen = volume("Bound", annotations=BY_CONTROLLER)
    assert decide_volume(chosen, elsewhere) == VolumeDecision(phase="Available", unbinds=True)
    assert "claimRef" not in unbound_volume(chosen)["spec"]
    by_user = volume("Bound")
    assert unbound_volume(by_user)["spec"]["claimRef"] == {"namespace": "ns", "name": "data"}
    made = volume("Bound", annotations=PROVISIONED, persistentVolumeReclaimPolicy="Delete")
    assert decide_volume(made, elsewhere) == VolumeDecision(phase="Released")


def test_a_volume_of_a_claim_that_was_made_again_is_released() -> None:
    again = claim("v")
    again["metadata"]["uid"] = "another"
    assert decide_volume(volume("Bound"), again) == VolumeDecision(phase="Released")
    assert decide_volume(volume("Released"), again) == VolumeDecision(phase="Released")


def test_who_made_a_volume_removes_it() -> None:
    made = volume("Released", annotations=PROVISIONED, persistentVolumeReclaimPolicy="Delete")
    assert decide_volume(made, None) == VolumeDecision(phase="Released")


def test_of_two_claims_that_are_bound_to_one_volume_the_one_that_it_does_not_name_is_lost() -> None:
    bound = claim("v", {"pv.kubernetes.io/bind-completed": "yes"})
    decision = decide_claim(bound, {"v": volume("Bound", uid="another")}, {})
    assert decision.phase == "Lost"
    assert decision.told is not None
    assert decision.told.reason == "ClaimMisbound"
    nameless = claim("", {"pv.kubernetes.io/bind-completed": "yes"})
    told = decide_claim(nameless, {}, {}).told
    assert told is not None
    assert told.message == "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"


def test_a_claim_that_names_a_volume_that_is_not_there_waits_in_silence() -> None:
    assert decide_claim(claim("none"), {}, {}) == ClaimDecision()


def test_pods_that_have_no_node_are_named_by_the_claim_that_waits_for_them() -> None:
    classes = {"late": {"volumeBindingMode": "WaitForFirstConsumer", "provisioner": "p", "metadata": {"name": "late"}}}
    for pods, message in (
        (["web"], "waiting for pod web to be scheduled"),
        (["a", "b"], "waiting for pods a,b to be scheduled"),
    ):
        told = decide_claim(claim(storageClassName="late"), {}, classes, pods).told
        assert told is not None
        assert (told.reason, told.message) == ("WaitForPodScheduled", message)


def test_what_has_no_provisioner_says_so() -> None:
    own = {"metadata": {"name": "own"}, "provisioner": "kubernetes.io/no-provisioner"}
    told = decide_claim(claim(storageClassName="own"), {}, {"own": own}).told
    assert told is not None
    assert told.message == "no volume plugin matched name: kubernetes.io/no-provisioner"
