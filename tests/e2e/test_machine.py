"""The machine has what the end-to-end tests need. What is missing fails here by its name: nothing is skipped for it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from podbay.kubelet import cgroups
from podbay.standalone.machine import catatonit, cni_directory, oci_runtime_path
from tests.e2e.harness import VERSIONS, kubectl_path


def test_the_tests_run_as_root() -> None:
    assert os.geteuid() == 0, "run them with sudo: containers need root"


@pytest.mark.parametrize("version", VERSIONS)
def test_this_kubectl_is_there(version: str) -> None:
    told = subprocess.run([kubectl_path(version), "version", "--client"], capture_output=True, text=True, check=True)
    assert f"v{version}." in told.stdout


@pytest.mark.parametrize(
    "program",
    [
        "containerd",
        "ctr",
        "runc",
        "crun",
        "ip",
        "ss",
        "nft",
        "iptables",
        "nsenter",
        "mount",
        "umount",
        "mkfs.ext4",
        "docker-registry",
        "apt-get",
    ],
)  # fmt: skip
def test_this_program_is_there(program: str) -> None:
    assert shutil.which(program), f"{program} is not installed"


def test_a_low_level_runtime_and_the_network_plugins_are_there() -> None:
    assert oci_runtime_path()
    assert catatonit()
    assert {"bridge", "host-local", "portmap", "loopback"} <= {path.name for path in cni_directory().iterdir()}


def test_a_file_can_be_mounted_as_a_disk() -> None:
    assert Path("/dev/loop-control").exists(), "this kernel or container has no loop devices"


def test_cgroups_are_mounted() -> None:
    assert cgroups.hierarchies()
