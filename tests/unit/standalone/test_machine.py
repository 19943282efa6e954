"""What a machine lacks is told with what to do about it."""

import os
from pathlib import Path

import pytest

from podbay.standalone import cluster, machine, mounts
from podbay.standalone.doctor import examine
from podbay.standalone.errors import ClusterError

V1 = ("cpu", "memory", "pids", "devices", "freezer")


def mountinfo(path: Path, controllers: tuple[str, ...]) -> Path:
    lines = [f"30 20 0:1 / /sys/fs/cgroup/{c} rw - cgroup cgroup rw,{c}" for c in controllers]
    path.write_text("\n".join(["20 1 8:1 / / rw - ext4 /dev/sda1 rw", *lines]) + "\n")
    return path


@pytest.mark.parametrize("release", ["4.19.0-25-amd64", "5.2.21", "3.10.0-1160.el7.x86_64"])
def test_an_old_kernel_is_refused(release: str) -> None:
    with pytest.raises(ClusterError, match=r"needs Linux 5\.3 or newer"):
        machine.kernel(release)


@pytest.mark.parametrize("release", ["5.3.0", "5.10.0-28-amd64", "6.1", "6.18.44-fc-v669", "unnumbered"])
def test_a_new_kernel_is_taken(release: str) -> None:
    assert machine.kernel(release) == release


def test_every_cgroup_layout_is_known(tmp_path: Path) -> None:
    none = mountinfo(tmp_path / "none", ())
    with pytest.raises(ClusterError, match="mount -t cgroup2"):
        machine.cgroup_layout(tmp_path / "cgroup", none)
    with pytest.raises(ClusterError, match="lacks the controller memory"):
        machine.cgroup_layout(tmp_path / "cgroup", mountinfo(tmp_path / "some", ("cpu", "pids", "devices", "freezer")))
    whole = mountinfo(tmp_path / "whole", V1)
    (tmp_path / "cgroup").mkdir()
    assert machine.cgroup_layout(tmp_path / "cgroup", whole) == "version 1"
    (tmp_path / "cgroup" / "unified").mkdir()
    assert "hybrid" in machine.cgroup_layout(tmp_path / "cgroup", whole)
    (tmp_path / "cgroup" / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert machine.cgroup_layout(tmp_path / "cgroup", none) == "version 2"
    (tmp_path / "cgroup" / "cgroup.controllers").write_text("cpuset cpu io pids\n")
    with pytest.raises(ClusterError, match="cgroup_enable=memory"):
        machine.cgroup_layout(tmp_path / "cgroup", none)


def test_only_crun_beside_a_version_2_that_holds_a_controller_needs_a_namespace(tmp_path: Path) -> None:
    assert not mounts.is_needed("crun", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("\n")
    assert not mounts.is_needed("crun", tmp_path)
    (tmp_path / "cgroup.controllers").write_text("hugetlb\n")
    assert mounts.is_needed("crun", tmp_path)
    assert not mounts.is_needed("runc", tmp_path)


@pytest.mark.parametrize(
    ("name", "package"), [("containerd", "containerd"), ("nft", "nftables"), ("nsenter", "util-linux")]
)
def test_a_command_that_is_missing_is_told_with_its_package(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    monkeypatch.setattr(machine, "_PATH", "/nowhere")
    with pytest.raises(ClusterError, match=f"{name} is not installed: install the package {package}"):
        machine.binary(name, package)
    with pytest.raises(ClusterError, match="neither runc nor crun"):
        machine.oci_runtime_path()


def test_cni_plugins_that_are_missing_are_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no CNI plugins found: install the package containernetworking-plugins"):
        machine.cni_directory((tmp_path,))
    for plugin in ("bridge", "host-local", "loopback"):
        (tmp_path / plugin).touch()
    with pytest.raises(ClusterError, match="lacks the CNI plugin portmap"):
        machine.cni_directory((tmp_path,))
    (tmp_path / "portmap").touch()
    assert machine.cni_directory((tmp_path / "none", tmp_path)) == tmp_path


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    assert "GB free" in machine.room(tmp_path / "not" / "made" / "yet")
    with pytest.raises(ClusterError, match="make room, or set PODBAY_STATE"):
        machine.room(tmp_path, wanted_bytes=1 << 60)


def test_anybody_but_root_is_told_to_use_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match="run it with sudo"):
        machine.check()


def test_doctor_tells_what_is_missing_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PATH", "/nowhere")
    told: list[str] = []
    assert examine(told.append) == 1
    missing = [line.split()[1].rstrip(":") for line in told if line.startswith("missing")]
    assert {"containerd", "ip", "nft", "iptables", "nsenter"} <= set(missing)
    assert any(line.startswith("ok       kernel") for line in told)
    assert "/var/log/podbay" in told[-1]


def test_doctor_tells_of_a_runtime_that_a_cluster_was_given_and_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for root in ("STATE_ROOT", "RUN_ROOT", "LOG_ROOT"):
        monkeypatch.setattr(cluster, root, tmp_path / root)
    cluster.Cluster("first").make(nodes=1, runtime_endpoint=f"unix://{tmp_path}/x.sock")
    told: list[str] = []
    assert examine(told.append) == 1
    lines = [line for line in told if "runtime of cluster" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"missing  runtime of cluster first: the runtime at unix://{tmp_path}/x.sock does not")
