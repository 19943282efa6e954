from typing import Any

import pytest

from podbay.api.validation.health import validate_health, validate_stop_signal
from tests.unit.api.validation.support import lines

PORTS = "must be between 1 and 65535, inclusive"
COUNTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}


def problems(**container: Any) -> list[str]:
    return lines(validate_health(container, 30, "c"))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({}, ["c.livenessProbe: Required value: must specify a handler type"]),
        ({"exec": {}}, ["c.livenessProbe.exec.command: Required value"]),
        ({"exec": {"command": ["a"]}}, []),
        (
            {"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}},
            ["c.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"],
        ),
        ({"tcpSocket": {"port": 0}}, [f"c.livenessProbe.tcpSocket.port: Invalid value: 0: {PORTS}"]),
        ({"tcpSocket": {"port": "http"}}, []),
        ({"grpc": {"port": 70000}}, [f"c.livenessProbe.grpc.port: Invalid value: 70000: {PORTS}"]),
        ({"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}}, []),
        (
            {"httpGet": {"path": "", "port": 80, "scheme": "ftp"}},
            [
                "c.livenessProbe.httpGet.path: Required value",
                'c.livenessProbe.httpGet.scheme: Unsupported value: "ftp": supported values: "HTTP", "HTTPS"',
            ],
        ),
        (
            {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP", "httpHeaders": [{"name": "a b", "value": ""}]}},
            [
                'c.livenessProbe.httpGet.httpHeaders: Invalid value: "a b": a valid HTTP header must consist of'
                " alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')"
            ],
        ),
    ],
)
def test_a_probe_does_one_thing_and_does_it_right(action: dict[str, Any], expected: list[str]) -> None:
    assert problems(livenessProbe={**COUNTS, **action}) == expected


def test_a_port_name_must_be_one() -> None:
    text, *_ = problems(readinessProbe={**COUNTS, "tcpSocket": {"port": "A"}})
    assert text.startswith('c.readinessProbe.tcpSocket.port: Invalid value: "A": must contain only alpha-numeric')


def test_counts_are_not_negative_and_only_readiness_may_need_more_than_one_success() -> None:
    action = {"exec": {"command": ["a"]}}
    assert problems(startupProbe={**COUNTS, **action, "periodSeconds": -1, "successThreshold": 2}) == [
        "c.startupProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0",
        "c.startupProbe.successThreshold: Invalid value: 2: must be 1",
    ]
    assert problems(readinessProbe={**COUNTS, **action, "successThreshold": 2}) == []


def test_a_grace_period_of_a_probe_is_positive_and_not_for_readiness() -> None:
    action = {**COUNTS, "exec": {"command": ["a"]}}
    assert problems(livenessProbe={**action, "terminationGracePeriodSeconds": 0}) == [
        "c.livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"
    ]
    assert problems(readinessProbe={**action, "terminationGracePeriodSeconds": 5}) == [
        "c.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes"
    ]


def test_a_hook_sleeps_within_the_grace_period() -> None:
    assert problems(lifecycle={"preStop": {"sleep": {"seconds": 30}}, "postStart": {"sleep": {"seconds": 0}}}) == []
    for seconds in (31, -1):
        assert problems(lifecycle={"preStop": {"sleep": {"seconds": seconds}}}) == [
            f"c.lifecycle.preStop.sleep: Invalid value: {seconds}: must be non-negative and less than"
            " terminationGracePeriodSeconds (30)"
        ]
    assert problems(lifecycle={"postStart": {}}) == [
        "c.lifecycle.postStart: Required value: must specify a handler type"
    ]


@pytest.mark.parametrize("signal", ["SIGABRT", "SIGTERM", "SIGRTMIN", "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX"])
def test_a_stop_signal_is_one_that_linux_has(signal: str) -> None:
    assert validate_stop_signal({"lifecycle": {"stopSignal": signal}}, "linux", "c") == []


@pytest.mark.parametrize("signal", ["", "SIGSAUSAGE", "TERM", "SIGRTMIN+16", "SIGRTMAX-15", "15"])
def test_another_is_refused_with_all_of_them(signal: str) -> None:
    (found,) = lines(validate_stop_signal({"lifecycle": {"stopSignal": signal}}, "linux", "c"))
    assert found.startswith(f'c.lifecycle.stopSignal: Unsupported value: "{signal}": supported values: "SIGABRT", ')
    assert found.endswith('"SIGXFSZ"') and found.count('"SIG') - found.count('value: "SIG') == 65


def test_a_stop_signal_needs_a_named_operating_system() -> None:
    asked = {"lifecycle": {"stopSignal": "SIGUSR1"}}
    assert lines(validate_stop_signal(asked, None, "c")) == [
        "c.lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`"
    ]
    assert lines(validate_stop_signal(asked, "windows", "c")) == [
        'c.lifecycle.stopSignal: Unsupported value: "SIGUSR1": supported values: "SIGKILL", "SIGTERM"'
    ]
    assert validate_stop_signal({"lifecycle": {}}, None, "c") == []
