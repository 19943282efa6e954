"""``describe``: objects with what belongs to them, as people read it.

Takes words; asks the server for objects, their events and what else their description needs.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_describe/
"""

import sys
from datetime import UTC, datetime
from typing import Any, Final

from podbay.api.errors import Forbidden, NotFound, StatusError
from podbay.api.mirror_pods import MIRROR, annotations_of
from podbay.api.resources import (
    CONFIG_MAPS,
    EVENTS,
    LEASES,
    LIMIT_RANGES,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    PRIORITY_CLASSES,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICE_ACCOUNTS,
    STORAGE_CLASSES,
    Resource,
)
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.manifests import read_manifests
from podbay.kubectl.selection import Selected, selected
from podbay.kubectl.session import Object, Session, server_error

FLAGS: Final = (
    Flag(name="filename", short="f", kind="list"),
    Flag(name="recursive", short="R", kind="bool", default=False),
    Flag(name="selector", short="l", default=""),
    Flag(name="all-namespaces", short="A", kind="bool", default=False),
    Flag(name="show-events", kind="bool", default=True),
    Flag(name="chunk-size", kind="int", default=500),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    session = Session(flags)
    found, problems = _objects(session, flags)
    with_events = flags["show-events"]
    for position, (resource, obj) in enumerate(found):
        text = _description(session, resource, obj, with_events=with_events)
        sys.stdout.write(f"\n\n{text}" if position else text)
    sys.stdout.flush()
    for problem in problems:
        sys.stderr.write(server_error(problem) + "\n")
    if problems:
        return 1
    if not found:
        where = "" if flags["all-namespaces"] else f" in {session.namespace} namespace."
        sys.stderr.write(f"No resources found{where}\n")
    return 0


def _objects(session: Session, flags: Parsed) -> tuple[list[tuple[Resource, Object]], list[StatusError]]:
    found: list[tuple[Resource, Object]] = []
    problems: list[StatusError] = []
    targets = _targets(session, flags)
    for target, namespace in targets:
        resource = target.resource
        try:
            if target.name:
                found.append((resource, session.get(resource, target.name, namespace)))
            else:
                query = {"labelSelector": flags["selector"] or None, "limit": flags["chunk-size"]}
                found += [(resource, item) for item in session.list(resource, namespace, query)["items"]]
        except NotFound as error:
            # A name that is none may be the beginning of some.
            matching = _beginning(session, target, namespace) if len(flags.words) == 2 else []
            if matching:
                for obj in matching:
                    sys.stdout.write(_description(session, resource, obj, with_events=flags["show-events"]) + "\n")
                raise CommandError("", code=0) from None
            problems.append(error)
        except StatusError as error:
            problems.append(error)
    return found, problems


def _targets(session: Session, flags: Parsed) -> list[tuple[Selected, str]]:
    if flags["filename"]:
        targets = []
        for manifest in read_manifests(flags["filename"], recursive=flags["recursive"]):
            metadata = manifest.obj.get("metadata") or {}
            place = (metadata.get("namespace") or session.namespace) if manifest.resource.namespaced else ""
            targets.append((Selected(manifest.resource, metadata.get("name", "")), place))
        return targets
    if not flags.words:
        raise CommandError(
            'You must specify the type of resource to describe. Use "podbay api-resources" for a complete list of'
            " supported resources."
        )
    everywhere = flags["all-namespaces"]
    chosen = selected(flags.words)
    if everywhere and any(target.name for target in chosen):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    return [(target, "" if everywhere else session.namespace_for(target.resource)) for target in chosen]


def _beginning(session: Session, target: Selected, namespace: str) -> list[Object]:
    items: list[Object] = session.list(target.resource, namespace, {"limit": 500})["items"]
    return [item for item in items if item["metadata"]["name"].startswith(target.name)]


def _description(session: Session, resource: Resource, obj: Object, *, with_events: bool) -> str:
    now = datetime.now(UTC)
    if resource is PODS:
        from podbay.kubectl.describers.pods import describe_pod

        told_of = annotations_of(obj).get(MIRROR, "")  # a node tells of what runs, not of what shows it
        return describe_pod(obj, _events(session, obj, uid=told_of) if with_events else None, now)
    if resource is NODES:
        return _node(session, obj, with_events=with_events, now=now)
    if resource is NAMESPACES:
        from podbay.kubectl.describers.namespaces import describe_namespace

        name, page = obj["metadata"]["name"], {"limit": 500}
        quotas, limits = (session.list(each, name, page)["items"] for each in (RESOURCE_QUOTAS, LIMIT_RANGES))
        return describe_namespace(obj, quotas, limits, now)
    if resource in (PERSISTENT_VOLUMES, PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES):
        return _storage(session, resource, obj, _events(session, obj) if with_events else None, now)
    if resource is POD_DISRUPTION_BUDGETS:
        from podbay.kubectl.describers.disruption import describe_budget

        return describe_budget(obj, _events(session, obj) if with_events else None, now)
    if resource is RESOURCE_QUOTAS:
        from podbay.kubectl.describers.quotas import describe_quota

        return describe_quota(obj, now)
    if resource is LIMIT_RANGES:
        from podbay.kubectl.describers.limit_ranges import describe_limit_range

        return describe_limit_range(obj, now)
    from podbay.kubectl.describers import configuration

    if resource is CONFIG_MAPS:
        return configuration.describe_config_map(obj, _events(session, obj) if with_events else None, now)
    if resource is SECRETS:
        return configuration.describe_secret(obj, now)
    if resource is SERVICE_ACCOUNTS:
        return configuration.describe_service_account(obj, _events(session, obj) if with_events else None, now)
    if resource is PRIORITY_CLASSES:
        return configuration.describe_priority_class(obj, _events(session, obj) if with_events else None, now)
    from podbay.kubectl.describers.anything import describe_anything

    return describe_anything(obj, _events(session, obj) if with_events else None, now)


def _storage(session: Session, resource: Resource, obj: Object, events: list[Object] | None, now: datetime) -> str:
    from podbay.api.volume_binding import named_claims
    from podbay.kubectl.describers import storage

    if resource is PERSISTENT_VOLUMES:
        return storage.describe_volume(obj, events, now)
    if resource is STORAGE_CLASSES:
        return storage.describe_storage_class(obj, events, now)
    pods = session.list(PODS, obj["metadata"]["namespace"], {"limit": 500})["items"]
    users = [pod for pod in pods if obj["metadata"]["name"] in named_claims(pod)]
    for owner in obj["metadata"].get("ownerReferences") or ():
        users += [pod for pod in pods if pod["metadata"]["uid"] == owner["uid"] and pod not in users]
    return storage.describe_claim(obj, users, events, now)


def _node(session: Session, node: Object, *, with_events: bool, now: datetime) -> str:
    from podbay.kubectl.describers.nodes import describe_node

    name = node["metadata"]["name"]
    selector = f"spec.nodeName={name},status.phase!=Failed,status.phase!=Succeeded"
    pods: list[Object] | None
    try:
        pods = session.list(PODS, "", {"fieldSelector": selector, "limit": 500})["items"]
    except Forbidden:
        pods = None
    lease: Any
    try:
        lease = session.get(LEASES, name, "kube-node-lease")
    except StatusError as error:
        lease = str(error)
    events = None
    if with_events:
        # Controllers name the node by its uid, kubelets by its name.
        events = [*_events(session, node), *_events(session, node, uid=name)]
    return describe_node(node, pods, lease, events, now)


def _events(session: Session, obj: Object, *, uid: str = "") -> list[Object]:
    metadata = obj["metadata"]
    wanted = [f"involvedObject.name={metadata['name']}"]
    if metadata.get("namespace"):
        wanted.append(f"involvedObject.namespace={metadata['namespace']}")
    wanted.append(f"involvedObject.uid={uid or metadata['uid']}")
    query: dict[str, Any] = {"fieldSelector": ",".join(wanted), "limit": 500}
    try:
        items: list[Object] = session.list(EVENTS, metadata.get("namespace", ""), query)["items"]
    except StatusError:
        return []
    return items
