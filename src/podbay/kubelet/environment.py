"""A container's environment, command and arguments: every source, and ``$(VAR)`` in them.

Takes the container, its pod and a way to get config maps and secrets; gives names and values in order. What is missing
is a ConfigurationError with upstream's message.
Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from podbay.api.pod_containers import find_container
from podbay.api.quantity import Quantity

Object = Mapping[str, Any]
Fetch = Callable[[str, str], Awaitable[Object | None]]  # ("configmap" or "secret", name) -> object

_REFERENCE: Final = re.compile(r"\$(\$|\(([^()]*)\))")
_DEFAULTED: Final = ("cpu", "memory", "ephemeral-storage")
_KEYED: Final = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


class ConfigurationError(Exception):
    """A container cannot be made from what its pod says: CreateContainerConfigError."""


async def environment(
    container: Object,
    pod: Object,
    status: Object,
    fetch: Fetch,
    allocatable: Mapping[str, str],
    services: Mapping[str, str],
) -> list[tuple[str, str]]:
    """Return the environment. ``status`` has the addresses as they are now. Raises ConfigurationError.

    ``services`` are variables that every container has; what it says itself goes before them.
    """
    values: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        values.update(await _from_source(source, pod, fetch))
    own: dict[str, str] = {}
    for variable in container.get("env") or ():
        name = variable["name"]
        if "valueFrom" in variable:
            source = variable["valueFrom"]
            if "resourceFieldRef" in source:
                value: str | None = resource_value(source["resourceFieldRef"], container, pod, allocatable)
            else:
                value = await _value_from(source, pod, status, fetch)
            if value is None:
                continue
        else:
            value = expand(variable.get("value", ""), {**services, **values, **own})
        own[name] = value
    said = {**values, **own}
    return [*said.items(), *((name, value) for name, value in services.items() if name not in said)]


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by its value; ``$$`` is a dollar; unknown names stay as they are."""

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return values.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def expand_all(texts: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Expand a command or its arguments."""
    return [expand(text, values) for text in texts]


async def _from_source(source: Object, pod: Object, fetch: Fetch) -> dict[str, str]:
    prefix = source.get("prefix", "")
    found: dict[str, str] = {}
    for field, kind in (("configMapRef", "configmap"), ("secretRef", "secret")):
        reference = source.get(field)
        if reference is None:
            continue
        obj = await fetch(kind, reference["name"])
        if obj is None:
            if reference.get("optional"):
                continue
            raise ConfigurationError(f'{kind} "{reference["name"]}" not found')
        for key, value in (obj.get("data") or {}).items():
            found[prefix + key] = _decoded(kind, value)
    return found


async def _value_from(source: Object, pod: Object, status: Object, fetch: Fetch) -> str | None:
    if "fieldRef" in source:
        return field_value(source["fieldRef"]["fieldPath"], pod, status)
    for field, kind in (("configMapKeyRef", "configmap"), ("secretKeyRef", "secret")):
        reference = source.get(field)
        if reference is None:
            continue
        obj = await fetch(kind, reference["name"])
        if obj is None:
            if reference.get("optional"):
                return None
            raise ConfigurationError(f'{kind} "{reference["name"]}" not found')
        value = (obj.get("data") or {}).get(reference["key"])
        if value is None:
            if reference.get("optional"):
                return None
            namespace = pod["metadata"]["namespace"]
            title = "ConfigMap" if kind == "configmap" else "Secret"
            raise ConfigurationError(f"couldn't find key {reference['key']} in {title} {namespace}/{reference['name']}")
        return _decoded(kind, value)
    return ""


def field_value(path: str, pod: Object, status: Object) -> str:
    """Return the value of a field of the pod that the downward API knows."""
    metadata, spec = pod["metadata"], pod["spec"]
    keyed = _KEYED.fullmatch(path)
    if keyed:
        return str((metadata.get(keyed[1]) or {}).get(keyed[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        found = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(found.items()))
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": status.get("hostIP", ""),
        "status.hostIPs": ",".join(ip["ip"] for ip in status.get("hostIPs") or ()),
        "status.podIP": status.get("podIP", ""),
        "status.podIPs": ",".join(ip["ip"] for ip in status.get("podIPs") or ()),
    }
    if path not in values:
        raise ConfigurationError(f"unsupported fieldPath: {path}")
    return str(values[path])


def resource_value(reference: Object, container: Object, pod: Object, allocatable: Mapping[str, str]) -> str:
    """Return a request or limit of a container, in whole divisors rounded up. No limit is what the node has.

    Huge pages are never overdrawn: no limit is none of them.
    """
    name = reference.get("containerName") or container["name"]
    found = find_container(pod["spec"], name)
    if found is None:
        raise ConfigurationError(f"container {name} not found")
    named = found[1]
    kind, _, resource = str(reference["resource"]).partition(".")
    amounts = (named.get("resources") or {}).get(kind) or {}
    text = amounts.get(resource)
    if text is None:
        text = allocatable.get(resource, "0") if kind == "limits" and resource in _DEFAULTED else "0"
    amount, divisor = Quantity.parse(text), Quantity.parse(reference.get("divisor") or "1")
    if divisor.milli == 0:
        divisor = Quantity.parse("1")
    if resource == "cpu":
        return str(-(-amount.milli // divisor.milli))
    return str(-(-amount.value // divisor.value))


def _decoded(kind: str, value: str) -> str:
    return base64.b64decode(value).decode("utf-8", "replace") if kind == "secret" else value
