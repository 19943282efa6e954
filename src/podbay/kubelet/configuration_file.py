"""A kubelet's settings as upstream writes them: the part of KubeletConfiguration that this kubelet follows.

Pure. Takes a file's text, YAML or JSON; gives arguments for :class:`KubeletConfig`.
Invariant: a field that is not followed is refused, never dropped.
Source: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
"""

from pathlib import Path
from typing import Any, Final

from podbay.api.quantity import Quantity
from podbay.kubelet.eviction.thresholds import parse_thresholds
from podbay.wire import yaml
from podbay.wire.durations import parse_duration

_API: Final = "kubelet.config.k8s.io/v1beta1"
_KIND: Final = "KubeletConfiguration"
_FIELDS: Final[dict[str, tuple[str, type]]] = {
    "allowedUnsafeSysctls": ("allowed_unsafe_sysctls", list),
    "containerLogMaxFiles": ("container_log_max_files", int),
    "containerLogMaxSize": ("container_log_max_bytes", str),
    "containerLogMonitorInterval": ("container_log_monitor_s", str),
    "evictionHard": ("eviction_hard", dict),
    "evictionMaxPodGracePeriod": ("eviction_max_pod_grace_period_s", int),
    "evictionMinimumReclaim": ("eviction_minimum_reclaim", dict),
    "evictionPressureTransitionPeriod": ("eviction_pressure_transition_period_s", str),
    "evictionSoft": ("eviction_soft", dict),
    "evictionSoftGracePeriod": ("eviction_soft_grace_period", dict),
    "imageGCHighThresholdPercent": ("image_gc_high_percent", int),
    "imageGCLowThresholdPercent": ("image_gc_low_percent", int),
    "imageMinimumGCAge": ("image_minimum_gc_age_s", str),
    "fileCheckFrequency": ("file_check_s", str),
    "maxParallelImagePulls": ("max_parallel_image_pulls", int),
    "maxPods": ("max_pods", int),
    "podPidsLimit": ("pod_pids_limit", int),
    "runtimeRequestTimeout": ("runtime_request_timeout_s", str),
    "serializeImagePulls": ("serialize_image_pulls", bool),
    "staticPodPath": ("static_pod_path", str),
}
_DURATIONS: Final = (
    "containerLogMonitorInterval",
    "evictionPressureTransitionPeriod",
    "fileCheckFrequency",
    "imageMinimumGCAge",
    "runtimeRequestTimeout",
)
_UNSAID: Final = (  # of these, upstream reads no time, nobody and nothing as nothing said, as kubeadm writes it
    "containerLogMaxSize",
    "evictionPressureTransitionPeriod",
    "fileCheckFrequency",
    "imageMinimumGCAge",
    "maxPods",
    "runtimeRequestTimeout",
)
_INVALID: Final = "invalid configuration: "
_LEAST_MONITOR_S: Final = 3.0
_HIGH: Final = 85
_LOW: Final = 80


def parse_kubelet_configuration(text: str) -> dict[str, Any]:
    """Return what a file says otherwise than the defaults. Raises ValueError that says what is wrong with it."""
    documents = list(yaml.load_all(text))
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise ValueError(f"it holds no {_KIND}")
    fields: dict[str, Any] = documents[0]
    for name, wanted in (("apiVersion", _API), ("kind", _KIND)):
        if fields.get(name) != wanted:
            raise ValueError(f"{name} must be {wanted}")
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name in ("apiVersion", "kind"):
            continue
        if name not in _FIELDS:
            raise ValueError(f'unknown field "{name}": podbay follows {", ".join(_FIELDS)}')
        attribute, kind = _FIELDS[name]
        if type(value) is not kind:
            raise ValueError(f"{name} has a value of another type than {kind.__name__}")
        said = parse_duration(str(value)) if name in _DURATIONS else value
        if said or name not in _UNSAID:
            found[attribute] = said
    _check(found)
    return found


