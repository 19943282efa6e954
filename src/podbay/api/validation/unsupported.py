"""What this release does not honour yet, and therefore refuses: mostly fields of pods.

Takes a defaulted object; gives one cause per field that would otherwise be accepted and ignored. The tables below
name what IS honoured, so that a field nobody thought of is refused, not lost. Invariant: a field that is absent,
empty or at its default is never refused.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from podbay.api.errors import Cause
from podbay.api.validation.field_errors import forbidden

FIELD_TEXT: Final = "podbay does not support this field yet"
VALUE_TEXT: Final = "podbay does not support this value yet"


@dataclass(frozen=True, slots=True)
class Values:
    """A field of which only these values are honoured, or are the default."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Honoured:
    """A field that is honoured whatever it says."""


@dataclass(frozen=True, slots=True)
class Fields:
    """An object (or each object of a list) of which only these fields are honoured."""

    rules: "Mapping[str, Rule]"


Rule = Values | Honoured | Fields
_YES: Final = Honoured()


def _honoured(*names: str) -> dict[str, Rule]:
    return dict.fromkeys(names, _YES)


_BOTH_SECURITIES: Final[dict[str, Rule]] = {
    **_honoured("runAsUser", "runAsGroup", "runAsNonRoot", "seLinuxOptions", "seccompProfile", "appArmorProfile"),
}
_POD_SECURITY: Final[dict[str, Rule]] = {
    **_BOTH_SECURITIES,
    **_honoured("supplementalGroups", "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy", "sysctls"),
}
_CONTAINER_SECURITY: Final[dict[str, Rule]] = {
    **_BOTH_SECURITIES,
    **_honoured("privileged", "allowPrivilegeEscalation", "readOnlyRootFilesystem", "procMount"),
    "capabilities": Fields(_honoured("add", "drop")),
}
_CONTAINER: Final[dict[str, Rule]] = {
    **_honoured("name", "image", "command", "args", "workingDir", "envFrom", "imagePullPolicy"),
    **_honoured("stdin", "stdinOnce", "tty", "terminationMessagePath", "terminationMessagePolicy"),
    "ports": Fields(_honoured("name", "containerPort", "protocol", "hostPort", "hostIP")),
    "env": Fields({
        **_honoured("name", "value"),
        "valueFrom": Fields(_honoured("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef")),
    }),
    "resources": Fields(_honoured("limits", "requests")),
    "resizePolicy": Fields(_honoured("resourceName", "restartPolicy")),
    "volumeMounts": Fields({
        **_honoured("name", "mountPath", "readOnly", "subPath", "subPathExpr", "recursiveReadOnly"),
        **_honoured("mountPropagation"),
    }),
    "securityContext": Fields(_CONTAINER_SECURITY),
    **_honoured("livenessProbe", "readinessProbe", "startupProbe"),
    "lifecycle": Fields(_honoured("postStart", "preStop", "stopSignal")),
}  # fmt: skip
_CLAIM: Final[dict[str, Rule]] = {
    **_honoured("accessModes", "resources", "selector", "storageClassName", "volumeMode", "volumeName"),
}
_POD_SPEC: Final[dict[str, Rule]] = {
    "containers": Fields(_CONTAINER),
    "initContainers": Fields({**_CONTAINER, "restartPolicy": _YES}),
    "ephemeralContainers": Fields({**_CONTAINER, "targetContainerName": _YES}),
    **_honoured("readinessGates", "activeDeadlineSeconds"),
    "volumes": Fields(
        {
            **_honoured("name", "hostPath", "configMap", "secret", "downwardAPI", "image", "persistentVolumeClaim"),
            "ephemeral": Fields({"volumeClaimTemplate": Fields({"metadata": _YES, "spec": Fields(_CLAIM)})}),
            "emptyDir": Fields(_honoured("medium", "sizeLimit")),
            "projected": Fields(
                {
                    "defaultMode": _YES,
                    "sources": Fields(_honoured("configMap", "secret", "downwardAPI", "serviceAccountToken")),
                }
            ),
        }
    ),
    **_honoured("restartPolicy", "terminationGracePeriodSeconds", "nodeName", "nodeSelector", "schedulerName"),
    **_honoured(
        "hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostname", "serviceAccountName", "serviceAccount"
    ),
    **_honoured("automountServiceAccountToken"),
    **_honoured("enableServiceLinks"),  # no service exists yet: it says nothing that is not so
    **_honoured("imagePullSecrets"),
    **_honoured("dnsPolicy", "dnsConfig", "hostAliases", "subdomain", "setHostnameAsFQDN"),
    **_honoured("affinity", "topologySpreadConstraints", "schedulingGates", "tolerations"),
    **_honoured("priority", "priorityClassName", "preemptionPolicy", "runtimeClassName", "overhead"),
    "hostUsers": _YES,
    "os": Fields({"name": Values(("linux",))}),
    "securityContext": Fields(_POD_SECURITY),
}


def unsupported_in_pod(pod: Mapping[str, Any]) -> list[Cause]:
    """Return a cause for each field of a pod that the kubelet and the scheduler do not honour."""
    spec = pod.get("spec") or {}
    return _of_object(spec, _POD_SPEC, "spec")


def unsupported_in_node(node: Mapping[str, Any]) -> list[Cause]:
    """Return a cause for each field of a node that nothing acts upon."""
    spec = node.get("spec") or {}
    return [forbidden("spec.configSource", FIELD_TEXT)] if spec.get("configSource") else []


def _of_object(obj: Mapping[str, Any], rules: Mapping[str, Rule], path: str) -> list[Cause]:
    causes = []
    for name, value in obj.items():
        if value is None or value is False or value in ("", [], {}):
            continue
        causes += _of_field(value, rules.get(name), f"{path}.{name}")
    return causes


def _of_field(value: Any, rule: Rule | None, path: str) -> list[Cause]:
    match rule:
        case None:
            return [forbidden(path, FIELD_TEXT)]
        case Honoured():
            return []
        case Values(values):
            return [] if value in values else [forbidden(path, VALUE_TEXT)]
        case Fields(rules):
            if isinstance(value, Mapping):
                return _of_object(value, rules, path)
            if isinstance(value, Sequence) and not isinstance(value, str):
                found = [_of_object(item, rules, f"{path}[{i}]") for i, item in enumerate(value)]
                return [cause for causes in found for cause in causes]
            return [forbidden(path, FIELD_TEXT)]
