"""``attach``: join the process that a container runs.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_attach/
"""

import sys
from typing import Any, Final

from podbay.api.resources import PODS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.pods import container_of, containers_of, pod_of, refuse_finished
from podbay.kubectl.session import Object, Session

FLAGS: Final = (
    Flag(name="container", short="c", default=""),
    Flag(name="stdin", short="i", kind="bool", default=False),
    Flag(name="tty", short="t", kind="bool", default=False),
    Flag(name="quiet", short="q", kind="bool", default=False),
    Flag(name="pod-running-timeout", kind="duration", default=60.0),
)
_RECORDED: Final = (
    "All commands and output from this session will be recorded in container logs, including credentials and sensitive"
    " information passed through the command prompt.\n"
)
_HINT: Final = "If you don't see a command prompt, try pressing enter.\n"


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if not flags.words:
        raise CommandError("at least 1 argument is required for attach")
    if len(flags.words) > 2:
        shown = " ".join(flags.words)
        raise CommandError(
            f"expected POD, TYPE/NAME, or TYPE NAME, (at most 2 arguments) saw {len(flags.words)}: [{shown}]"
        )
    session = Session(flags)
    pod = pod_of(session, "/".join(flags.words), "attach to")
    refuse_finished(pod, "attach")
    return attach(session, flags, pod)


def attach(session: Session, flags: Parsed, pod: Object) -> int:
    """Attach to a pod that runs; ``flags`` say how."""
    wanted = flags.values.get("container", "")
    if wanted and all(container["name"] != wanted for container, _ in containers_of(pod)):
        name = pod["metadata"]["name"]
        raise CommandError(f"cannot attach to the container: container {wanted} not found in pod {name}")
    container = container_of(pod, wanted, quiet=flags["quiet"])

    from podbay.kubectl.channels import run_channels
    from podbay.kubectl.terminal import usable_tty

    has_tty = bool(container.get("tty"))
    if flags["tty"] and not has_tty and not flags["quiet"]:
        sys.stderr.write(f"error: Unable to use a TTY - container {container['name']} did not allocate one\n")
    tty = usable_tty(stdin=flags["stdin"], tty=has_tty, quiet=flags["quiet"])
    if not flags["quiet"]:
        sys.stderr.write((_RECORDED if tty else "") + _HINT)
    query: dict[str, Any] = {
        "container": container["name"],
        "stdin": True if flags["stdin"] else None,
        "stdout": True,
        "stderr": None if tty or has_tty else True,
        "tty": True if tty or has_tty else None,
    }
    metadata = pod["metadata"]
    target = path(PODS, namespace=metadata["namespace"], name=metadata["name"], subresource="attach")
    code = run_channels(session, target, query, stdin=flags["stdin"], tty=tty)
    if tty and not flags["quiet"]:
        sys.stdout.write(
            f"Session ended, resume using 'podbay attach {metadata['name']} -c {container['name']}"
            f" -n {metadata['namespace']} -i -t' command\n"
        )
    return code