def _check(found: dict[str, Any]) -> None:
    most = found.get("max_parallel_image_pulls")
    if most is not None and most < 1:
        raise ValueError(f"{_INVALID}maxParallelImagePulls {most} must be a positive number")
    if most is not None and most > 1 and found.setdefault("serialize_image_pulls", False):
        raise ValueError(
            f"{_INVALID}maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls"
            " (--serialize-image-pulls) is set to false"
        )
    if found.get("max_pods", 0) < 0:
        raise ValueError(f"{_INVALID}maxPods (--max-pods) {found['max_pods']} must not be a negative number")
    _check_evictions(found)
    _check_static_pods(found)
    if not all(isinstance(name, str) for name in found.get("allowed_unsafe_sysctls", ())):
        raise ValueError("allowedUnsafeSysctls has a value of another type than str")
    _check_garbage(found)
    if found.get("runtime_request_timeout_s", 0) < 0:
        raise ValueError(f"{_INVALID}runtimeRequestTimeout must be longer than no time")


def _check_static_pods(found: dict[str, Any]) -> None:
    if "static_pod_path" in found:
        path = found["static_pod_path"]
        if path and not path.startswith("/"):
            raise ValueError(f"{_INVALID}staticPodPath {path} must be an absolute path")
        found["static_pod_path"] = Path(path) if path else None
    if found.get("file_check_s", 0) < 0:
        raise ValueError(f"{_INVALID}fileCheckFrequency must not be negative")


def _check_evictions(found: dict[str, Any]) -> None:
    names = ("evictionHard", "evictionSoft", "evictionSoftGracePeriod", "evictionMinimumReclaim")
    maps = [found.get(_FIELDS[name][0], {}) for name in names]
    for name, values in zip(names, maps, strict=True):
        if not all(isinstance(text, str) for pair in values.items() for text in pair):
            raise ValueError(f"{name} has a value of another type than str")
    hard, soft, periods, reclaims = maps
    try:
        parse_thresholds(hard, soft, periods, reclaims)
    except ValueError as error:
        raise ValueError(f"{_INVALID}{error}") from None
    if found.get("eviction_max_pod_grace_period_s", 0) < 0:
        raise ValueError(f"{_INVALID}evictionMaxPodGracePeriod must not be a negative number")
    if found.get("eviction_pressure_transition_period_s", 0) < 0:
        raise ValueError(f"{_INVALID}evictionPressureTransitionPeriod must not be negative")


def _check_garbage(found: dict[str, Any]) -> None:
    """Look at what is said of logs and of images that nobody uses."""
    if "container_log_max_bytes" in found:
        text = found["container_log_max_bytes"]
        try:
            found["container_log_max_bytes"] = Quantity.parse(text).value
        except ValueError as error:
            raise ValueError(f'failed to parse container log max size "{text}": {error}') from None
    if found.get("container_log_max_files", 2) <= 1:
        raise ValueError(f"invalid MaxFiles {found['container_log_max_files']}, must be > 1")
    if found.get("container_log_monitor_s", _LEAST_MONITOR_S) < _LEAST_MONITOR_S:
        raise ValueError(
            f"{_INVALID}containerLogMonitorInterval must be a positive time duration greater than or equal to 3s"
        )
    high, low = found.get("image_gc_high_percent", _HIGH), found.get("image_gc_low_percent", _LOW)
    for percent, name in (
        (high, "imageGCHighThresholdPercent (--image-gc-high-threshold)"),
        (low, "imageGCLowThresholdPercent (--image-gc-low-threshold)"),
    ):
        if not 0 <= percent <= 100:
            raise ValueError(f"{_INVALID}{name} {percent} must be between 0 and 100, inclusive")
    if low >= high:
        raise ValueError(
            f"{_INVALID}imageGCLowThresholdPercent (--image-gc-low-threshold) {low} must be less than"
            f" imageGCHighThresholdPercent (--image-gc-high-threshold) {high}"
        )
