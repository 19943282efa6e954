"""What a pod's processes may do and become: capabilities, users, and privileges that grow.

Pure: checks over a pod's metadata and spec; one that has nothing to say gives None. But for ``capabilities_baseline``
all belong to the level restricted. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from typing import Final

from podbay.api.pod_security.violation import (
    Check,
    Object,
    Violation,
    containers,
    containers_that,
    named,
    quoted,
    security,
    setters,
)

_DEFAULT: Final = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})  # fmt: skip
_RESTRICTED: Final = frozenset({"NET_BIND_SERVICE"})


def unless_windows(check: Check) -> Check:
    """Return a check that lets pods of Windows pass, which have no such fields. So since 1.25."""

    def checked(metadata: Object, spec: Object) -> Violation | None:
        return None if (spec.get("os") or {}).get("name") == "windows" else check(metadata, spec)

    return checked


def privilege_escalation(_: Object, spec: Object) -> Violation | None:
    """Want privileges that do not grow, from every container by name."""
    bad = containers_that(spec, lambda container: security(container).get("allowPrivilegeEscalation") is not False)
    if not bad:
        return None
    detail = f"{named('container', bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail)


def capabilities_baseline(_: Object, spec: Object) -> Violation | None:
    """Refuse capabilities beyond those that containers have anyway."""
    told = _added_beyond(spec, _DEFAULT)
    return Violation("non-default capabilities", told) if told else None


def capabilities_restricted(_: Object, spec: Object) -> Violation | None:
    """Want all capabilities dropped, and none added but to bind low ports."""
    keeping = containers_that(spec, lambda container: "ALL" not in _capabilities(container, "drop"))
    told = [f'{named("container", keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if added := _added_beyond(spec, _RESTRICTED):
        told.append(added)
    return Violation("unrestricted capabilities", "; ".join(told)) if told else None


def run_as_non_root(_: Object, spec: Object) -> Violation | None:
    """Want a user other than root, by the pod's word or by each container's."""
    reason, field = "runAsNonRoot != true", "securityContext.runAsNonRoot"
    whole = security(spec).get("runAsNonRoot")
    bad = containers_that(spec, lambda container: security(container).get("runAsNonRoot") is False)
    if who := setters(bad, pod=whole is False):
        return Violation(reason, f"{who} must not set {field}=false")
    silent = containers_that(spec, lambda container: security(container).get("runAsNonRoot") is None)
    if whole or not silent:
        return None
    return Violation(reason, f"pod or {named('container', silent)} must set {field}=true")


def run_as_user(_: Object, spec: Object) -> Violation | None:
    """Refuse the user 0."""
    bad = containers_that(spec, lambda container: security(container).get("runAsUser") == 0)
    who = setters(bad, pod=security(spec).get("runAsUser") == 0)
    return Violation("runAsUser=0", f"{who} must not set runAsUser=0") if who else None


def _added_beyond(spec: Object, allowed: frozenset[str]) -> str:
    bad = containers_that(spec, lambda container: bool(_capabilities(container, "add") - allowed))
    if not bad:
        return ""
    added = sorted({name for container in containers(spec) for name in _capabilities(container, "add")} - allowed)
    return f"{named('container', bad)} must not include {quoted(added)} in securityContext.capabilities.add"


def _capabilities(container: Object, way: str) -> set[str]:
    return set((security(container).get("capabilities") or {}).get(way) or ())
