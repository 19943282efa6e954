"""Discovery: which groups, versions and resources are served, in the aggregated and the legacy form.

Pure. Everything derives from the table of resources.
Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from typing import Any, Final

from podbay.api.resources import Resource, Subresource, group_versions, of_group_version

MEDIA: Final = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def aggregated(version: str, *, core: bool) -> dict[str, Any]:
    """Return the aggregated form of ``/api`` (core) or ``/apis``; version ``v2`` or ``v2beta1``."""
    items = []
    for group in dict.fromkeys(group for group, _ in group_versions() if bool(group) != core):
        versions = [served for name, served in group_versions() if name == group]
        item: dict[str, Any] = {
            "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
            "versions": [
                {
                    "version": served,
                    "resources": [_discovered(resource) for resource in of_group_version(group, served)],
                    "freshness": "Current",
                }
                for served in versions
            ],
        }
        items.append(item)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def api_versions(server_address: str) -> dict[str, Any]:
    """Return the legacy form of ``/api``."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    }


def api_group_list() -> dict[str, Any]:
    """Return the legacy form of ``/apis``."""
    groups = dict.fromkeys(group for group, _ in group_versions() if group)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(group) for group in groups]}


def api_group(group: str) -> dict[str, Any] | None:
    """Return ``/apis/GROUP``, or None if it is not served."""
    if group not in {name for name, _ in group_versions() if name}:
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group)}


def api_resource_list(group: str, version: str) -> dict[str, Any] | None:
    """Return the resources of one group version, subresources among them, or None if it is not served."""
    if (group, version) not in group_versions():
        return None
    found = []
    for resource in of_group_version(group, version):
        entry: dict[str, Any] = {
            "name": resource.plural,
            "singularName": resource.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(resource.verbs),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if resource.categories:
            entry["categories"] = list(resource.categories)
        found.append(entry)
        for sub in resource.subresources:
            entry = {
                "name": f"{resource.plural}/{sub.name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": sub.kind or resource.kind,
                "verbs": list(sub.verbs),
            }
            if sub.group:
                entry |= {"group": sub.group, "version": sub.version}
            found.append(entry)
    return {
        "kind": "APIResourceList",
        **({"apiVersion": "v1"} if group else {}),  # the core group's list has none
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": found,
    }


def _group(group: str) -> dict[str, Any]:
    versions = [{"groupVersion": f"{group}/{v}", "version": v} for name, v in group_versions() if name == group]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _discovered(resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": {"group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        found["shortNames"] = list(resource.short_names)
    if resource.categories:
        found["categories"] = list(resource.categories)
    if resource.subresources:
        found["subresources"] = [_subresource(resource, sub) for sub in resource.subresources]
    return found


def _subresource(resource: Resource, sub: Subresource) -> dict[str, Any]:
    kind = {
        "group": sub.group or resource.group,
        "version": sub.version or resource.version,
        "kind": sub.kind or resource.kind,
    }
    return {"subresource": sub.name, "responseKind": kind, "verbs": list(sub.verbs)}
