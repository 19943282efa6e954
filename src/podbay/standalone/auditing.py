"""The audit log of a cluster, which ``up --audit-policy-file`` asks for and the cluster keeps.

Takes the flags, named as kube-apiserver's; keeps the policy's text and where the log is in the cluster's state, and
gives both to the server when it starts.
Invariant: only what was understood is kept; a server that ran with something else is stopped, for ``up`` to start.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from podbay.apiserver.audit.log import AuditLog
from podbay.apiserver.audit.log_file import STDOUT, LogFile
from podbay.apiserver.audit.policy import AuditPolicy
from podbay.apiserver.audit.policy_file import parse_audit_policy
from podbay.apiserver.audit.record import Auditor
from podbay.lib.clock import Clock, RealClock
from podbay.standalone import processes
from podbay.standalone.cluster import Cluster
from podbay.standalone.errors import ClusterError

FLAGS: Final = ("audit-policy-file", "audit-log-path", "audit-log-maxsize", "audit-log-maxbackup", "audit-log-maxage")
_NUMBERS: Final = {
    "audit-log-maxsize": "max_size_mb",
    "audit-log-maxbackup": "max_backups",
    "audit-log-maxage": "max_age_days",
}
_MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditing:
    """A policy's text, and the log: its path (``-`` is standard out), and when its files are cut and removed."""

    policy: str
    path: str
    max_size_mb: int = 100
    max_backups: int = 100
    max_age_days: int = 366


def read(cluster: Cluster, flags: Mapping[str, str]) -> dict[str, str | int]:
    """Return what flags say, the policy's text in place of its file.

    Raises ClusterError, also if the cluster has no policy then, or the log cannot be opened.
    """
    said: dict[str, str | int] = {}
    if name := flags.get("audit-policy-file"):
        path = Path(name)
        try:
            said["policy"] = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ClusterError(f"--audit-policy-file: {error}") from None
        _parsed(path, str(said["policy"]))
    if log := flags.get("audit-log-path"):
        said["path"] = log if log == STDOUT else str(Path(log).absolute())
        _check_log(str(said["path"]))
    for flag, field in _NUMBERS.items():
        if flag in flags:
            text = flags[flag]
            if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()):
                raise ClusterError(f"--{flag} must be a number")
            if int(text) < 0:
                raise ClusterError(f"--{flag} {text} can't be a negative number")
            said[field] = int(text)
    if said and "policy" not in said and not cluster.audit_file.exists():
        raise ClusterError("an audit log needs a policy: say what is written with --audit-policy-file")
    return said


def configure(cluster: Cluster, said: Mapping[str, str | int]) -> bool:
    """Keep what was read, and stop a server that ran with something else; return whether there was one."""
    before = kept(cluster)
    known = asdict(before) if before is not None else {"path": str(cluster.log / "audit.log")}
    wanted = Auditing(**{**known, **said})
    if wanted == before:
        return False
    partial = cluster.audit_file.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(wanted), indent=2) + "\n")
    partial.replace(cluster.audit_file)
    was_running = processes.running(cluster.server_pid) is not None
    processes.stop(cluster.server_pid)
    return was_running


def auditor(cluster: Cluster, clock: Clock) -> Auditor | None:
    """Return what audits a cluster's requests, its log open; None if nobody asked for it. Raises ClusterError."""
    wanted = kept(cluster)
    if wanted is None:
        return None
    file = LogFile(
        wanted.path,
        clock,
        max_bytes=wanted.max_size_mb * _MB,
        backups=wanted.max_backups,
        age_days=wanted.max_age_days,
    )
    log = AuditLog(file)
    try:
        log.open()
    except OSError as error:
        raise ClusterError(f"--audit-log-path: {error}") from None
    return Auditor(_parsed(cluster.audit_file, wanted.policy), log, clock)


def kept(cluster: Cluster) -> Auditing | None:
    """Return what a cluster was told, or None. Raises ClusterError."""
    path = cluster.audit_file
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ClusterError(f"{path} is broken: {error}") from None
    if not isinstance(values, dict) or any(type(values.get(f.name)) is not f.type for f in fields(Auditing)):
        raise ClusterError(f"{path} is broken: remove it, and say anew what `podbay up{cluster.flag}` is to audit")
    return Auditing(**{f.name: values[f.name] for f in fields(Auditing)})


def _check_log(path: str) -> None:
    """Open the log once, so that nobody waits for a server that cannot. Raises ClusterError."""
    file = LogFile(path, RealClock())
    try:
        file.open()
    except OSError as error:
        raise ClusterError(f"--audit-log-path: {error}") from None
    file.close()


def _parsed(path: Path, text: str) -> AuditPolicy:
    try:
        return parse_audit_policy(text)
    except ValueError as error:
        raise ClusterError(f"loading audit policy file: {error}: from file {path}") from None
