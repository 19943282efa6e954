"""``run``: one pod from an image, and if wanted its streams and its exit code.

Takes flags; makes a pod, waits for it and joins it by ``attach``. With ``--rm`` the pod goes however the command ends.
Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_run/
"""

import re
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from podbay.api.errors import NotFound, StatusError
from podbay.api.resources import PODS
from podbay.client.requests import path
from podbay.kubectl.commands.create import SENDING, dry_run, tell
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.last_applied import annotated
from podbay.kubectl.session import Object, Session
from podbay.wire import json

FLAGS: Final = (
    Flag(name="image", default=""),
    Flag(name="image-pull-policy", default=""),
    Flag(name="annotations", kind="list"),
    Flag(name="labels", short="l", default=""),
    Flag(name="env", kind="list"),
    Flag(name="port", default=""),
    Flag(name="restart", default="Always"),
    Flag(name="command", kind="bool", default=False),
    Flag(name="privileged", kind="bool", default=False),
    Flag(name="expose", kind="bool", default=False),
    Flag(name="overrides", default=""),
    Flag(name="stdin", short="i", kind="bool", default=False),
    Flag(name="tty", short="t", kind="bool", default=False),
    Flag(name="attach", kind="bool", default=False),
    Flag(name="rm", kind="bool", default=False),
    Flag(name="leave-stdin-open", kind="bool", default=False),
    Flag(name="quiet", short="q", kind="bool", default=False),
    Flag(name="pod-running-timeout", kind="duration", default=60.0),
    Flag(name="override-type", default="merge"),
    *(flag for flag in SENDING if flag.name not in ("validate", "field-manager")),
    Flag(name="field-manager", default="kubectl-run"),
)
_ENDED: Final = ("Succeeded", "Failed")
_IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+|/)[a-z0-9]+)*"
    r"(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][\w.+-]*:[0-9a-fA-F]{32,})?"
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    pod = pod_from(flags)
    mode = dry_run(flags)
    attached = flags["attach"] if "attach" in flags.given else flags["stdin"]
    if flags["rm"] and not attached:
        raise UsageError("--rm should only be used for attached containers")
    if attached and mode != "none":
        raise UsageError(
            "--dry-run=[server|client] can't be used with attached containers options (--attach, --stdin, or --tty)"
        )
    session = Session(flags)
    if mode == "client":
        if flags["namespace"]:
            pod["metadata"] = {"name": "", "namespace": session.namespace, **pod["metadata"]}
        tell(flags, pod, "created", mode, typed=True)
        return 0
    if flags["save-config"]:
        pod = annotated(pod)
    query = {"dryRun": "All" if mode == "server" else None, "fieldManager": flags["field-manager"]}
    created = json.decode(session.send("POST", path(PODS, namespace=session.namespace), query, body=pod))
    if not attached:
        tell(flags, created, "created", mode)
        return 0
    try:
        return _follow(session, flags, created)
    finally:
        if flags["rm"]:
            _remove(session, flags, created)


def pod_from(flags: Parsed) -> Object:
    """Return the pod that the flags describe, with the empty values that kubectl prints. Raises CommandError."""
    if not flags.words:
        raise UsageError("NAME is required for run")
    name, *arguments = [*flags.words, *(flags.after or [])]
    _check(flags)
    container: Object = {"name": name, "image": flags["image"], "resources": {}}
    if flags["env"]:
        container["env"] = [_variable(text) for text in flags["env"]]
    if flags["stdin"]:
        container["stdin"] = True
        if not flags["leave-stdin-open"]:
            container["stdinOnce"] = True
    if flags["tty"]:
        container["tty"] = True
    if flags["image-pull-policy"]:
        container["imagePullPolicy"] = flags["image-pull-policy"]
    if flags["privileged"]:
        container["securityContext"] = {"privileged": True}
    if arguments:
        container["command" if flags["command"] else "args"] = arguments
    if flags["port"]:
        container["ports"] = [{"containerPort": int(flags["port"])}]
    labels = labels_of(flags["labels"]) or {"run": name}
    metadata: Object = {"name": name, "creationTimestamp": None, "labels": labels}
    if flags["annotations"]:
        metadata["annotations"] = _annotations(flags["annotations"])
    spec = {"containers": [container], "restartPolicy": restart_policy(flags), "dnsPolicy": "ClusterFirst"}
    pod: Object = {"kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": {}}
    return _overridden(pod, flags["overrides"], flags["override-type"]) if flags["overrides"] else pod


def restart_policy(flags: Parsed) -> str:
    """Return the pod's restart policy. Raises CommandError."""
    given = str(flags["restart"]) or ("OnFailure" if flags["stdin"] else "Always")
    if given not in ("Always", "OnFailure", "Never"):
        raise UsageError(f"invalid restart policy: {given}")
    return given


def labels_of(text: str) -> dict[str, str]:
    """Return the labels of ``a=b,c=d``. Raises CommandError."""
    found: dict[str, str] = {}
    for spec in text.split(",") if text else ():
        parts = spec.split("=")
        if len(parts) != 2:
            raise CommandError(f"unexpected label spec: {spec}")
        if not parts[0]:
            raise CommandError("unexpected empty label key")
        found[parts[0]] = parts[1]
    return found


