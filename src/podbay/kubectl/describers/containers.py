"""Containers, in the description of a pod.

Source: upstream's describer, whose lines these are.
"""

from collections.abc import Sequence
from typing import Any

from podbay.api.quantity import canonical
from podbay.kubectl.describers.text import NONE, Description, Object, full_time


def write_containers(
    out: Description, label: str, containers: Sequence[Object], statuses: Sequence[Object] | None, pod: Object
) -> None:
    """Write a list of containers with their states."""
    by_name = {status["name"]: status for status in statuses or ()}
    out.write(0, f"{label}:{'' if containers else ' <none>'}\n")
    for container in containers:
        status = by_name.get(container["name"])
        _basics(out, container, status)
        for title, field in (("Command", "command"), ("Args", "args")):
            if container.get(field):
                out.write(2, f"{title}:\n")
                for word in container[field]:
                    for line in word.split("\n"):
                        out.write(3, f"{line}\n")
        if status is not None:
            _status(out, status)
        _resources(out, container.get("resources") or {})
        for title, field in (
            ("Liveness", "livenessProbe"), ("Readiness", "readinessProbe"), ("Startup", "startupProbe"),
        ):  # fmt: skip
            if container.get(field):
                out.write(2, f"{title}:\t{probe_text(container[field])}\n")
        _env_from(out, container.get("envFrom") or ())
        _environment(out, container, pod)
        _mounts(out, container)


def _basics(out: Description, container: Object, status: Object | None) -> None:
    out.write(1, f"{container['name']}:\n")
    if status is not None:
        out.write(2, f"Container ID:\t{status.get('containerID', '')}\n")
    out.write(2, f"Image:\t{container.get('image', '')}\n")
    if status is not None:
        out.write(2, f"Image ID:\t{status.get('imageID', '')}\n")
    for title, field in (("Port", "containerPort"), ("Host Port", "hostPort")):
        ports = []
        for port in container.get("ports") or ():
            ports.append(f"{port.get(field, 0)}/{port.get('protocol', '')}")
        out.write(2, f"{title}{'s' if len(ports) > 1 else ''}:\t{', '.join(ports) or NONE}\n")
    profile = (container.get("securityContext") or {}).get("seccompProfile")
    if profile:
        out.write(2, f"SeccompProfile:\t{profile.get('type', '')}\n")
        if profile.get("type") == "Localhost":
            out.write(3, f"LocalhostProfile:\t{profile.get('localhostProfile', '')}\n")


def _status(out: Description, status: Object) -> None:
    write_state(out, "State", status.get("state") or {})
    last = status.get("lastState") or {}
    if last.get("terminated"):
        write_state(out, "Last State", last)
    out.write(2, f"Ready:\t{'True' if status.get('ready') else 'False'}\n")
    out.write(2, f"Restart Count:\t{status.get('restartCount', 0)}\n")


def write_state(out: Description, title: str, state: Object) -> None:
    """Write what a container is doing, or how it ended."""
    if state.get("running") is not None:
        out.write(2, f"{title}:\tRunning\n")
        out.write(3, f"Started:\t{full_time(state['running'].get('startedAt'))}\n")
    elif state.get("terminated") is not None:
        ended = state["terminated"]
        out.write(2, f"{title}:\tTerminated\n")
        for name, field in (("Reason", "reason"), ("Message", "message")):
            if ended.get(field):
                out.write(3, f"{name}:\t{ended[field]}\n")
        out.write(3, f"Exit Code:\t{ended.get('exitCode', 0)}\n")
        if ended.get("signal"):
            out.write(3, f"Signal:\t{ended['signal']}\n")
        out.write(3, f"Started:\t{full_time(ended.get('startedAt'))}\n")
        out.write(3, f"Finished:\t{full_time(ended.get('finishedAt'))}\n")
    else:
        out.write(2, f"{title}:\tWaiting\n")
        reason = (state.get("waiting") or {}).get("reason")
        if reason:
            out.write(3, f"Reason:\t{reason}\n")


def _resources(out: Description, resources: Object) -> None:
    for title, field in (("Limits", "limits"), ("Requests", "requests")):
        amounts = resources.get(field) or {}
        if amounts:
            out.write(2, f"{title}:\n")
        for name in sorted(amounts):
            out.write(3, f"{name}:\t{canonical(amounts[name])}\n")


