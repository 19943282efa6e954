"""``exec``: run a command in a container.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_exec/
"""

from typing import Final

from podbay.api.resources import PODS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.pods import container_of, pod_of, refuse_finished
from podbay.kubectl.session import Session

FLAGS: Final = (
    Flag(name="container", short="c", default=""),
    Flag(name="stdin", short="i", kind="bool", default=False),
    Flag(name="tty", short="t", kind="bool", default=False),
    Flag(name="quiet", short="q", kind="bool", default=False),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if flags.after is None and len(flags.words) > 1:
        raise UsageError("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead")
    command = flags.after or []
    if not flags.words:
        raise CommandError("pod, type/name or --filename must be specified")
    if len(flags.words) > 1:
        raise UsageError("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead")
    if not command:
        raise CommandError("you must specify at least one command for the container")
    session = Session(flags)
    pod = pod_of(session, flags.words[0], "attach to")
    refuse_finished(pod, "exec into")
    container = container_of(pod, flags["container"], quiet=flags["quiet"])["name"]

    from podbay.kubectl.channels import run_channels
    from podbay.kubectl.terminal import usable_tty

    tty = usable_tty(stdin=flags["stdin"], tty=flags["tty"], quiet=flags["quiet"])
    query = {
        "command": command,
        "container": container,
        "stdin": True if flags["stdin"] else None,
        "stdout": True,
        "stderr": None if tty else True,
        "tty": True if tty else None,
    }
    metadata = pod["metadata"]
    target = path(PODS, namespace=metadata["namespace"], name=metadata["name"], subresource="exec")
    return run_channels(session, target, query, stdin=flags["stdin"], tty=tty)
