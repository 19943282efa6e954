"""``api-resources``: what the server serves.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_api-resources/
"""

import sys
from typing import Any, Final

from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.printers.columns import columns
from podbay.kubectl.session import Session
from podbay.wire import json

FLAGS: Final = (
    Flag(name="output", short="o", default=""),
    Flag(name="namespaced", kind="bool", default=None),
    Flag(name="api-group", default=None),
    Flag(name="verbs", kind="list"),
    Flag(name="no-headers", kind="bool", default=False),
    Flag(name="sort-by", default=""),
    Flag(name="categories", kind="list"),
    Flag(name="cached", kind="bool", default=False),
)
_ACCEPT: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


def discovered(session: Session) -> list[dict[str, Any]]:
    """Return every resource with its group and version, core first."""
    found = []
    for root in ("/api", "/apis"):
        for group in json.decode(session.send("GET", root, accept=_ACCEPT))["items"]:
            for version in group["versions"]:
                name = group["metadata"].get("name", "")
                for resource in version["resources"]:
                    found.append({**resource, "group": name, "version": version["version"]})
    return found


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise UsageError(f"unexpected arguments: [{' '.join(flags.words)}]", command="api-resources")
    if flags["output"] not in ("", "wide", "name"):
        raise CommandError(f"--output {flags['output']} is not available")
    if flags["sort-by"] not in ("", "name", "kind"):
        raise CommandError("--sort-by accepts only name or kind")
    rows = []
    for resource in discovered(Session(flags)):
        namespaced = resource["scope"] == "Namespaced"
        if flags["namespaced"] is not None and namespaced != flags["namespaced"]:
            continue
        if flags["api-group"] is not None and resource["group"] != flags["api-group"]:
            continue
        if not set(flags["verbs"]) <= set(resource["verbs"]):
            continue
        if not set(flags["categories"]) <= set(resource.get("categories") or ()):
            continue
        group, version = resource["group"], resource["version"]
        row = [
            resource["resource"],
            ",".join(resource.get("shortNames") or ()),
            f"{group}/{version}" if group else version,
            "true" if namespaced else "false",
            resource["responseKind"]["kind"],
        ]
        if flags["output"] == "wide":
            row += [",".join(resource["verbs"]), ",".join(resource.get("categories") or ())]
        rows.append((group, row))
    key = {"kind": 4, "name": 0}.get(flags["sort-by"])
    rows.sort(key=lambda pair: (pair[1][key],) if key is not None else (pair[0], pair[1][0]))
    if flags["output"] == "name":
        for group, row in rows:
            sys.stdout.write(f"{row[0]}.{group}\n" if group else f"{row[0]}\n")
        return 0
    head = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    if flags["output"] == "wide":
        head += ["VERBS", "CATEGORIES"]
    table = [row for _, row in rows]
    sys.stdout.write(columns(table if flags["no-headers"] else [head, *table]))
    return 0
