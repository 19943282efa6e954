"""Files of audit policies: read whole, or refused in upstream's words."""

import pytest

from podbay.apiserver.audit.policy import AuditPolicy, GroupResources, Level, Rule, Stage
from podbay.apiserver.audit.policy_file import parse_audit_policy

HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
STAGES = "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"


def test_everything_that_a_policy_says_is_read() -> None:
    text = (
        f"{HEAD}metadata: {{name: mine}}\nomitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n"
        "- level: RequestResponse\n  users: [ann]\n  userGroups: [people]\n  verbs: [get, create]\n"
        "  namespaces: [shop, '']\n  omitStages: [Panic]\n  omitManagedFields: false\n"
        "  resources: [{group: apps}, {group: '', resources: [pods, pods/log], resourceNames: [web]}]\n"
        "- level: None\n  nonResourceURLs: [/healthz*, /version]\n- level: Metadata\n- level: Request\n"
    )
    first = Rule(
        level=Level.REQUEST_RESPONSE,
        users=("ann",),
        user_groups=("people",),
        verbs=("get", "create"),
        namespaces=("shop", ""),
        omit_stages=frozenset({Stage.PANIC}),
        omit_managed_fields=False,
        resources=(
            GroupResources(group="apps"),
            GroupResources(resources=("pods", "pods/log"), names=("web",)),
        ),
    )
    others = (
        Rule(level=Level.NONE, paths=("/healthz*", "/version")),
        Rule(level=Level.METADATA),
        Rule(level=Level.REQUEST),
    )
    omitted = frozenset({Stage.REQUEST_RECEIVED})
    assert parse_audit_policy(text) == AuditPolicy((first, *others), omitted, omit_managed_fields=True)


def test_a_policy_may_be_json() -> None:
    text = '{"apiVersion":"audit.k8s.io/v1","kind":"Policy","rules":[{"level":"Metadata"}]}'
    assert parse_audit_policy(text).rules == (Rule(level=Level.METADATA),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEAD}rules: []\n", "loaded illegal policy with 0 rules"),
        (f"{HEAD}rules: [{{users: [a]}}]\n", "rules[0].level: Required value"),
        (
            f"{HEAD}rules: [{{level: All}}]\n",
            'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata", "Request",'
            ' "RequestResponse"',
        ),
        (
            f"{HEAD}omitStages: [Never]\nrules: [{{level: None, omitStages: [Start]}}]\n",
            f'[omitStages[0]: Invalid value: "Never": {STAGES}, rules[0].omitStages[0]: Invalid value: "Start":'
            f" {STAGES}]",
        ),
        (
            f"{HEAD}rules: [{{level: None, nonResourceURLs: [healthz]}}]\n",
            'rules[0].nonResourceURLs[0]: Invalid value: "healthz": non-resource URL rules must begin with a'
            " '/' character",
        ),
        (
            f"{HEAD}rules: [{{level: None, nonResourceURLs: ['/a*/b']}}]\n",
            "rules[0].nonResourceURLs[0]: Invalid value: \"/a*/b\": non-resource URL wildcards '*' must be the final"
            " character of the rule",
        ),
        (
            f"{HEAD}rules: [{{level: None, nonResourceURLs: [/a], namespaces: [b]}}]\n",
            'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and'
            " non-resource URLs",
        ),
        (
            f"{HEAD}rules: [{{level: None, resources: [{{resourceNames: [a]}}]}}]\n",
            'rules[0].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one'
            " resource",
        ),
        (
            f"{HEAD}rules: [{{level: None, user: [a]}}]\nlevels: 1\n",
            'failed decoding: strict decoding error: unknown field "rules[0].user", unknown field "levels"',
        ),
        (
            f"{HEAD}rules: [{{level: None, users: ann}}]\n",
            "failed decoding: json: cannot unmarshal string into Go struct field PolicyRule.rules.users of type"
            " []string",
        ),
        (
            f"{HEAD}rules: [{{level: None, verbs: [1]}}]\n",
            "failed decoding: json: cannot unmarshal number into Go struct field PolicyRule.rules.verbs of type string",
        ),
        ("kind: Policy\n", "failed decoding: Object 'apiVersion' is missing in '{\"kind\":\"Policy\"}'"),
        (
            "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\n",
            'failed decoding: no kind "Policy" is registered for version "audit.k8s.io/v1beta1" in scheme',
        ),
    ],
)
def test_what_cannot_be_followed_is_told_in_upstreams_words(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as raised:
        parse_audit_policy(text)
    assert str(raised.value) == problem


def test_a_group_is_no_group_and_version() -> None:
    text = f"{HEAD}rules: [{{level: None, resources: [{{group: apps/v1}}]}}]\n"
    with pytest.raises(ValueError, match=r'rules\[0\]\.resources\.group: Invalid value: "apps/v1": a lowercase RFC'):
        parse_audit_policy(text)


def test_a_field_that_is_there_twice_is_told() -> None:
    with pytest.raises(ValueError, match=r'key "kind" already set'):
        parse_audit_policy(f"{HEAD}kind: Policy\nrules: [{{level: None}}]\n")


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="failed decoding"):
        parse_audit_policy("- a\n")
