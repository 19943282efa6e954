"""A private containerd for one node: its configuration, and how it is started.

Takes a node's place; gives a process of its own, in the cluster's cgroup. ``runtime`` watches it.
Invariant: nothing of it is shared with another containerd on the machine; one that runs already is left alone.
Source: https://github.com/containerd/containerd/blob/main/docs/cri/config.md
"""

from pathlib import Path
from typing import Final

from podbay.standalone import mounts, processes
from podbay.standalone.cluster import NodePlace
from podbay.standalone.machine import binary, cni_directory, oci_runtime_path, oci_runtimes
from podbay.standalone.settings import Settings

SANDBOX_IMAGE: Final = "podbay.internal/pause:1"


def configure(place: NodePlace, settings: Settings, *, server: str) -> Path:
    """Write containerd's configuration and its way to the cluster's image registry; return the file."""
    certificates = place.state / "registry.d" / "_default"
    certificates.mkdir(parents=True, exist_ok=True)
    (certificates / "hosts.toml").write_text(
        f'[host."{server}"]\n'
        '  capabilities = ["pull", "resolve"]\n'
        f'  ca = "{place.ca}"\n'
        f'  client = [["{place.identity.certificate}", "{place.identity.key}"]]\n'
    )
    for directory in (place.run / "cni", place.state / "containerd", place.run / "containerd", place.log):
        directory.mkdir(parents=True, exist_ok=True)
    path = place.state / "containerd.toml"
    path.write_text(
        f"""version = 2
root = "{place.state}/containerd"
state = "{place.run}/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.opt",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{place.socket}"
[debug]
  level = "warn"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{SANDBOX_IMAGE}"
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  max_container_log_line_size = 16384
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni_directory()}"
    conf_dir = "{place.run}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{place.state}/registry.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{oci_runtime_path(settings.oci_runtime)}"
        Root = "{place.run}/oci"
        SystemdCgroup = false
{_other_handlers(place)}"""
    )
    return path


def _other_handlers(place: NodePlace) -> str:
    """Return the OCI runtimes of this machine that a runtime class may name, each by its own name."""
    section = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes'
    return "".join(
        f"""    [{section}.{name}]
      runtime_type = "io.containerd.runc.v2"
      [{section}.{name}.options]
        BinaryName = "{path}"
        Root = "{place.run}/oci"
        SystemdCgroup = false
"""
        for name, path in oci_runtimes().items()
        if name != "runc"
    )


def launch(place: NodePlace) -> bool:
    """Start a node's containerd as it was configured, if it does not run; return whether it was started.

    The caller is in the node's network namespace; a mount namespace that the cluster has is entered.
    """
    if processes.running(place.containerd_pid) is not None:
        return False
    place.socket.unlink(missing_ok=True)
    command = [binary("containerd", "containerd"), "--config", str(place.state / "containerd.toml")]
    processes.start(
        mounts.entered(place.cluster, command),
        log=place.containerd_log,
        pid_file=place.containerd_pid,
        cgroup=place.cluster.own_cgroup,
    )
    return True
