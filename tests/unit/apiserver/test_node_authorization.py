"""Every verb on every resource and subresource that is served, asked by a node about its own and about others'."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

from podbay.api.pod_references import referenced
from podbay.api.resources import RESOURCES, Resource
from podbay.apiserver.node_authorization import node_refusal
from podbay.apiserver.request_info import RequestInfo, parse_target

METHODS = {
    "get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH",
    "delete": "DELETE", "deletecollection": "DELETE",
}  # fmt: skip
MINE = {
    "metadata": {"name": "mine", "namespace": "ns"},
    "spec": {
        "nodeName": "n",
        "imagePullSecrets": [{"name": "pull"}],
        "containers": [
            {
                "env": [
                    {"valueFrom": {"secretKeyRef": {"name": "named", "key": "k"}}},
                    {"valueFrom": {"configMapKeyRef": {"name": "named", "key": "k"}}},
                ],
                "envFrom": [{"secretRef": {"name": "whole"}}, {"configMapRef": {"name": "whole"}}],
            }
        ],
        "volumes": [
            {"secret": {"secretName": "mounted"}},
            {"configMap": {"name": "mounted"}},
            {"persistentVolumeClaim": {"claimName": "mounted"}},
            {"name": "own", "ephemeral": {"volumeClaimTemplate": {}}},
        ],
    },
}

# What a node may do, as upstream's node authorizer has it: (resource, verb) and about which objects.
# "own": of its own name, or its own pod; "named": what its pods name; "any": admission looks at the object.
ALLOWED = {
    **{("nodes", verb): "any" for verb in ("create", "update", "patch")},
    **{("nodes", verb): "own" for verb in ("get", "list", "watch")},
    **{("nodes/status", verb): "any" for verb in ("update", "patch")},
    **{("pods", verb): "own" for verb in ("get", "list", "watch", "delete")},
    ("pods", "create"): "any",
    **{("pods/status", verb): "own" for verb in ("update", "patch")},
    **{(kind, verb): "named" for kind in ("secrets", "configmaps") for verb in ("get", "list", "watch")},
    **{("leases", verb): "own lease" for verb in ("get", "update", "patch", "delete", "create")},
    ("persistentvolumeclaims", "get"): "named",
    ("persistentvolumes", "get"): "claimed or its own",
    **{("persistentvolumes", verb): "its own" for verb in ("update", "delete")},
    ("tokenreviews", "create"): "any",
    **{("runtimeclasses", verb): "any" for verb in ("get", "list", "watch")},
    **{("events", verb): "any" for verb in ("create", "update", "patch")},
}


def pods_of_node(node: str, namespace: str, name: str) -> Iterable[Mapping[str, Any]]:
    return [MINE] if node == "n" and namespace == "ns" and name in ("", "mine") else []


def volume_named(name: str) -> Mapping[str, Any] | None:
    """Return a volume that a pod of the node claims, ``mounted``; one that is its directory, ``mine``; or another."""
    annotations = {"pv.kubernetes.io/provisioned-by": "rancher.io/local-path"}
    own = {"labels": {"podbay.dev/node": "n" if name == "mine" else "m"}, "annotations": annotations}
    claim = {"namespace": "ns", "name": "mounted" if name == "mounted" else "other"}
    return {"metadata": {"name": name, **own}, "spec": {"claimRef": claim}} if name != "n" else None


def asked(resource: Resource, subresource: str, verb: str, namespace: str, name: str) -> RequestInfo:
    start = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    place = f"/namespaces/{namespace}" if resource.namespaced else ""
    named = verb in ("get", "update", "patch", "delete") or subresource
    path = f"{start}{place}/{resource.plural}" + (f"/{name}" if named else "")
    path += f"/{subresource}" if subresource else ""
    query = {"watch": "watch=1&", "list": ""}.get(verb, "")
    if verb in ("list", "watch") and name:
        query += f"fieldSelector=metadata.name%3D{name}"
    found = parse_target(METHODS[verb], f"{path}?{query}")
    assert found.verb == verb
    return found


def cases() -> Iterator[tuple[Resource, str, str, str, str]]:
    for resource in RESOURCES:
        for subresource in ("", *(sub.name for sub in resource.subresources)):
            for verb in METHODS:
                if subresource and verb in ("list", "watch", "deletecollection"):
                    continue
                for namespace in ("ns", "kube-node-lease", "other"):
                    for name in ("n", "m", "mine", "mine-own", "theirs", "named", "mounted", "whole", "pull"):
                        yield resource, subresource, verb, namespace, name


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.group_resource)
def test_a_node_may_do_what_upstream_lets_it_and_nothing_else(resource: Resource) -> None:
    for kind, subresource, verb, namespace, name in cases():
        if kind is not resource:
            continue
        subject = f"{resource.plural}/{subresource}" if subresource else resource.plural
        rule = ALLOWED.get((subject, verb), "")
        names = {
            "secrets": {"named", "mounted", "whole", "pull"},
            "configmaps": {"named", "mounted", "whole"},
            "persistentvolumeclaims": {"mounted", "mine-own"},
        }
        expected = {
            "": False,
            "any": True,
            "own": name == "n" if resource.plural == "nodes" else (namespace, name) == ("ns", "mine"),
            "named": namespace == "ns" and name in names.get(resource.plural, ()),
            "its own": name == "mine",
            "claimed or its own": name in ("mine", "mounted"),
            "own lease": namespace == "kube-node-lease" and (verb == "create" or name == "n"),
        }[rule]
        refusal = node_refusal("n", asked(resource, subresource, verb, namespace, name), pods_of_node, volume_named)
        assert (refusal is None) is expected, (subject, verb, namespace, name, refusal)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/api/v1/nodes", "node 'n' cannot read all nodes, only its own Node object"),
        ("/api/v1/nodes/m", "node 'n' cannot read 'm', only its own Node object"),
        ("/api/v1/pods", "can only list/watch pods with spec.nodeName field selector"),
        ("/api/v1/pods?fieldSelector=spec.nodeName%3Dm", "can only list/watch pods with spec.nodeName field selector"),
        ("/api/v1/secrets", "can only read namespaced object of this type"),
        ("/api/v1/namespaces/ns/secrets", "No Object name found"),
        ("/api/v1/namespaces/ns/secrets/x", "no relationship found between node 'n' and this object"),
        ("/api/v1/namespaces", ""),
    ],
)
def test_a_refusal_says_why(target: str, reason: str) -> None:
    assert node_refusal("n", parse_target("GET", target), pods_of_node, volume_named) == reason


def test_a_list_of_a_nodes_own_pods_needs_no_name() -> None:
    for selector in ("spec.nodeName%3Dn", "spec.nodeName%3Dn,status.phase!%3DFailed"):
        info = parse_target("GET", f"/api/v1/pods?watch=1&fieldSelector={selector}")
        assert node_refusal("n", info, pods_of_node, volume_named) is None


def test_a_node_lists_the_volumes_that_are_its_directories_and_no_others() -> None:
    for selector, reason in (
        ("?labelSelector=podbay.dev/node%3Dn", None),
        ("?labelSelector=podbay.dev/node%3Dm", "can only get individual resources of this type"),
        ("", "can only get individual resources of this type"),
    ):
        info = parse_target("GET", f"/api/v1/persistentvolumes{selector}")
        assert node_refusal("n", info, pods_of_node, volume_named) == reason


def test_references_are_found_wherever_a_pod_names_them() -> None:
    assert referenced(MINE, "secret") == {"named", "mounted", "whole", "pull"}
    assert referenced(MINE, "configMap") == {"named", "mounted", "whole"}
