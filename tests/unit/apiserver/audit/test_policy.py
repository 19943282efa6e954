"""Audit policies: the first rule that matches a request rules it."""

from typing import Any

import pytest

from podbay.apiserver.audit.policy import AuditPolicy, GroupResources, Level, Rule, Ruling, Stage
from podbay.apiserver.identity import Identity
from podbay.apiserver.request_info import parse_target

ANN = Identity("ann", frozenset({"people", "system:authenticated"}))
POD = "/api/v1/namespaces/shop/pods/web"


def matches(method: str, target: str, who: Identity | None = ANN, **parts: Any) -> bool:
    return Rule(level=Level.METADATA, **parts).matches(who, parse_target(method, target))


def on(*resources: str, group: str = "", names: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"resources": (GroupResources(group=group, resources=resources, names=names),)}


@pytest.mark.parametrize(
    ("parts", "is_matched"),
    [
        ({}, True),
        ({"users": ("ann",)}, True),
        ({"users": ("bob",)}, False),
        ({"user_groups": ("others", "people")}, True),
        ({"user_groups": ("others",)}, False),
        ({"verbs": ("get",)}, True),
        ({"verbs": ("list",)}, False),
        ({"namespaces": ("shop",)}, True),
        ({"namespaces": ("",)}, False),
        ({"paths": ("*",)}, False),
        (on("pods"), True),
        (on("*"), True),
        (on(), True),
        (on("pods/*"), True),
        (on("pods/log"), False),
        (on("secrets"), False),
        (on("pods", group="apps"), False),
        (on("pods", group="*"), True),
        (on("pods", names=("web",)), True),
        (on("pods", names=("db",)), False),
        ({"namespaces": ("other",), **on("pods")}, False),
    ],
)
def test_a_rule_matches_a_request_on_an_object_by_everything_that_it_says(
    parts: dict[str, Any], is_matched: bool
) -> None:
    assert matches("GET", POD, **parts) is is_matched


@pytest.mark.parametrize(
    ("resource", "is_matched"),
    [("pods", False), ("pods/log", True), ("pods/*", True), ("*/log", True), ("*/exec", False), ("*", True)],
)
def test_a_subresource_is_matched_by_its_own_name(resource: str, is_matched: bool) -> None:
    assert matches("GET", f"{POD}/log", **on(resource)) is is_matched


def test_an_object_that_a_list_is_narrowed_to_counts_by_its_name() -> None:
    listed = "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb"
    assert matches("GET", listed, **on("pods", names=("web",)))


@pytest.mark.parametrize(
    ("wanted", "is_matched"), [("/healthz", False), ("/healthz*", True), ("/healthz/ping", True), ("*", True)]
)
def test_a_path_is_matched_whole_or_by_its_beginning(wanted: str, is_matched: bool) -> None:
    assert matches("GET", "/healthz/ping", paths=(wanted,)) is is_matched


def test_what_is_no_object_is_in_no_namespace_and_of_no_resource() -> None:
    assert not matches("GET", "/version", namespaces=("",))
    assert not matches("GET", "/version", **on("*", group="*"))


def test_who_is_not_known_is_no_user_and_in_no_group() -> None:
    assert matches("GET", POD, None)
    assert not matches("GET", POD, None, users=("ann",))
    assert not matches("GET", POD, None, user_groups=("people",))


def test_the_first_rule_that_matches_rules_and_stages_are_omitted_by_it_and_by_the_policy() -> None:
    policy = AuditPolicy(
        (
            Rule(level=Level.NONE, verbs=("list",)),
            Rule(level=Level.REQUEST, verbs=("get",), omit_stages=frozenset({Stage.PANIC}), omit_managed_fields=False),
            Rule(level=Level.METADATA, users=("ann",)),
        ),
        frozenset({Stage.REQUEST_RECEIVED}),
        omit_managed_fields=True,
    )
    got = policy.ruling(ANN, parse_target("GET", POD))
    assert got == Ruling(Level.REQUEST, frozenset({Stage.PANIC, Stage.REQUEST_RECEIVED}), omit_managed_fields=False)
    assert policy.ruling(ANN, parse_target("GET", "/api/v1/pods")).level is Level.NONE
    deleted = policy.ruling(ANN, parse_target("DELETE", POD))
    assert deleted == Ruling(Level.METADATA, frozenset({Stage.REQUEST_RECEIVED}), omit_managed_fields=True)


def test_what_no_rule_matches_is_not_written() -> None:
    policy = AuditPolicy((Rule(level=Level.REQUEST_RESPONSE, users=("bob",)),))
    assert policy.ruling(ANN, parse_target("GET", POD)).level is Level.NONE
