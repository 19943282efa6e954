import os
from pathlib import Path

import pytest

from podbay.standalone.leftovers import ContainerdPlace, sweep_leftovers

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
