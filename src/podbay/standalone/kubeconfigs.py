"""The kubeconfig entries of clusters: a file of the cluster's own, and a context in the user's.

Takes a cluster and the administrator's credentials; writes files. What was written is remembered under the cluster's
state, so that ``destroy`` finds it whatever KUBECONFIG says then, and gives back the context that was current before.
Invariant: under sudo the caller's files are written as the caller, so they are the caller's, and nothing that the
caller may not write is written.
Source: https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

import contextlib
import json
import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from podbay.client import kubeconfig
from podbay.client.configuration import ClientConfig
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where a cluster's context was put, which context was current before, and for whom."""

    file: str
    current_in: str
    before: str = ""
    uid: int = 0
    gid: int = 0


def write_own(cluster: Cluster, config: ClientConfig) -> None:
    """Write the cluster's own kubeconfig."""
    kubeconfig.merge(cluster.kubeconfig, name=cluster.context, config=config, select=True)


def publish_context(cluster: Cluster, config: ClientConfig) -> Path:
    """Add the cluster's context to the user's kubeconfig and select it; return the file. Raises ClusterError."""
    owner = _caller()
    files = user_files(os.environ, owner)
    target, current_in = file_for_context(files, cluster.context), file_for_current(files)
    with _as(owner), _told():
        before = kubeconfig.merged(files)["current-context"]
        if before == cluster.context:
            before = next((p.before for p in published(cluster) if p.current_in == str(current_in)), "")
        else:
            before = str(before or "")
        kubeconfig.merge(target, name=cluster.context, config=config)
        with kubeconfig.changing(current_in) as document:
            document["current-context"] = cluster.context
    uid, gid = (owner.pw_uid, owner.pw_gid) if owner is not None else (os.geteuid(), os.getegid())
    _remember(
        cluster,
        Published(file=str(target), current_in=str(current_in), before=before, uid=uid, gid=gid),
    )
    return target


def forget_context(cluster: Cluster) -> None:
    """Take the cluster's entries out of every kubeconfig they were put into, and of the present user's."""
    owner = _caller()
    uid, gid = (owner.pw_uid, owner.pw_gid) if owner is not None else (os.geteuid(), os.getegid())
    places = published(cluster)
    for file in user_files(os.environ, owner):
        if not any(place.file == str(file) for place in places):
            places.append(Published(file=str(file), current_in=str(file), uid=uid, gid=gid))
    for place in places:
        with contextlib.suppress(OSError, kubeconfig.KubeconfigError), _as_ids(place.uid, place.gid):
            was_current = False
            for path in {Path(place.current_in), Path(place.file)}:
                if path.exists():
                    was_current = was_current or kubeconfig.read(path).get("current-context") == cluster.context
                    kubeconfig.remove(path, name=cluster.context)
            files = [*user_files(os.environ, owner), Path(place.current_in), Path(place.file)]
            known = {entry["name"] for entry in kubeconfig.merged(files)["contexts"]}
            if was_current and place.before in known:
                with kubeconfig.changing(Path(place.current_in)) as document:
                    document["current-context"] = place.before


def published(cluster: Cluster) -> list[Published]:
    """Return where the cluster's context was put."""
    try:
        return [Published(**entry) for entry in json.loads((cluster.state / "published.json").read_text())]
    except (OSError, ValueError, TypeError):
        return []


def user_files(environment: Mapping[str, str], owner: pwd.struct_passwd | None) -> list[Path]:
    """Return the user's kubeconfig files: KUBECONFIG's, or the one in the home of who called sudo."""
    given = [Path(part).absolute() for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    home = Path(owner.pw_dir) if owner is not None else Path.home()
    return list(dict.fromkeys(given)) or [home / ".kube" / "config"]


def file_for_context(files: list[Path], context: str) -> Path:
    """Return the file that a context belongs into: where it is, else the first that is there, else the last."""
    for file in files:
        with contextlib.suppress(OSError, kubeconfig.KubeconfigError):
            if any(entry["name"] == context for entry in kubeconfig.read(file).get("contexts") or ()):
                return file
    return next((file for file in files if file.exists()), files[-1])


def file_for_current(files: list[Path]) -> Path:
    """Return the file whose current context counts: the first that has one, else the first that is there."""
    for file in files:
        with contextlib.suppress(OSError, kubeconfig.KubeconfigError):
            if kubeconfig.read(file).get("current-context"):
                return file
    return next((file for file in files if file.exists()), files[-1])


def _remember(cluster: Cluster, new: Published) -> None:
    entries = [entry for entry in published(cluster) if (entry.file, entry.current_in) != (new.file, new.current_in)]
    path = cluster.state / "published.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(entry) for entry in [*entries, new]], indent=2) + "\n")
    partial.replace(path)


def _caller() -> pwd.struct_passwd | None:
    """Return who called sudo, or None if nobody did."""
    caller = os.environ.get("SUDO_USER", "")
    if not caller or caller == "root" or os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(caller)
    except KeyError:
        return None


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (OSError, kubeconfig.KubeconfigError) as error:
        raise ClusterError(f"the cluster runs, but its context cannot be put into your kubeconfig: {error}") from None


def _as(owner: pwd.struct_passwd | None) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if owner is None else _as_ids(owner.pw_uid, owner.pw_gid)


@contextlib.contextmanager
def _as_ids(uid: int, gid: int) -> Iterator[None]:
    """Touch files as somebody else, if that is asked of root."""
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    groups = os.getgroups()
    os.setgroups([gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)