def probe_text(probe: Object) -> str:
    """Return a probe in one line."""
    times = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 0)}s"
        f" period={probe.get('periodSeconds', 0)}s #success={probe.get('successThreshold', 0)}"
        f" #failure={probe.get('failureThreshold', 0)}"
    )
    if probe.get("exec") is not None:
        return f"exec [{' '.join(probe['exec'].get('command') or ())}] {times}"
    if probe.get("httpGet") is not None:
        get = probe["httpGet"]
        path = get.get("path", "")
        path = path if path.startswith("/") or not path else f"/{path}"
        return f"http-get {get.get('scheme', '').lower()}://{get.get('host', '')}:{get.get('port', '')}{path} {times}"
    if probe.get("tcpSocket") is not None:
        return f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket'].get('port', '')} {times}"
    if probe.get("grpc") is not None:
        return f"grpc <pod>:{probe['grpc'].get('port', 0)} {probe['grpc'].get('service') or ''} {times}"
    return f"unknown {times}"


def _env_from(out: Description, sources: Sequence[Any]) -> None:
    if not sources:
        return
    out.write(2, "Environment Variables from:\n")
    for source in sources:
        kind, reference = next(
            (kind, source[field])
            for kind, field in (("ConfigMap", "configMapRef"), ("Secret", "secretRef"))
            if source.get(field) is not None
        )
        prefix = f" with prefix '{source['prefix']}'" if source.get("prefix") else ""
        out.write(3, f"{reference.get('name', '')}\t{kind}{prefix}\tOptional: {_bool(reference.get('optional'))}\n")


def _environment(out: Description, container: Object, pod: Object) -> None:
    variables = container.get("env") or ()
    out.write(2, f"Environment:{'' if variables else chr(9) + NONE}\n")
    for variable in variables:
        name, source = variable["name"], variable.get("valueFrom")
        if not source:
            first, *rest = (variable.get("value") or "").split("\n")
            out.write(3, f"{name}:\t{first}\n")
            for line in rest:
                out.write(3, f"\t{line}\n")
        elif source.get("fieldRef"):
            field = source["fieldRef"]
            path, version = field.get("fieldPath", ""), field.get("apiVersion", "")
            out.write(3, f"{name}:\t{_field_of(pod, path)} ({version}:{path})\n")
        elif source.get("resourceFieldRef"):
            wanted = source["resourceFieldRef"]["resource"]
            out.write(3, f"{name}:\t{_resource_of(container, source['resourceFieldRef'])} ({wanted})\n")
        else:
            secret = source.get("secretKeyRef")
            key = secret or source.get("configMapKeyRef") or {}
            place = f"in secret '{key.get('name', '')}'" if secret else f"of config map '{key.get('name', '')}'"
            out.write(
                3, f"{name}:\t<set to the key '{key.get('key', '')}' {place}>\tOptional: {_bool(key.get('optional'))}\n"
            )


def _field_of(pod: Object, path: str) -> str:
    """Return what kubectl itself reads of a pod: for it a path is a field to select by, and those are two."""
    metadata = pod["metadata"]
    if path in ("metadata.name", "metadata.namespace"):
        return str(metadata.get(path.removeprefix("metadata."), ""))
    return ""


def _resource_of(container: Object, reference: Object) -> str:
    from podbay.api.quantity import Quantity

    which, _, name = reference["resource"].partition(".")
    resources = container.get("resources") or {}
    amount = (resources.get(which) or {}).get(name)
    if amount is None:
        return "node allocatable" if which == "limits" and name in ("cpu", "memory") else "0"
    divisor = Quantity.parse(reference.get("divisor") or "0")
    quantity = Quantity.parse(amount)
    if name == "cpu":
        step = divisor.milli or 1000
        return str(-(-quantity.milli // step))
    return str(-(-quantity.value // (divisor.value or 1)))


def _mounts(out: Description, container: Object) -> None:
    mounts = sorted(container.get("volumeMounts") or (), key=lambda mount: str(mount["mountPath"]))
    out.write(2, f"Mounts:{'' if mounts else chr(9) + NONE}\n")
    for mount in mounts:
        words = ["ro" if mount.get("readOnly") else "rw"]
        if mount.get("subPath"):
            words.append(f'path="{mount["subPath"]}"')
        out.write(3, f"{mount['mountPath']} from {mount['name']} ({','.join(words)})\n")


def _bool(value: Any) -> str:
    return "true" if value else "false"
