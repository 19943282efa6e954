"""Rules of a container's environment: names, values and where values come from.

Takes ``env`` and ``envFrom``; gives causes. Invariant: a variable has a value or one source, never both.
Source: https://kubernetes.io/docs/tasks/inject-data-application/
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from podbay.api import names
from podbay.api.errors import Cause
from podbay.api.huge_pages import PREFIX
from podbay.api.quantity import Quantity
from podbay.api.validation.field_errors import each_invalid, invalid, not_supported, required

_FIELD_PATHS: Final = (
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
)  # fmt: skip
# Fields that the API can name but that no environment variable may take.
_OTHER_FIELD_PATHS: Final = (
    "metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase",
)  # fmt: skip
_RESOURCES: Final = (
    "limits.cpu", "limits.ephemeral-storage", "limits.memory",
    "requests.cpu", "requests.ephemeral-storage", "requests.memory",
)  # fmt: skip
_HUGE_PAGES: Final = (f"limits.{PREFIX}", f"requests.{PREFIX}")
_SIZES: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SOURCES: Final = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")
_MORE_THAN_ONE: Final = "may not have more than one field specified at a time"


def validate_env(variables: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with the variables of a container."""
    causes = []
    for i, variable in enumerate(variables):
        name = variable.get("name") or ""
        if name:
            causes += each_invalid(f"{path}[{i}].name", name, names.env_name_problems(name))
        else:
            causes.append(required(f"{path}[{i}].name"))
        if variable.get("valueFrom") is not None:
            causes += _value_from(variable, f"{path}[{i}].valueFrom")
    return causes


def validate_env_from(sources: Sequence[Mapping[str, Any]], path: str) -> list[Cause]:
    """Return what is wrong with the whole objects that a container takes variables from."""
    causes = []
    for i, source in enumerate(sources):
        prefix = source.get("prefix") or ""
        if prefix:
            causes += each_invalid(f"{path}[{i}].prefix", prefix, names.env_name_problems(prefix))
        given = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in given:
            name = source[kind].get("name") or ""
            here = f"{path}[{i}].{kind}.name"
            if name:
                problems = names.dns1123_subdomain_problems(names.with_masked_dash(name))
                causes += each_invalid(here, name, problems)
            else:
                causes.append(required(here))
        if not given:
            causes.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(given) > 1:
            causes.append(invalid(path, "", _MORE_THAN_ONE))
    return causes


def _value_from(variable: Mapping[str, Any], path: str) -> list[Cause]:
    source, causes = variable["valueFrom"], []
    given = [kind for kind in _SOURCES if source.get(kind) is not None]
    if "fieldRef" in given:
        causes += validate_field_reference(source["fieldRef"], f"{path}.fieldRef", _FIELD_PATHS)
    if "resourceFieldRef" in given:
        causes += validate_resource_reference(source["resourceFieldRef"], f"{path}.resourceFieldRef")
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in given:
            causes += _key(source[kind], f"{path}.{kind}")
    if not given:
        detail = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
        causes.append(invalid(path, "", detail))
    elif variable.get("value"):
        causes.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(given) > 1:
        causes.append(invalid(path, "", _MORE_THAN_ONE))
    return causes


def validate_field_reference(reference: Mapping[str, Any], path: str, allowed: Sequence[str]) -> list[Cause]:
    """Return what is wrong with a reference to a field of the pod, of which these may be taken without a key."""
    version, field = reference.get("apiVersion") or "", reference.get("fieldPath") or ""
    if not version:
        return [required(f"{path}.apiVersion")]
    if not field:
        return [required(f"{path}.fieldPath")]
    if version != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {version}"
        return [invalid(f"{path}.fieldPath", field, detail)]
    base, subscript = split_subscript(field)
    known = (*_FIELD_PATHS, *_OTHER_FIELD_PATHS)
    if subscript is not None:
        if base == "metadata.annotations":
            return each_invalid(path, subscript.lower(), names.qualified_name_problems(subscript.lower()))
        if base == "metadata.labels":
            return each_invalid(path, subscript, names.qualified_name_problems(subscript))
        if base in known:
            detail = f'error converting fieldPath: field label does not support subscript: "{field}"'
            return [invalid(f"{path}.fieldPath", field, detail)]
    if field == "spec.host":
        return []  # the name that clients of long ago give to spec.nodeName
    if field not in known:
        detail = f"error converting fieldPath: field label not supported: {field}"
        return [invalid(f"{path}.fieldPath", field, detail)]
    return [] if field in allowed else [not_supported(f"{path}.fieldPath", field, allowed)]


def split_subscript(field_path: str) -> tuple[str, str | None]:
    """Return the two parts of ``metadata.labels['key']``; the second is None without a subscript."""
    base, bracket, rest = field_path.partition("['")
    if bracket and base and rest.endswith("']"):
        return base, rest[:-2]
    return field_path, None


def validate_resource_reference(
    reference: Mapping[str, Any], path: str, *, needs_container: bool = False
) -> list[Cause]:
    """Return what is wrong with a reference to a container's resources; a volume's must name the container."""
    resource, causes = reference.get("resource") or "", []
    if needs_container and not reference.get("containerName"):
        causes.append(required(f"{path}.containerName"))
    elif not resource:
        causes.append(required(f"{path}.resource"))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE_PAGES):
        causes.append(not_supported(f"{path}.resource", resource, _RESOURCES))
    try:
        divisor = Quantity.parse(reference.get("divisor") or "0")
    except ValueError as error:
        return [*causes, invalid(f"{path}.divisor", reference.get("divisor"), str(error))]
    if not divisor:
        return causes
    kind = resource.partition(".")[2]
    if kind == "cpu" and str(divisor) not in ("1m", "1"):
        detail = "only divisor's values 1m and 1 are supported with the cpu resource"
        causes.append(invalid(f"{path}.divisor", resource, detail))
    named = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}.get(kind)
    named = "hugepages" if kind.startswith(PREFIX) else named
    if named and str(divisor) not in _SIZES:
        detail = f"only divisor's values {', '.join(_SIZES)} are supported with the {named} resource"
        causes.append(invalid(f"{path}.divisor", resource, detail))
    return causes


def _key(reference: Mapping[str, Any], path: str) -> list[Cause]:
    name, key = reference.get("name") or "", reference.get("key") or ""
    causes = each_invalid(f"{path}.name", name, names.dns1123_subdomain_problems(name))
    if key:
        return causes + each_invalid(f"{path}.key", key, names.config_key_problems(key))
    return [*causes, required(f"{path}.key")]
