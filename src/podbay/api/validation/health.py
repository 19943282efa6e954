"""Rules of probes and lifecycle hooks, and of what both do: a command, a request, a connection, a pause.

Takes a container; gives causes. Invariant: exactly one thing is done by each probe and hook.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Probe
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.validation.field_errors import each_invalid, forbidden, invalid, not_supported, required

Object = Mapping[str, Any]

_SCHEMES: Final = ("HTTP", "HTTPS")
_HEADER: Final = re.compile("[-A-Za-z0-9]+")
_HEADER_TEXT: Final = (
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for"
    " validation is '[-A-Za-z0-9]+')"
)
_WINDOWS_SIGNALS: Final = ("SIGKILL", "SIGTERM")
_LINUX_SIGNALS: Final = tuple(sorted([
    *(f"SIG{name}" for name in (
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
        "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN",
        "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    )),
    *(f"SIGRTMIN+{n}" for n in range(1, 16)),
    *(f"SIGRTMAX-{n}" for n in range(1, 15)),
]))  # fmt: skip
_NOT_NEGATIVE: Final = "must be greater than or equal to 0"
_COUNTS: Final = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def validate_health(container: Object, grace_s: int | None, path: str) -> list[Cause]:
    """Return what is wrong with a container's hooks and probes. ``grace_s`` is the pod's."""
    causes: list[Cause] = []
    for name in ("postStart", "preStop"):
        hook = (container.get("lifecycle") or {}).get(name)
        if hook is not None:
            causes += _action(hook, grace_s, f"{path}.lifecycle.{name}")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is not None:
            causes += _probe(kind, probe, grace_s, f"{path}.{kind}")
    return causes


def validate_stop_signal(container: Object, system: str | None, path: str) -> list[Cause]:
    """Return what is wrong with the signal that asks a container to end, on an operating system."""
    signal, here = (container.get("lifecycle") or {}).get("stopSignal"), f"{path}.lifecycle.stopSignal"
    if signal is None:
        return []
    if not system:
        return [forbidden(here, "may not be set for containers with empty `spec.os.name`")]
    known = _WINDOWS_SIGNALS if system == "windows" else _LINUX_SIGNALS
    return [] if signal in known else [not_supported(here, signal, known)]


def _probe(kind: str, probe: Object, grace_s: int | None, path: str) -> list[Cause]:
    causes = _action(probe, grace_s, path)
    for name in _COUNTS:
        value = probe.get(name) or 0
        if value < 0:
            causes.append(invalid(f"{path}.{name}", value, _NOT_NEGATIVE))
    own = probe.get("terminationGracePeriodSeconds")
    if own is not None and own <= 0:
        causes.append(invalid(f"{path}.terminationGracePeriodSeconds", own, "must be greater than 0"))
    if kind == "readinessProbe":
        if own is not None:
            detail = "must not be set for readinessProbes"
            causes.append(invalid(f"{path}.terminationGracePeriodSeconds", own, detail))
    elif probe.get("successThreshold") != 1:
        causes.append(invalid(f"{path}.successThreshold", probe.get("successThreshold") or 0, "must be 1"))
    return causes


def _action(action: Object, grace_s: int | None, path: str) -> list[Cause]:
    """Return what is wrong with what a probe or a hook does."""
    rules: tuple[tuple[str, Callable[[Object, str], list[Cause]]], ...] = (
        ("exec", _exec),
        ("httpGet", _http_get),
        ("tcpSocket", lambda socket, here: _port(socket.get("port"), f"{here}.port")),
        ("grpc", lambda grpc, here: _port(grpc.get("port"), f"{here}.port")),
        ("sleep", lambda sleep, here: _sleep(sleep, grace_s, here)),
    )
    causes: list[Cause] = []
    is_given = False
    for name, rule in rules:
        if action.get(name) is None:
            continue
        if is_given:
            causes.append(forbidden(f"{path}.{name}", "may not specify more than 1 handler type"))
        else:
            causes += rule(action[name], f"{path}.{name}")
        is_given = True
    return causes if is_given else [required(path, "must specify a handler type")]


def _exec(command: Object, path: str) -> list[Cause]:
    return [] if command.get("command") else [required(f"{path}.command")]


def _http_get(get: Object, path: str) -> list[Cause]:
    causes = [] if get.get("path") else [required(f"{path}.path")]
    causes += _port(get.get("port"), f"{path}.port")
    if get.get("scheme") not in _SCHEMES:
        causes.append(not_supported(f"{path}.scheme", get.get("scheme") or "", _SCHEMES))
    for header in get.get("httpHeaders") or ():
        name = header.get("name") or ""
        if not _HEADER.fullmatch(name):
            causes.append(invalid(f"{path}.httpHeaders", name, _HEADER_TEXT))
    return causes


def _sleep(sleep: Object, grace_s: int | None, path: str) -> list[Cause]:
    seconds = sleep.get("seconds") or 0
    if grace_s is None or 0 <= seconds <= grace_s:
        return []
    return [invalid(path, seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})")]


def _port(port: Any, path: str) -> list[Cause]:
    if isinstance(port, str):
        return each_invalid(path, port, names.port_name_problems(port))
    return each_invalid(path, port or 0, names.port_number_problems(port or 0))
