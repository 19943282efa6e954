"""Defaults of pods, of pod templates and of what is in them.

Takes a pod or a template; changes it in place. Invariant: a stored pod says its restart policy, DNS policy, grace
period, scheduler and security context, and each container its pull policy, resources and termination message.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from collections.abc import Iterator
from typing import Any, Final

from podbay.api.defaults.resource_lists import round_up
from podbay.api.defaults.volumes import default_claim_spec
from podbay.api.images import DEFAULT_TAG, parse_image_name

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE: Final = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_MODE: Final = 0o644
_TOKEN_EXPIRATION_S: Final = 3600
_SPEC: Final[dict[str, Any]] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
}


def default_pod(pod: dict[str, Any]) -> None:
    """Fill in every default of a pod."""
    spec, status = pod.setdefault("spec", {}), pod.setdefault("status", {})
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        _default_requests(container)
        if spec.get("hostNetwork"):
            _default_host_ports(container)
    default_pod_spec(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    _pair_addresses(status, "podIP", "podIPs")
    _pair_addresses(status, "hostIP", "hostIPs")
    for condition in status.get("conditions") or ():
        condition.setdefault("lastProbeTime", None)  # upstream always writes these two, and a patch drops nulls
        condition.setdefault("lastTransitionTime", None)


def default_pod_template(pod_template: dict[str, Any]) -> None:
    """Fill in every default of a pod template: what a pod has besides is settled when one is made of it."""
    template = pod_template.setdefault("template", {})
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)  # upstream always writes it
    default_pod_spec(template.setdefault("spec", {}))


def default_pod_spec(spec: dict[str, Any]) -> None:
    """Fill in the defaults of a pod's spec that a pod template has too."""
    for name, value in _SPEC.items():
        if spec.get(name) in (None, ""):
            spec[name] = value
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    # serviceAccount is the old name of serviceAccountName; both are always written.
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for container in _containers(spec):
        _default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)
    round_up(spec.get("overhead"))


def _containers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(kind) or ()


def _default_requests(container: dict[str, Any]) -> None:
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if limits:
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _default_host_ports(container: dict[str, Any]) -> None:
    for port in container.get("ports") or ():
        if not port.get("hostPort") and port.get("containerPort"):
            port["hostPort"] = port["containerPort"]


def _default_container(container: dict[str, Any]) -> None:
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = _pull_policy(container.get("image", ""))
    if not container.get("terminationMessagePath"):
        container["terminationMessagePath"] = "/dev/termination-log"
    if not container.get("terminationMessagePolicy"):
        container["terminationMessagePolicy"] = "File"
    if container.get("resources") is None:
        container["resources"] = {}
    round_up(container["resources"].get("limits"))
    round_up(container["resources"].get("requests"))
    for port in container.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    for variable in container.get("env") or ():
        _default_field_reference(variable.get("valueFrom") or {})
    for name in _PROBES:
        if container.get(name) is not None:
            _default_probe(container[name])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _default_http_get(hook)


def _pull_policy(image: str) -> str:
    try:
        return "Always" if parse_image_name(image).tag == DEFAULT_TAG else "IfNotPresent"
    except ValueError:
        return "IfNotPresent"  # a name that cannot be pulled is the kubelet's to report


def _default_probe(probe: dict[str, Any]) -> None:
    for name, value in _PROBE.items():
        if not probe.get(name):
            probe[name] = value
    _default_http_get(probe)
    if isinstance(probe.get("grpc"), dict) and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_http_get(handler: dict[str, Any]) -> None:
    action = handler.get("httpGet")
    if isinstance(action, dict):
        action["path"] = action.get("path") or "/"
        action["scheme"] = action.get("scheme") or "HTTP"


def _default_field_reference(source: dict[str, Any]) -> None:
    reference, resource = source.get("fieldRef"), source.get("resourceFieldRef")
    if isinstance(reference, dict) and not reference.get("apiVersion"):
        reference["apiVersion"] = "v1"
    if isinstance(resource, dict) and resource.get("divisor") in (None, ""):
        resource["divisor"] = "0"  # which counts as 1; upstream always writes it


def _default_volume(volume: dict[str, Any]) -> None:
    if not any(value is not None for name, value in volume.items() if name != "name"):
        volume["emptyDir"] = {}
    for kind in ("configMap", "secret", "downwardAPI", "projected"):
        source = volume.get(kind)
        if isinstance(source, dict) and source.get("defaultMode") is None:
            source["defaultMode"] = _MODE
    if isinstance(volume.get("hostPath"), dict) and volume["hostPath"].get("type") is None:
        volume["hostPath"]["type"] = ""
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if isinstance(claim, dict):
        claim.setdefault("metadata", {}).setdefault("creationTimestamp", None)  # upstream always writes it
        default_claim_spec(claim.setdefault("spec", {}))
    image = volume.get("image")
    if isinstance(image, dict) and not image.get("pullPolicy"):
        image["pullPolicy"] = _pull_policy(image.get("reference", ""))
    sources = (volume.get("projected") or {}).get("sources") or ()
    for source in (volume, *sources):
        for item in (source.get("downwardAPI") or {}).get("items") or ():
            _default_field_reference(item)
        token = source.get("serviceAccountToken")
        if isinstance(token, dict) and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = _TOKEN_EXPIRATION_S


def _pair_addresses(status: dict[str, Any], one: str, many: str) -> None:
    """Keep an address and the list that it heads together; who writes only one of them means both."""
    first, addresses = status.get(one), status.get(many)
    if first and (not addresses or addresses[0].get("ip") != first):
        status[many] = [{"ip": first}]
    elif addresses and not first:
        status[one] = addresses[0].get("ip", "")
