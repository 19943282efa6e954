"""A pod's files on the node: its directory by uid, hosts file, termination messages. Its volumes are ``volumes``'.

Takes a pod; makes directories, gives the mounts that every container gets. Invariant: everything of a pod is under
``pods/<uid>``, so removing that removes all of it; a second call with the same pod changes nothing.
Source: https://kubernetes.io/docs/concepts/containers/container-environment/
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from podbay.cri.runtime import Mount
from podbay.kubelet.pod_names import hosts_file
from podbay.kubelet.volumes import mounting

_MESSAGE_LIMIT_BYTES: Final = 4096


class PodFiles:
    """See the module. Every method is blocking; call it in a thread where it may be slow."""

    def __init__(self, root: Path, host_hosts: Path) -> None:
        self._pods = root / "pods"
        self._host_hosts = host_hosts

    def directory(self, uid: str) -> Path:
        """Return a pod's directory."""
        return self._pods / uid

    def uids(self) -> list[str]:
        """Return the uids that have a directory."""
        return sorted(entry.name for entry in self._pods.iterdir()) if self._pods.is_dir() else []

    def prepare(self, pod: Mapping[str, Any]) -> None:
        """Make the directory. Raises OSError."""
        directory = self.directory(pod["metadata"]["uid"])
        (directory / "containers").mkdir(parents=True, exist_ok=True, mode=0o750)

    def write_hosts(self, pod: Mapping[str, Any], ips: Sequence[str], cluster_domain: str) -> None:
        """Write the pod's hosts file, in place: containers that run see it."""
        of_host = None
        if pod["spec"].get("hostNetwork"):
            with contextlib.suppress(FileNotFoundError):
                of_host = self._host_hosts.read_text(errors="surrogateescape")
        text = hosts_file(pod, ips, cluster_domain, of_host)
        path = self.directory(pod["metadata"]["uid"]) / "etc-hosts"
        path.write_text(text, errors="surrogateescape")

    def mounts(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], attempt: int, taken: Collection[str]
    ) -> list[Mount]:
        """Return the mounts that a container gets besides its volumes, which have ``taken`` their paths.

        Makes its termination message file.
        """
        directory = self.directory(pod["metadata"]["uid"])
        found = []
        if "/etc/hosts" not in taken:
            found.append(Mount(container_path="/etc/hosts", host_path=str(directory / "etc-hosts")))
        message = self._message_path(pod["metadata"]["uid"], container["name"], attempt)
        message.parent.mkdir(parents=True, exist_ok=True)
        message.touch()
        message.chmod(0o666)
        wanted = container.get("terminationMessagePath") or "/dev/termination-log"
        found.append(Mount(container_path=wanted, host_path=str(message)))
        return found

    def termination_message(self, uid: str, name: str, attempt: int) -> str:
        """Return what a container left as its last words."""
        try:
            with self._message_path(uid, name, attempt).open("rb") as file:
                return file.read(_MESSAGE_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError:
            return ""

    def forget_message(self, uid: str, name: str, attempt: int) -> None:
        """Remove what a container that is no more left as its last words."""
        self._message_path(uid, name, attempt).unlink(missing_ok=True)

    def remove(self, uid: str) -> None:
        """Unmount and remove everything of a pod. Raises OSError if something cannot go."""
        mounting.remove_tree(self.directory(uid))

    def _message_path(self, uid: str, name: str, attempt: int) -> Path:
        return self.directory(uid) / "containers" / name / str(attempt)
