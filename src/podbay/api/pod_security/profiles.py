"""What a pod may change of the profiles that confine it: AppArmor's, seccomp's and SELinux'.

Pure: checks over a pod's metadata and spec; one that has nothing to say gives None. Baseline lets profiles be, and
restricted wants one of seccomp's to be named. Invariant: where a pod names a good profile of seccomp, its containers
need not. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

import json
from collections.abc import Collection
from typing import Final

from podbay.api.pod_security.violation import (
    Check,
    Object,
    Violation,
    containers,
    containers_that,
    named,
    plural,
    quoted,
    security,
    setters,
)

SELINUX_1_0: Final = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
SELINUX_1_31: Final = SELINUX_1_0 | {"container_engine_t"}
_GOOD: Final = ("RuntimeDefault", "Localhost")
_APPARMOR_KEY: Final = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
_TYPE: Final = "securityContext.seccompProfile.type"


def app_armor(metadata: Object, spec: Object) -> Violation | None:
    """Refuse to run without a profile of AppArmor's, told by field or by annotation."""
    bad = containers_that(spec, lambda container: _is_bad(container, "appArmorProfile"))
    who = [one for one in [setters(bad, pod=_is_bad(spec, "appArmorProfile"))] if one]
    told = _bad_types(spec, "appArmorProfile")
    annotations = [
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in sorted((metadata.get("annotations") or {}).items())
        if key.startswith(_APPARMOR_KEY) and value not in ("", "runtime/default") and not value.startswith("localhost/")
    ]
    if annotations:
        told += sorted(annotations)
        who.append(plural("annotation", annotations))
    if not who:
        return None
    detail = f"{' and '.join(who)} must not set AppArmor profile type to {quoted(told)}"
    return Violation(plural("forbidden AppArmor profile", told), detail)


def seccomp_annotations(metadata: Object, spec: Object) -> Violation | None:
    """Refuse other profiles of seccomp's than the usual ones, as annotations told them before 1.19."""
    annotations = metadata.get("annotations") or {}
    keys = {_SECCOMP_POD} | {f"{_SECCOMP_CONTAINER}{container.get('name') or ''}" for container in containers(spec)}
    bad = sorted(
        f"{key}={json.dumps(annotations[key], ensure_ascii=False)}"
        for key in keys
        if key in annotations
        and annotations[key] not in ("runtime/default", "docker/default")
        and not annotations[key].startswith("localhost/")
    )
    return Violation("seccompProfile", f"forbidden {plural('annotation', bad)} {', '.join(bad)}") if bad else None


def seccomp_baseline(_: Object, spec: Object) -> Violation | None:
    """Refuse to run without a profile of seccomp's because the pod says so."""
    bad = containers_that(spec, lambda container: _is_bad(container, "seccompProfile"))
    who = setters(bad, pod=_is_bad(spec, "seccompProfile"))
    if not who:
        return None
    return Violation("seccompProfile", f"{who} must not set {_TYPE} to {quoted(_bad_types(spec, 'seccompProfile'))}")


def seccomp_restricted(metadata: Object, spec: Object) -> Violation | None:
    """Refuse to run without a profile of seccomp's, also by saying nothing."""
    bad = seccomp_baseline(metadata, spec)
    if bad is not None or security(spec).get("seccompProfile"):
        return bad
    silent = containers_that(spec, lambda container: not security(container).get("seccompProfile"))
    if not silent:
        return None
    detail = f'pod or {named("container", silent)} must set {_TYPE} to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", detail)


def selinux_but(types: Collection[str]) -> Check:
    """Return the check that refuses users, roles and all types of SELinux' but these."""

    def is_bad(holder: Object) -> bool:
        options = security(holder).get("seLinuxOptions") or {}
        return (options.get("type") or "") not in types or bool(options.get("user") or options.get("role"))

    def selinux(_: Object, spec: Object) -> Violation | None:
        who = setters(containers_that(spec, is_bad), pod=is_bad(spec))
        if not who:
            return None
        options = [security(holder).get("seLinuxOptions") or {} for holder in (spec, *containers(spec))]
        bad = sorted({one.get("type") or "" for one in options} - set(types))
        told = [named("type", bad)] if bad else []
        told += [f"{name} may not be set" for name in ("user", "role") if any(one.get(name) for one in options)]
        return Violation("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(told)}")

    return selinux


def _is_bad(holder: Object, field: str) -> bool:
    profile = security(holder).get(field)
    return profile is not None and profile.get("type") not in _GOOD


def _bad_types(spec: Object, field: str) -> list[str]:
    holders = [holder for holder in (spec, *containers(spec)) if _is_bad(holder, field)]
    return sorted({security(holder)[field].get("type") or "" for holder in holders})
