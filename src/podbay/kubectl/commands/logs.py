"""``logs``: what containers wrote, and what they write.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_logs/
"""

import sys
from collections.abc import Sequence
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import PODS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.pods import containers_of
from podbay.kubectl.session import Object, Session
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
)
DEFAULT_CONTAINER: Final = "kubectl.kubernetes.io/default-container"


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    session = Session(flags)
    query = _query(flags)
    if flags["selector"]:
        pods: Sequence[Object] = session.list(PODS, session.namespace, {"labelSelector": flags["selector"]})["items"]
        if "tail" not in flags.given:
            query["tailLines"] = 10
        if not pods:
            sys.stderr.write(f"No resources found in {session.namespace} namespace.\n")
            return 0
    else:
        if not flags.words:
            raise UsageError(
                "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a"
                " required argument for the logs command"
            )
        kind, slash, name = flags.words[0].partition("/")
        if slash and kind not in ("pod", "pods", "po"):
            raise CommandError(f"cannot get the logs from {kind}: selector for {kind} not implemented")
        if len(flags.words) > 1 and not flags["container"]:
            flags.values["container"] = flags.words[1]
        try:
            pods = [session.get(PODS, name if slash else kind, session.namespace)]
        except NotFound as error:
            raise CommandError(
                f'error from server (NotFound): {error.message} in namespace "{session.namespace}"'
            ) from None
    wanted = [(pod, container) for pod in pods for container in _containers(pod, flags)]
    if flags["follow"] and len(wanted) > flags["max-log-requests"]:
        raise CommandError(
            f"you are attempting to follow {len(wanted)} log streams, but maximum allowed concurrency is"
            f" {flags['max-log-requests']}, use --max-log-requests to increase the limit"
        )
    if flags["follow"] and len(wanted) > 1:
        return _follow_all(flags, wanted, query)
    code = 0
    for pod, container in wanted:
        try:
            _print(session, flags, pod, container, query)
        except StatusError as error:
            if not flags["ignore-errors"]:
                raise
            sys.stderr.write(f"error: {error.message}\n")
            code = 0
    return code


def _query(flags: Parsed) -> dict[str, Any]:
    since_time = flags["since-time"]
    if since_time and flags["since"]:
        raise CommandError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if since_time:
        try:
            parse_time(since_time)
        except ValueError as error:
            raise CommandError(str(error)) from None
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
    }


def _containers(pod: Object, flags: Parsed) -> list[str]:
    names: list[str] = [c["name"] for c in pod["spec"]["containers"]]
    if flags["container"]:
        if all(flags["container"] != container["name"] for container, _ in containers_of(pod)):
            raise CommandError(f"container {flags['container']} is not valid for pod {pod['metadata']['name']}")
        return [flags["container"]]
    if flags["all-containers"]:
        return names
    default = (pod["metadata"].get("annotations") or {}).get(DEFAULT_CONTAINER)
    if default in names:
        return [str(default)]
    if len(names) > 1:
        sys.stderr.write(f'Defaulted container "{names[0]}" out of: {", ".join(names)}\n')
    return names[:1]


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
