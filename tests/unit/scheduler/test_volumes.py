"""Where claims let a pod go, and that this is looked up once, however many nodes there are."""

from collections.abc import Iterator
from typing import Any

import pytest

from podbay.scheduler.cycle import Decision, decide
from podbay.scheduler.snapshot import NodeState, needs_of
from podbay.scheduler.volumes import VolumeView
from tests.unit.scheduler.objects import node, pod, state

Object = dict[str, Any]
CLAIMED = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
LATE = {"provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}
HELD = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"


class Counted(dict[str, Object]):
    """Volumes that count how often one of them is looked at in passing."""

    looks = 0

    def values(self) -> Any:
        return [volume for _, volume in self.items()]

    def items(self) -> Any:
        def counted() -> Iterator[tuple[str, Object]]:
            for found in dict.items(self):
                self.looks += 1
                yield found

        return counted()


def claim(mode: str = "ReadWriteOnce", *, bound: str = "") -> Object:
    metadata: Object = {"name": "data", "namespace": "default", "uid": "u"}
    spec: Object = {"accessModes": [mode], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "late"}
    if bound:
        metadata["annotations"] = {"pv.kubernetes.io/bind-completed": "yes"}
        spec["volumeName"] = bound
    return {"metadata": metadata, "spec": spec}


def volume(name: str, host: str, **spec: Any) -> Object:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}]}
    return {
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "late",
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            **spec,
        },
        "status": {"phase": "Available"},
    }


def decided(one: Object, view: VolumeView, *states: NodeState) -> Decision:
    return decide(one, needs_of(one), states, min, view=view)


def test_a_pod_goes_where_a_volume_is_that_its_claim_may_have() -> None:
    volumes = {name: volume(name, f"n{place}") for place, name in enumerate("abc")}
    volumes["a"]["spec"]["claimRef"] = {"namespace": "default", "name": "another"}
    view = VolumeView({"default/data": claim()}, volumes, {"late": LATE}, promised={"b": "default/another"})
    found = decided(pod(volumes=CLAIMED), view, *(state(node(f"n{place}")) for place in range(3)))
    assert found.node == "n2"
    assert [(given["metadata"]["name"], to["metadata"]["name"]) for given, to in found.volumes.pairs] == [("c", "data")]


@pytest.mark.parametrize("provisioner", ["kubernetes.io/no-provisioner", "example.com/p"])
def test_volumes_are_looked_through_as_often_for_many_nodes_as_for_one(provisioner: str) -> None:
    looks = []
    for nodes in (1, 50):
        volumes = Counted({f"v{place}": volume(f"v{place}", "elsewhere") for place in range(50)})
        view = VolumeView({"default/data": claim()}, volumes, {"late": {**LATE, "provisioner": provisioner}})
        decided(pod(volumes=CLAIMED), view, *(state(node(f"n{place}")) for place in range(nodes)))
        looks.append(volumes.looks)
    assert looks[0] == looks[1]


def test_a_more_important_pod_takes_a_claim_for_one_pod_on_the_node_of_who_has_it() -> None:
    view = VolumeView({"default/data": claim("ReadWriteOncePod", bound="v")}, {"v": volume("v", "n1")}, {})
    holder = state(node("n1"), pod("holder", priority=1, volumes=CLAIMED))
    other = state(node("n2"), pod("other", priority=1))
    high = pod("high", priority=100, volumes=CLAIMED)
    found = decided(high, view, holder, other)
    assert found.message == f"0/2 nodes are available: 2 {HELD}."
    assert found.preempt is not None
    assert (found.preempt.node, found.preempt.victims) == ("n1", ("default/holder",))
    equal = decided(pod("equal", priority=1, volumes=CLAIMED), view, holder, other)
    assert (equal.node, equal.preempt) == ("", None)


def test_a_pod_waits_for_the_claim_that_it_brings_and_takes_no_other() -> None:
    one = pod(volumes=[{"name": "data", "ephemeral": {"volumeClaimTemplate": {}}}])
    name = f"{one['metadata']['name']}-data"
    waits = f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
    assert waits in decided(one, VolumeView(), state(node("n"))).message
    made = claim()
    made["metadata"] = {"name": name, "namespace": "default", "uid": "u"}
    view = VolumeView({f"default/{name}": made}, {"a": volume("a", "n")}, {"late": LATE})
    foreign = f"PVC default/{name} was not created for pod default/{one['metadata']['name']} (pod is not owner)"
    assert foreign in decided(one, view, state(node("n"))).message
    made["metadata"]["ownerReferences"] = [{"uid": one["metadata"]["uid"], "controller": True}]
    assert decided(one, view, state(node("n"))).node == "n"
