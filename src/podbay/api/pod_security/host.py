"""What a pod may take of its host: namespaces, ports, devices, the kernel's parameters, an unmasked /proc.

Pure: checks over a pod's metadata and spec; one that has nothing to say gives None. All belong to the level baseline.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
"""

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

SYSCTLS_1_0: Final = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
})  # fmt: skip
SYSCTLS_1_27: Final = SYSCTLS_1_0 | {"net.ipv4.ip_local_reserved_ports"}
SYSCTLS_1_29: Final = SYSCTLS_1_27 | {
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}  # fmt: skip
SYSCTLS_1_32: Final = SYSCTLS_1_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}


def host_namespaces(_: Object, spec: Object) -> Violation | None:
    """Refuse the host's network, processes and IPC."""
    taken = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return Violation("host namespaces", ", ".join(taken)) if taken else None


def host_ports(_: Object, spec: Object) -> Violation | None:
    """Refuse ports of the host."""
    bad = containers_that(spec, lambda container: bool(_ports(container)))
    if not bad:
        return None
    ports = sorted({port for container in containers(spec) for port in _ports(container)})
    use = "uses" if len(bad) == 1 else "use"
    return Violation("hostPort", f"{named('container', bad)} {use} {plural('hostPort', ports)} {', '.join(ports)}")


def _ports(container: Object) -> list[str]:
    return [str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")]


def privileged(_: Object, spec: Object) -> Violation | None:
    """Refuse privileged containers."""
    bad = containers_that(spec, lambda container: bool(security(container).get("privileged")))
    if not bad:
        return None
    return Violation("privileged", f"{named('container', bad)} must not set securityContext.privileged=true")


def proc_mount(_: Object, spec: Object) -> Violation | None:
    """Refuse a /proc other than the default one, whatever the user namespace."""
    bad = containers_that(spec, lambda container: _mount(container) != "Default")
    if not bad:
        return None
    kinds = sorted({_mount(container) for container in containers(spec)} - {"Default"})
    detail = f"{named('container', bad)} must not set securityContext.procMount to {quoted(kinds)}"
    return Violation("procMount", detail)


def _mount(container: Object) -> str:
    kind = security(container).get("procMount")
    return "Default" if kind is None else str(kind)


def sysctls_but(allowed: Collection[str]) -> Check:
    """Return the check that refuses all kernel parameters but these."""

    def sysctls(_: Object, spec: Object) -> Violation | None:
        names = [entry.get("name") or "" for entry in security(spec).get("sysctls") or ()]
        bad = [name for name in names if name not in allowed]
        return Violation("forbidden sysctls", ", ".join(bad)) if bad else None

    return sysctls


def windows_host_process(_: Object, spec: Object) -> Violation | None:
    """Refuse Windows' processes of the host."""
    bad = containers_that(spec, _is_host_process)
    who = setters(bad, pod=_is_host_process(spec))
    if not who:
        return None
    return Violation("hostProcess", f"{who} must not set securityContext.windowsOptions.hostProcess=true")


def _is_host_process(holder: Object) -> bool:
    return bool((security(holder).get("windowsOptions") or {}).get("hostProcess"))
