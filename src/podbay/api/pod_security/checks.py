"""Which checks a standard is made of, by level and version, and what a pod lacks of them.

Pure. Takes a standard, a pod's metadata and its spec; gives violations in upstream's order: baseline's checks by their
names, then restricted's. Invariant: a check has one revision at most in a version, and a restricted one that asks for
more than a baseline one takes its place. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from podbay.api.pod_security import host, privileges, profiles, volume_types
from podbay.api.pod_security.policy import Standard
from podbay.api.pod_security.violation import Check, Object, Violation


@dataclass(frozen=True, slots=True)
class _Checked:
    """A check's name and its revisions by the minor version that each came with, ascending."""

    name: str
    revisions: tuple[tuple[int, Check], ...]
    replaces: str = ""

    def at(self, minor: int) -> Check | None:
        return next((check for since, check in reversed(self.revisions) if since <= minor), None)


def _always(name: str, check: Check, replaces: str = "") -> _Checked:
    return _Checked(name, ((0, check),), replaces)


def _linux(name: str, since: int, check: Check, replaces: str = "") -> _Checked:
    return _Checked(name, ((since, check), (25, privileges.unless_windows(check))), replaces)


_BASELINE: Final = (
    _always("appArmorProfile", profiles.app_armor),
    _always("capabilities_baseline", privileges.capabilities_baseline),
    _always("hostNamespaces", host.host_namespaces),
    _always("hostPathVolumes", volume_types.host_paths),
    _always("hostPorts", host.host_ports),
    _always("privileged", host.privileged),
    _always("procMount", host.proc_mount),
    _Checked(
        "seLinuxOptions",
        ((0, profiles.selinux_but(profiles.SELINUX_1_0)), (31, profiles.selinux_but(profiles.SELINUX_1_31))),
    ),
    _Checked("seccompProfile_baseline", ((0, profiles.seccomp_annotations), (19, profiles.seccomp_baseline))),
    _Checked(
        "sysctls",
        (
            (0, host.sysctls_but(host.SYSCTLS_1_0)),
            (27, host.sysctls_but(host.SYSCTLS_1_27)),
            (29, host.sysctls_but(host.SYSCTLS_1_29)),
            (32, host.sysctls_but(host.SYSCTLS_1_32)),
        ),
    ),
    _always("windowsHostProcess", host.windows_host_process),
)
_RESTRICTED: Final = (
    _linux("allowPrivilegeEscalation", 8, privileges.privilege_escalation),
    _linux("capabilities_restricted", 22, privileges.capabilities_restricted, "capabilities_baseline"),
    _always("restrictedVolumes", volume_types.restricted_volumes, "hostPathVolumes"),
    _always("runAsNonRoot", privileges.run_as_non_root),
    _Checked("runAsUser", ((23, privileges.run_as_user),)),
    _linux("seccompProfile_restricted", 19, profiles.seccomp_restricted, "seccompProfile_baseline"),
)
_NEWEST: Final = max(since for checked in (*_BASELINE, *_RESTRICTED) for since, _ in checked.revisions)


def violations(standard: Standard, metadata: Object, spec: Object) -> list[Violation]:
    """Return everything that a pod lacks of a standard."""
    found = [check(metadata, spec) for check in _checks(standard)]
    return [violation for violation in found if violation is not None]


def reasons(found: Sequence[Violation]) -> str:
    """Return violations in few words, the same for all pods that lack the same."""
    return ", ".join(violation.reason for violation in found)


def _checks(standard: Standard) -> list[Check]:
    if standard.asks_nothing:
        return []
    minor = _NEWEST if standard.minor is None else min(standard.minor, _NEWEST)
    more = [checked for checked in _RESTRICTED if standard.level == "restricted" and checked.at(minor) is not None]
    replaced = {checked.replaces for checked in more}
    found = [checked.at(minor) for checked in (*(c for c in _BASELINE if c.name not in replaced), *more)]
    return [check for check in found if check is not None]
