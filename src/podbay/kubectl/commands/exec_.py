"""``exec``: run a command in a container.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_exec/
"""

from typing import Final

from podbay.api.resources import PODS
from podbay.client.requests import path
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.kubectl.pods import container_of, pod_of, refuse_finished
from podbay.kubectl.session import Session

FLAGS: Final = (
    Flag(name="container", short="c", default=""),
    Flag(name="filename", short="f", kind="list"),
    Flag(name="pod-running-timeout", kind="duration", default=60.0),
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
    if not flags.words and not flags["filename"]:
        raise CommandError("pod, type/name or --filename must be specified")
    command = [*flags.words[1:], *command]  # what stands between the pod and -- belongs to the command
    if not command:
        raise CommandError("you must specify at least one command for the container")
    session = Session(flags)
    pod = pod_of(session, _named(flags), "attach to")
    refuse_finished(pod, "exec into")
    # A container that was named is the server's to refuse, as with kubectl.
    container = flags["container"] or container_of(pod, "", quiet=flags["quiet"])["name"]

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


def _named(flags: Parsed) -> str:
    """Return the pod that a command line names, also by a manifest. Raises CommandError."""
    if not flags["filename"]:
        return flags.words[0]
    from podbay.kubectl.manifests import read_manifests

    found = list(read_manifests(flags["filename"], recursive=False))
    if len(found) != 1:
        raise CommandError(f"exactly one pod can be named by a manifest, got {len(found)} objects")
    kind = found[0].resource.singular
    return f"{kind}/{(found[0].obj.get('metadata') or {}).get('name', '')}"