def _check(flags: Parsed) -> None:
    policy = flags["image-pull-policy"]
    if policy not in ("", "Always", "IfNotPresent", "Never"):
        raise UsageError(f"invalid image pull policy: {policy}")
    if not flags["image"]:
        raise CommandError('required flag(s) "image" not set' if "image" not in flags.given else "--image is required")
    if not _IMAGE.fullmatch(flags["image"]):
        raise CommandError(f'Invalid image name "{flags["image"]}": invalid reference format')
    if flags["tty"] and not flags["stdin"]:
        raise UsageError("-i/--stdin is required for containers with -t/--tty=true")
    if flags["expose"] and not flags["port"]:
        raise UsageError("--port must be set when exposing a service")
    if flags["expose"]:
        raise CommandError("--expose needs services, which podbay does not support yet")
    if flags["port"] and not re.fullmatch(r"[+-]?[0-9]+", flags["port"]):
        raise CommandError(f'strconv.Atoi: parsing "{flags["port"]}": invalid syntax')


def _variable(text: str) -> Object:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"invalid env: {text}")
    return {"name": name, "value": value} if value else {"name": name}


def _annotations(pairs: Sequence[str]) -> dict[str, str]:
    for pair in pairs:
        if pair.find("=") < 1:
            raise CommandError(f"unexpected annotations: {pair}")
    return {key: value for key, _, value in (pair.partition("=") for pair in pairs)}


def _overridden(pod: Object, text: str, kind: str) -> Object:
    from podbay.api import schema
    from podbay.api.patch import PatchError, json_patch, merge_patch, strategic_merge_patch

    try:
        patch = json.decode(text.encode())
    except ValueError:
        raise CommandError("Invalid JSON Patch") from None
    try:
        match kind:
            case "merge":
                changed: Object = merge_patch(pod, patch)
            case "strategic":
                changed = strategic_merge_patch(pod, patch, schema.definition("v1", "Pod"))
            case "json":
                changed = json_patch(pod, patch)
            case _:
                raise CommandError(f"invalid override type: {kind}")
    except PatchError as error:
        raise CommandError(str(error)) from None
    return changed


def _follow(session: Session, flags: Parsed, pod: Object) -> int:
    """Join the pod as soon as it runs; return its exit code if it is not restarted."""
    timeout_s = flags["pod-running-timeout"]
    pod = _until(session, pod, lambda found: _phase(found) in _ENDED or _ready(found), timeout_s)
    if _phase(pod) in _ENDED:
        _print_logs(session, pod)
    else:
        from podbay.kubectl.commands.attach import attach

        try:
            attach(session, flags, pod)
        except (CommandError, StatusError) as error:
            # A short process can end between our look and our call: what it said is in its log.
            sys.stderr.write(
                f"warning: couldn't attach to pod/{pod['metadata']['name']},"
                f" falling back to streaming logs: {error.message}\n"
            )
            _print_logs(session, pod)
    policy = pod["spec"]["restartPolicy"]
    if flags["leave-stdin-open"] or policy == "Always":
        return 0
    wanted = ("Succeeded",) if policy == "OnFailure" else _ENDED
    return _exit_code(_until(session, pod, lambda found: _phase(found) in wanted, timeout_s))


def _exit_code(pod: Object) -> int:
    if _phase(pod) == "Succeeded":
        return 0
    shown = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    statuses = pod["status"].get("containerStatuses") or [{}]
    ended = (statuses[0].get("state") or {}).get("terminated") or {}
    code = int(ended.get("exitCode", 0))
    if not code:
        raise CommandError(f"pod {shown} failed with unknown exit code")
    sys.stdout.flush()
    message = ended.get("message", "")
    sys.stderr.write(f"pod {shown} terminated ({ended.get('reason', '')})\n" + (f"{message}\n" if message else ""))
    return code


def _until(session: Session, pod: Object, met: Callable[[Object], bool], timeout_s: float) -> Object:
    """Return the pod as soon as it is as wanted. Raises CommandError when that takes too long, NotFound."""
    metadata = pod["metadata"]
    deadline = time.monotonic() + timeout_s if timeout_s > 0 else None
    while True:
        current = session.get(PODS, metadata["name"], metadata["namespace"])
        if met(current):
            return current
        left_s = None if deadline is None else deadline - time.monotonic()
        if left_s is not None and left_s <= 0:
            raise CommandError("timed out waiting for the condition")
        query: dict[str, Any] = {
            "fieldSelector": f"metadata.name={metadata['name']}",
            "resourceVersion": current["metadata"]["resourceVersion"],
            "timeoutSeconds": None if left_s is None else max(1, int(left_s)),
        }
        for frame in session.frames(path(PODS, namespace=metadata["namespace"]), query):
            if frame["type"] in ("DELETED", "ERROR"):
                break
            if met(frame["object"]):
                found: Object = frame["object"]
                return found


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", ""))


def _ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return _phase(pod) == "Running" and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _print_logs(session: Session, pod: Object) -> None:
    metadata = pod["metadata"]
    target = path(PODS, namespace=metadata["namespace"], name=metadata["name"], subresource="log")
    query = {"container": pod["spec"]["containers"][0]["name"]}
    sys.stdout.flush()
    for chunk in session.stream(target, query):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _remove(session: Session, flags: Parsed, pod: Object) -> None:
    metadata = pod["metadata"]
    target = path(PODS, namespace=metadata["namespace"], name=metadata["name"])
    try:
        session.send("DELETE", target, body={"propagationPolicy": "Background"})
    except NotFound:
        return
    if not flags["quiet"]:
        sys.stdout.write(f'pod "{metadata["name"]}" deleted\n')
