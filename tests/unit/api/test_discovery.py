"""Discovery says what is served, in the three forms that clients ask for."""

import pytest

from podbay.api import discovery
from podbay.api.resources import SERVED


@pytest.mark.parametrize("version", ["v2", "v2beta1"])
def test_the_aggregated_form_of_the_core_group(version: str) -> None:
    found = discovery.aggregated(version, core=True)
    assert (found["kind"], found["apiVersion"]) == ("APIGroupDiscoveryList", f"apidiscovery.k8s.io/{version}")
    (group,) = found["items"]
    assert "name" not in group["metadata"]
    (served,) = group["versions"]
    assert (served["version"], served["freshness"]) == ("v1", "Current")
    pods = next(r for r in served["resources"] if r["resource"] == "pods")
    assert pods["responseKind"] == {"group": "", "version": "v1", "kind": "Pod"}
    assert (pods["scope"], pods["singularResource"]) == ("Namespaced", "pod")
    assert (pods["shortNames"], pods["categories"]) == (["po"], ["all"])
    assert "watch" in pods["verbs"]
    binding = next(s for s in pods["subresources"] if s["subresource"] == "binding")
    assert binding["responseKind"]["kind"] == "Binding"


def test_the_aggregated_form_of_the_named_groups() -> None:
    names = [item["metadata"]["name"] for item in discovery.aggregated("v2", core=False)["items"]]
    assert names == [
        "coordination.k8s.io",
        "events.k8s.io",
        "authentication.k8s.io",
        "node.k8s.io",
        "policy",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "metrics.k8s.io",
    ]


def test_every_resource_is_discovered_in_both_forms() -> None:
    aggregated = {
        (group["metadata"].get("name", ""), served["version"], resource["resource"])
        for core in (True, False)
        for group in discovery.aggregated("v2", core=core)["items"]
        for served in group["versions"]
        for resource in served["resources"]
    }
    assert aggregated == {(r.group, r.version, r.plural) for r in SERVED}
    for resource in SERVED:
        legacy = discovery.api_resource_list(resource.group, resource.version)
        assert legacy is not None
        entry = next(r for r in legacy["resources"] if r["name"] == resource.plural)
        assert (entry["kind"], entry["namespaced"], entry["singularName"]) == (
            resource.kind,
            resource.namespaced,
            resource.kind.lower(),
        )


def test_the_legacy_list_names_subresources_by_path() -> None:
    found = discovery.api_resource_list("", "v1")
    assert found is not None
    assert "apiVersion" not in found
    assert found["groupVersion"] == "v1"
    by_name = {resource["name"]: resource for resource in found["resources"]}
    assert by_name["pods/exec"]["kind"] == "PodExecOptions"
    assert by_name["pods/log"] == {
        "name": "pods/log",
        "singularName": "",
        "namespaced": True,
        "kind": "Pod",
        "verbs": ["get"],
    }
    assert by_name["namespaces/finalize"]["verbs"] == ["update"]
    leases = discovery.api_resource_list("coordination.k8s.io", "v1")
    assert leases is not None
    assert (leases["apiVersion"], leases["groupVersion"]) == ("v1", "coordination.k8s.io/v1")


def test_the_legacy_forms_of_versions_and_groups() -> None:
    assert discovery.api_versions("1.2.3.4:6443") == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "1.2.3.4:6443"}],
    }
    groups = discovery.api_group_list()
    assert (groups["kind"], groups["apiVersion"]) == ("APIGroupList", "v1")
    version = {"groupVersion": "events.k8s.io/v1", "version": "v1"}
    events = {"name": "events.k8s.io", "versions": [version], "preferredVersion": version}
    assert events in groups["groups"]
    assert discovery.api_group("events.k8s.io") == {"kind": "APIGroup", "apiVersion": "v1", **events}


def test_what_is_not_served_is_not_discovered() -> None:
    assert discovery.api_group("apps") is None
    assert discovery.api_group("") is None
    assert discovery.api_resource_list("apps", "v1") is None
    assert discovery.api_resource_list("", "v2") is None
