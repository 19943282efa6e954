from typing import Any

import pytest

from podbay.api.resources import PODS
from podbay.api.validation import validate_create
from tests.unit.api.validation.support import lines, pod

IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["1.1.1.1", "::1"]}}, []),
        ({"dnsConfig": {"searches": ["a.b", "_sip.a.", "."], "options": [{"name": "a"}]}}, []),
        ({"dnsPolicy": "None"}, ["dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
        (
            {"dnsPolicy": "None", "dnsConfig": {"searches": ["a"]}},
            [
                "dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is"
                " None"
            ],
        ),
        (
            {"dnsConfig": {"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "x"], "options": [{"value": "1"}]}},
            [
                'dnsConfig.nameservers: Invalid value: ["1.1.1.1","1.1.1.2","1.1.1.3","x"]: must not have more than 3'
                " nameservers",
                f'dnsConfig.nameservers[3]: Invalid value: "x": {IP}',
                "dnsConfig.options[0]: Required value: must not be empty",
            ],
        ),
        ({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a.b"]}]}, []),
        ({"hostAliases": [{"ip": "1.2.3"}]}, [f'hostAliases[0].ip: Invalid value: "1.2.3": {IP}']),
    ],
)
def test_names_that_a_pod_resolves(spec: dict[str, Any], expected: list[str]) -> None:
    found = lines(validate_create(PODS, pod(spec)))
    assert [line.removeprefix("spec.") for line in found] == expected


def test_a_name_in_the_hosts_file_is_a_name() -> None:
    (line,) = lines(validate_create(PODS, pod({"hostAliases": [{"ip": "1.2.3.4", "hostnames": ["ok", "Not_one"]}]})))
    assert line.startswith('spec.hostAliases[0].hostnames[1]: Invalid value: "Not_one": a lowercase RFC 1123 subdomain')
