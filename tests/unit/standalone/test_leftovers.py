import os
from pathlib import Path

import pytest

from podbay.cri.runtime import Container, ContainerState, Sandbox
from podbay.standalone.leftovers import ContainerdPlace, living, sweep_leftovers

_KNOWN = "a" * 64
_GONE = "b" * 64


@pytest.mark.parametrize(("patience_s", "left"), [(120.0, ["10.0.0.2", "10.0.0.3"]), (0.0, ["10.0.0.2"])])
def test_an_address_that_a_killed_containerds_child_took_late_is_freed_once_nobody_can_be_making_its_sandbox(
    tmp_path: Path, patience_s: float, left: list[str]
) -> None:
    network = tmp_path / "addresses" / "bridge"
    network.mkdir(parents=True)
    for address, owner in (("10.0.0.2", _KNOWN), ("10.0.0.3", _GONE)):
        (network / address).write_text(f"{owner}\neth0")
    place = ContainerdPlace(
        state=tmp_path / "state",
        socket=tmp_path / "socket",
        addresses=tmp_path / "addresses",
        pid=os.getpid(),  # it is older than the addresses, as a containerd that was started again at once
        oci_runtime="runc",
        oci_root=tmp_path / "oci",
        cgroup="/podbay-absent",
        patience_s=patience_s,
    )
    sweep_leftovers(place, frozenset({_KNOWN}))
    assert sorted(entry.name for entry in network.iterdir() if entry.name != "lock") == left


def sandbox(name: str, *, ready: bool) -> Sandbox:
    return Sandbox(id=name, name=name, namespace="n", uid=name, attempt=0, ready=ready, created_at=1)


def container(name: str, sandbox_id: str, state: ContainerState) -> Container:
    return Container(id=name, sandbox_id=sandbox_id, name=name, attempt=0, state=state, created_at=1)


def test_a_sandbox_that_is_ready_lives_and_one_that_is_not_has_nothing_any_more() -> None:
    assert living([sandbox("a", ready=True), sandbox("b", ready=False)], []) == {"a"}


def test_a_container_that_ended_has_nothing_any_more() -> None:
    ended = container("ended", "a", ContainerState.EXITED)
    assert living([sandbox("a", ready=False)], [ended]) == set()


def test_a_sandbox_lives_as_long_as_a_container_in_it() -> None:
    for state in (ContainerState.CREATED, ContainerState.RUNNING, ContainerState.UNKNOWN):
        assert living([sandbox("a", ready=False)], [container("c", "a", state)]) == {"a", "c"}
