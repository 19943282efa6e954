"""The kubeconfig entries of clusters: a file of the cluster's own, and a context in the user's.

Takes a cluster and the administrator's credentials; writes files owned by the user, also under sudo.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import os
import pwd
from pathlib import Path

from podbay.client import kubeconfig
from podbay.client.configuration import ClientConfig
from podbay.standalone.cluster import Cluster


def write_own(cluster: Cluster, config: ClientConfig) -> None:
    """Write the cluster's own kubeconfig."""
    kubeconfig.merge(cluster.kubeconfig, name=cluster.context, config=config, select=True)


def publish_context(cluster: Cluster, config: ClientConfig) -> Path:
    """Add the cluster's context to the user's kubeconfig and select it; return the file."""
    path, owner = user_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    kubeconfig.merge(path, name=cluster.context, config=config, select=True)
    if owner is not None:
        for changed in (path.parent, path):
            os.chown(changed, owner.pw_uid, owner.pw_gid)
    return path


def forget_context(cluster: Cluster) -> None:
    """Take the cluster's entries out of the user's kubeconfig."""
    path, owner = user_file()
    if path.exists():
        kubeconfig.remove(path, name=cluster.context)
        if owner is not None:
            os.chown(path, owner.pw_uid, owner.pw_gid)


def user_file() -> tuple[Path, pwd.struct_passwd | None]:
    """Return the kubeconfig to write: KUBECONFIG's first, or the home's of who called sudo; and its owner, if other."""
    given = os.environ.get("KUBECONFIG", "").split(":")[0]
    caller = os.environ.get("SUDO_USER", "")
    owner = None
    if caller and caller != "root" and os.geteuid() == 0:
        try:
            owner = pwd.getpwnam(caller)
        except KeyError:
            owner = None
    if given:
        return Path(given), owner
    home = Path(owner.pw_dir) if owner is not None else Path.home()
    return home / ".kube" / "config", owner
