"""A kubelet's settings in upstream's file: what is followed, and that the rest is refused."""

from pathlib import Path
from typing import Any

import pytest

from podbay.kubelet.configuration_file import parse_kubelet_configuration

HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("serializeImagePulls: false", {"serialize_image_pulls": False}),
        ("maxParallelImagePulls: 1", {"max_parallel_image_pulls": 1}),
        ("maxParallelImagePulls: 5", {"max_parallel_image_pulls": 5, "serialize_image_pulls": False}),
        ("maxParallelImagePulls: 1\nserializeImagePulls: true",
         {"max_parallel_image_pulls": 1, "serialize_image_pulls": True}),
        ("runtimeRequestTimeout: 15m0s", {"runtime_request_timeout_s": 900}),
        ("maxPods: 20", {"max_pods": 20}),
        ("podPidsLimit: 1024", {"pod_pids_limit": 1024}),
        ("podPidsLimit: -1", {"pod_pids_limit": -1}),
        ("evictionHard: {nodefs.available: 5%}", {"eviction_hard": {"nodefs.available": "5%"}}),
        ("evictionPressureTransitionPeriod: 30s", {"eviction_pressure_transition_period_s": 30}),
        ("evictionSoft: {memory.available: 1Gi}\nevictionSoftGracePeriod: {memory.available: 1m}",
         {"eviction_soft": {"memory.available": "1Gi"}, "eviction_soft_grace_period": {"memory.available": "1m"}}),
        ("evictionMinimumReclaim: {nodefs.available: 1Gi}\nevictionMaxPodGracePeriod: 5",
         {"eviction_minimum_reclaim": {"nodefs.available": "1Gi"}, "eviction_max_pod_grace_period_s": 5}),
        ("containerLogMaxSize: 1Mi\ncontainerLogMaxFiles: 3\ncontainerLogMonitorInterval: 5s",
         {"container_log_max_bytes": 1 << 20, "container_log_max_files": 3, "container_log_monitor_s": 5}),
        ("imageGCHighThresholdPercent: 50\nimageGCLowThresholdPercent: 40\nimageMinimumGCAge: 1s",
         {"image_gc_high_percent": 50, "image_gc_low_percent": 40, "image_minimum_gc_age_s": 1}),
        ("staticPodPath: /etc/pods\nfileCheckFrequency: 5s", {"static_pod_path": Path("/etc/pods"), "file_check_s": 5}),
        ('staticPodPath: ""', {"static_pod_path": None}),
        ("allowedUnsafeSysctls: [net.core.somaxconn]", {"allowed_unsafe_sysctls": ["net.core.somaxconn"]}),
    ],
)  # fmt: skip
def test_what_a_file_says_is_followed(text: str, found: dict[str, Any]) -> None:
    assert parse_kubelet_configuration(HEAD + text) == found


@pytest.mark.parametrize(
    "text",
    [
        "evictionPressureTransitionPeriod: 0s",
        "fileCheckFrequency: 0s",
        "imageMinimumGCAge: 0s",
        "runtimeRequestTimeout: 0s",
        "maxPods: 0",
        'containerLogMaxSize: ""',
    ],
)
def test_what_upstream_reads_as_nothing_said_leaves_the_default(text: str) -> None:
    assert parse_kubelet_configuration(HEAD + text) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it holds no KubeletConfiguration"),
        ("kind: KubeletConfiguration", "apiVersion must be kubelet.config.k8s.io/v1beta1"),
        ("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: Pod", "kind must be KubeletConfiguration"),
        (f"{HEAD}cpuManagerPolicy: static", 'unknown field "cpuManagerPolicy": podbay follows allowedUnsafeSysctls,'),
        (f"{HEAD}maxPods: many", "maxPods has a value of another type than int"),
        (f"{HEAD}serializeImagePulls: 1", "serializeImagePulls has a value of another type than bool"),
        (f"{HEAD}maxPods: -1", "invalid configuration: maxPods (--max-pods) -1 must not be a negative number"),
        (f"{HEAD}maxParallelImagePulls: 0", "invalid configuration: maxParallelImagePulls 0 must be a positive number"),
        (
            f"{HEAD}maxParallelImagePulls: 3\nserializeImagePulls: true",
            "invalid configuration: maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls"
            " (--serialize-image-pulls) is set to false",
        ),
        (f"{HEAD}runtimeRequestTimeout: 5", "runtimeRequestTimeout has a value of another type than str"),
        (f"{HEAD}runtimeRequestTimeout: 5x", 'time: unknown unit "x" in duration "5x"'),
        (
            f"{HEAD}runtimeRequestTimeout: -1s",
            "invalid configuration: runtimeRequestTimeout must be longer than no time",
        ),
        (
            f"{HEAD}evictionSoft: {{memory.available: 1Gi}}",
            "invalid configuration: grace period must be specified for the soft eviction threshold memory.available",
        ),
        (f"{HEAD}evictionHard: {{disk: 1Gi}}", "invalid configuration: unsupported eviction signal disk"),
        (f"{HEAD}evictionHard: {{memory.available: 5}}", "evictionHard has a value of another type than str"),
        (
            f"{HEAD}evictionMaxPodGracePeriod: -1",
            "invalid configuration: evictionMaxPodGracePeriod must not be a negative number",
        ),
        (
            f"{HEAD}evictionPressureTransitionPeriod: -1s",
            "invalid configuration: evictionPressureTransitionPeriod must not be negative",
        ),
        (f"{HEAD}containerLogMaxSize: much", 'failed to parse container log max size "much": '),
        (f"{HEAD}containerLogMaxFiles: 1", "invalid MaxFiles 1, must be > 1"),
        (
            f"{HEAD}containerLogMonitorInterval: 2s",
            "invalid configuration: containerLogMonitorInterval must be a positive time duration greater than or equal"
            " to 3s",
        ),
        (
            f"{HEAD}imageGCHighThresholdPercent: 101",
            "invalid configuration: imageGCHighThresholdPercent (--image-gc-high-threshold) 101 must be between 0 and"
            " 100, inclusive",
        ),
        (
            f"{HEAD}imageGCHighThresholdPercent: 80",
            "invalid configuration: imageGCLowThresholdPercent (--image-gc-low-threshold) 80 must be less than"
            " imageGCHighThresholdPercent (--image-gc-high-threshold) 80",
        ),
        (f"{HEAD}staticPodPath: pods", "invalid configuration: staticPodPath pods must be an absolute path"),
        (f"{HEAD}fileCheckFrequency: -1s", "invalid configuration: fileCheckFrequency must not be negative"),
        (f"{HEAD}allowedUnsafeSysctls: [1]", "allowedUnsafeSysctls has a value of another type than str"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_kubelet_configuration(text)
    assert str(caught.value).startswith(why)
