"""``logs``: what containers wrote, and what they write.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_logs/
"""

import sys
from collections.abc import Sequence
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import NAMESPACES, PODS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.pods import container_of, containers_of
from podbay.kubectl.session import Object, Session, find_resource
from podbay.wire.times import parse_time

FLAGS: Final = (
    Flag(name="container", short="c", default=""),
    Flag(name="follow", short="f", kind="bool", default=False),
    Flag(name="previous", short="p", kind="bool", default=False),
    Flag(name="tail", kind="int", default=-1),
    Flag(name="since", kind="duration", default=0.0),
    Flag(name="since-time", default=""),
    Flag(name="timestamps", kind="bool", default=False),
    Flag(name="limit-bytes", kind="int", default=0),
    Flag(name="selector", short="l", default=""),
    Flag(name="all-containers", kind="bool", default=False),
    Flag(name="prefix", kind="bool", default=False),
    Flag(name="ignore-errors", kind="bool", default=False),
    Flag(name="max-log-requests", kind="int", default=5),
    Flag(name="pod-running-timeout", kind="duration", default=20.0),
    Flag(name="insecure-skip-tls-verify-backend", kind="bool", default=False),
)
_LINES_EACH: Final = 10  # how much of each log is printed when a selector chose them


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    session = Session(flags)
    query = _query(flags)
    pods = _pods(session, flags, query)
    if not pods:
        sys.stderr.write(f"No resources found in {session.namespace} namespace.\n")
        return 0
    wanted = [(pod, container) for pod in pods for container in _containers(pod, flags)]
    if flags["follow"] and len(wanted) > max(flags["max-log-requests"], 1):
        raise CommandError(
            f"you are attempting to follow {len(wanted)} log streams, but maximum allowed concurrency is"
            f" {flags['max-log-requests']}, use --max-log-requests to increase the limit"
        )
    if flags["follow"] and len(wanted) > 1:
        return _follow_all(flags, wanted, query)
    for pod, container in wanted:
        try:
            _print(session, flags, pod, container, query)
        except StatusError as error:
            if not flags["ignore-errors"]:
                raise
            sys.stdout.write(f"error: {error.message}\n")
    return 0


def _pods(session: Session, flags: Parsed, query: dict[str, Any]) -> Sequence[Object]:
    """Return the pods that a command line means. Raises CommandError."""
    words = flags.words
    if flags["selector"]:
        if words:
            raise UsageError("only a selector (-l) or a POD name is allowed", command="logs")
        if "tail" not in flags.given:
            query["tailLines"] = _LINES_EACH
        found: Sequence[Object] = session.list(PODS, session.namespace, {"labelSelector": flags["selector"]})["items"]
        return found
    if not words or len(words) > 2:
        raise UsageError(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a"
            " required argument for the logs command"
        )
    if len(words) == 2:
        if flags["container"]:
            raise CommandError("only one of -c or an inline [CONTAINER] arg is allowed")
        flags.values["container"] = words[1]
    if flags["all-containers"] and flags["container"]:
        raise CommandError(f"--all-containers=true should not be specified with container name {flags['container']}")
    kind, slash, name = words[0].partition("/")
    resource = find_resource(kind) if slash else PODS
    if resource is not PODS:
        kind = f"*{resource.version}.{resource.kind}"
        raise CommandError(f"cannot get the logs from {kind}: selector for {kind} not implemented")
    try:
        return [session.get(PODS, name if slash else kind, session.namespace)]
    except NotFound as error:
        told = error.message
        try:
            session.get(NAMESPACES, session.namespace)
        except NotFound as missing:
            told = missing.message
        except StatusError:
            pass
        raise CommandError(f'error from server (NotFound): {told} in namespace "{session.namespace}"') from None


def _query(flags: Parsed) -> dict[str, Any]:
    since_time = flags["since-time"]
    if since_time and flags["since"]:
        raise CommandError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if since_time:
        try:
            parse_time(since_time)
        except ValueError as error:
            raise CommandError(str(error)) from None
    if "since" in flags.given and flags["since"] <= 0:
        raise CommandError("--since must be greater than 0")
    if flags["limit-bytes"] < 0 or ("limit-bytes" in flags.given and not flags["limit-bytes"]):
        raise CommandError("--limit-bytes must be greater than 0")
    if flags["tail"] < -1:
        raise CommandError("--tail must be greater than or equal to -1")
    return {
        "follow": True if flags["follow"] else None,
        "previous": True if flags["previous"] else None,
        "timestamps": True if flags["timestamps"] else None,
        "tailLines": flags["tail"] if flags["tail"] >= 0 else None,
        "sinceSeconds": max(1, round(flags["since"])) if flags["since"] else None,
        "sinceTime": since_time or None,
        "limitBytes": flags["limit-bytes"] or None,
        "insecureSkipTLSVerifyBackend": True if flags["insecure-skip-tls-verify-backend"] else None,
    }


def _containers(pod: Object, flags: Parsed) -> list[str]:
    every = [str(container["name"]) for container, _ in containers_of(pod)]
    if flags["container"]:
        if flags["container"] not in every:
            raise CommandError(f"container {flags['container']} is not valid for pod {pod['metadata']['name']}")
        return [flags["container"]]
    if flags["all-containers"]:
        first = [str(container["name"]) for container in pod["spec"].get("initContainers") or ()]
        return [*first, *(name for name in every if name not in first)]
    return [str(container_of(pod, "", refuse_default=False)["name"])]


def _print(session: Session, flags: Parsed, pod: Object, container: str, query: dict[str, Any]) -> None:
    metadata = pod["metadata"]
    target = path(PODS, namespace=metadata["namespace"], name=metadata["name"], subresource="log")
    prefix = f"[pod/{metadata['name']}/{container}] ".encode() if flags["prefix"] else b""
    out = sys.stdout.buffer
    begins = True
    for chunk in session.stream(target, {"container": container, **query}, accept="*/*"):
        if prefix:
            for line in chunk.splitlines(keepends=True):
                out.write((prefix if begins else b"") + line)
                begins = line.endswith(b"\n")
        else:
            out.write(chunk)
        out.flush()


def _follow_all(flags: Parsed, wanted: Sequence[tuple[Object, str]], query: dict[str, Any]) -> int:
    import threading

    def follow(pod: Object, container: str) -> None:
        _print(Session(flags), flags, pod, container, query)

    threads = [threading.Thread(target=follow, args=pair, daemon=True) for pair in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0
