"""An administrator's own policies: one object a line, in upstream's format."""

import pytest

from podbay.apiserver.config import ApiServerConfig
from podbay.apiserver.identity import Identity
from podbay.apiserver.policies import Policy, read_policy_file
from podbay.apiserver.request_info import parse_target
from podbay.apiserver.server import ApiServer
from podbay.wire import json
from podbay.wire.http import PeerCertificate
from tests.unit.apiserver.support import MAPS, PODS, Api, config_map

ROBOT = Identity("system:serviceaccount:default:robot", frozenset({"system:serviceaccounts"}))


def line(**spec: object) -> str:
    policy = {"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": spec}
    return json.encode(policy).decode()


def allows(policy: Policy, method: str, target: str) -> bool:
    return policy.allows(ROBOT, parse_target(method, target))


def test_a_file_has_a_policy_on_each_line_and_comments() -> None:
    text = f"# robots\n\n{line(user='robot', readonly=True, apiGroup='*', namespace='ns', resource='pods')}\n"
    assert read_policy_file(text) == [
        Policy(user="robot", read_only=True, api_group="*", namespace="ns", resource="pods")
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "line 1: "),
        ("[]", "line 1: a line is one object of kind Policy"),
        ('\n{"kind": "Policy"}', "line 2: a line is one object of kind Policy"),
        (
            '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": ["user"]}',
            "line 1: spec is of the wrong type",
        ),
        (
            '{"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spce": {}}',
            'line 1: unknown field "spce"',
        ),
        (line(verb="get"), 'line 1: unknown field "spec.verb"'),
        (line(readonly="yes"), "line 1: spec.readonly is of the wrong type"),
        (line(user=1), "line 1: spec.user is of the wrong type"),
    ],
)
def test_a_line_that_is_no_policy_is_told(text: str, why: str) -> None:
    with pytest.raises(ValueError) as problem:
        read_policy_file(text)
    assert str(problem.value).startswith(why)


def test_a_policy_is_for_a_user_or_a_group_and_covers_what_it_names() -> None:
    whole = Policy(group="system:serviceaccounts", api_group="*", namespace="*", resource="*")
    assert allows(whole, "DELETE", "/api/v1/namespaces/ns/pods/p")
    assert allows(whole, "GET", "/apis/coordination.k8s.io/v1/leases")
    assert not allows(whole, "GET", "/metrics")
    pods = Policy(user=ROBOT.user, read_only=True, namespace="ns", resource="pods")
    assert allows(pods, "GET", "/api/v1/namespaces/ns/pods")
    assert allows(pods, "GET", "/api/v1/namespaces/ns/pods/p/log")
    for method, target in (
        ("POST", "/api/v1/namespaces/ns/pods"),
        ("GET", "/api/v1/pods"),
        ("GET", "/api/v1/namespaces/ns/secrets"),
    ):
        assert not allows(pods, method, target)
    metrics = Policy(user="*", path="/metrics*")
    assert allows(metrics, "GET", "/metrics/more")
    assert not allows(metrics, "GET", "/version")
    for nobody in (Policy(namespace="*", resource="*"), Policy(user="other", resource="*", namespace="*")):
        assert not allows(nobody, "GET", "/api/v1/pods")
    both = Policy(user=ROBOT.user, group="admins", namespace="*", resource="*")
    assert not allows(both, "GET", "/api/v1/pods")


async def test_what_a_policy_allows_is_done(api: Api) -> None:
    policies: list[Policy] = []
    api.server = ApiServer(api.store, api.clock, ApiServerConfig(policies=lambda: policies))
    await api.server.start()
    jane = PeerCertificate("jane")
    await api.call("POST", MAPS, config_map("a"), peer=jane, status=403)
    policies.append(Policy(user="jane", namespace="default", resource="configmaps"))
    await api.call("POST", MAPS, config_map("a"), peer=jane, status=201)
    await api.call("GET", PODS, peer=jane, status=403)
    await api.call("GET", "/metrics", peer=jane, status=403)
