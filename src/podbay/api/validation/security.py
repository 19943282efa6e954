"""Rules of security contexts: users, groups, profiles, kernel parameters and what excludes what.

Takes a pod's spec, or a container; gives causes. Invariant: a profile of the node is named by a path below the
kubelet's own directory, and a parameter of a namespace that is the host's is never set.
Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from podbay.api.errors import Cause
from podbay.api.validation.field_errors import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from podbay.api.validation.volume_sources import descending_path_problems

Context = Mapping[str, Any]

_MOST_ID: Final = 2**31 - 1
_ID_TEXT: Final = f"must be between 0 and {_MOST_ID}, inclusive"
_PROFILES: Final = ("Localhost", "RuntimeDefault", "Unconfined")
_MOST_APPARMOR: Final = 4095
_SYSCTL: Final = r"([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_MOST_SYSCTL: Final = 253
_IPC: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")


def validate_pod_security(spec: Mapping[str, Any], path: str) -> list[Cause]:
    """Return what is wrong with a pod's security context and the namespaces that it shares."""
    context, here = spec.get("securityContext") or {}, f"{path}.securityContext"
    causes = _ids(context, ("fsGroup", "runAsUser", "runAsGroup"), here)
    for i, group in enumerate(context.get("supplementalGroups") or ()):
        causes += each_invalid(f"{here}.supplementalGroups[{i}]", group, _id_problems(group))
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        causes.append(invalid(f"{here}.shareProcessNamespace", value=True, detail=detail))
    if spec.get("hostUsers") is False:
        shared = (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))  # upstream's paths
        causes += [
            forbidden(f"{path}.{shown}", "when `hostUsers` is false") for name, shown in shared if spec.get(name)
        ]
    causes += _sysctls(spec, f"{here}.sysctls")
    causes += _one_of(context, "fsGroupChangePolicy", ("Always", "OnRootMismatch"), here)
    causes += _seccomp(context.get("seccompProfile"), f"{here}.seccompProfile")
    causes += _apparmor(context.get("appArmorProfile"), f"{here}.appArmorProfile")
    return causes + _one_of(context, "supplementalGroupsPolicy", ("Merge", "Strict"), here)


def validate_container_security(container: Mapping[str, Any], path: str, *, host_users: bool) -> list[Cause]:
    """Return what is wrong with a container's security context."""
    context, here = container.get("securityContext") or {}, f"{path}.securityContext"
    causes = _ids(context, ("runAsUser", "runAsGroup"), here)
    mount = context.get("procMount")
    if mount is not None and mount not in ("Default", "Unmasked"):
        causes.append(not_supported(f"{here}.procMount", mount, ("Default", "Unmasked")))
    elif mount == "Unmasked" and host_users:
        causes.append(invalid(f"{here}.procMount", mount, "`hostUsers` must be false to use `Unmasked`"))
    causes += _seccomp(context.get("seccompProfile"), f"{here}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        told = "cannot set `allowPrivilegeEscalation` to false and "
        if context.get("privileged"):
            causes.append(invalid(here, dict(context), f"{told}`privileged` to true"))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            causes.append(invalid(here, dict(context), f"{told}`capabilities.Add` CAP_SYS_ADMIN"))
    return causes + _apparmor(context.get("appArmorProfile"), f"{here}.appArmorProfile")


def _ids(context: Context, fields: tuple[str, ...], path: str) -> list[Cause]:
    given = [(field, context[field]) for field in fields if context.get(field) is not None]
    return [cause for field, value in given for cause in each_invalid(f"{path}.{field}", value, _id_problems(value))]


def _id_problems(value: int) -> list[str]:
    return [] if 0 <= value <= _MOST_ID else [_ID_TEXT]


def _one_of(context: Context, field: str, supported: tuple[str, ...], path: str) -> list[Cause]:
    value = context.get(field)
    return [] if value is None or value in supported else [not_supported(f"{path}.{field}", value, supported)]


def _seccomp(profile: Context | None, path: str) -> list[Cause]:
    if profile is None:
        return []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    causes = []
    if not kind:
        causes.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _PROFILES:
        causes.append(not_supported(f"{path}.type", kind, _PROFILES))
    here = f"{path}.localhostProfile"
    if kind == "Localhost":
        if local is None:
            return [*causes, required(here, "must be set when seccomp type is Localhost")]
        return causes + each_invalid(here, local, descending_path_problems(local))
    if local is not None:
        causes.append(invalid(here, dict(profile), "can only be set when seccomp type is Localhost"))
    return causes


def _apparmor(profile: Context | None, path: str) -> list[Cause]:
    if profile is None:
        return []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    here = f"{path}.localhostProfile"
    if not kind:
        return [required(f"{path}.type", "type is required when appArmorProfile is set")]
    if kind not in _PROFILES:
        return [not_supported(f"{path}.type", kind, _PROFILES)]
    if kind != "Localhost":
        detail = "can only be set when AppArmor type is Localhost"
        return [] if local is None else [invalid(here, local, detail)]
    causes = []
    if local is not None and local.strip() != local:
        causes.append(invalid(here, local, "must not be padded with whitespace"))
    elif not local:
        causes.append(required(here, "must be set when AppArmor type is Localhost"))
    if len((local or "").encode()) > _MOST_APPARMOR:
        causes.append(too_long(here, _MOST_APPARMOR))
    return causes


def _sysctls(spec: Mapping[str, Any], path: str) -> list[Cause]:
    causes: list[Cause] = []
    taken: set[str] = set()
    for i, entry in enumerate((spec.get("securityContext") or {}).get("sysctls") or ()):
        name, here = entry.get("name") or "", f"{path}[{i}].name"
        if not name:
            causes.append(required(here))
        elif len(name) > _MOST_SYSCTL or not re.fullmatch(_SYSCTL, name):
            detail = f"must have at most {_MOST_SYSCTL} characters and match regex ^{_SYSCTL}$"
            causes.append(invalid(here, name, detail))
        elif name in taken:
            causes.append(duplicate(here, name))
        dots = name.replace("/", ".")
        if spec.get("hostNetwork") and dots.startswith("net."):
            causes.append(invalid(here, name, "may not be specified when 'hostNetwork' is true"))
        elif spec.get("hostIPC") and (dots == "kernel.sem" or dots.startswith(_IPC)):
            causes.append(invalid(here, name, "may not be specified when 'hostIPC' is true"))
        taken.add(name)
    return causes
