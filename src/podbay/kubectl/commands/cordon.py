"""``cordon`` and ``uncordon``: keep new pods off a node, or let them on again."""

from typing import Final

from podbay.api.resources import NODES
from podbay.client.requests import STRATEGIC, path
from podbay.kubectl.commands.create import dry_run
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Flag, parse
from podbay.kubectl.selection import selected
from podbay.kubectl.session import Session

FLAGS: Final = (
    Flag(name="dry-run", default="none", optional="unchanged"),
    Flag(name="selector", short="l", default=""),
)


def run(words: list[str]) -> int:
    """Run ``cordon``."""
    return cordon(words, wanted=True)


def cordon(words: list[str], *, wanted: bool) -> int:
    """Set whether nodes are unschedulable."""
    flags = parse(FLAGS, words)
    verb = "cordon" if wanted else "uncordon"
    if not flags.words and not flags["selector"]:
        raise UsageError(f"USAGE: {verb} NODE [flags]", command=verb)
    if flags.words and flags["selector"]:
        raise UsageError("cannot specify both a node name and a --selector option", command=verb)
    mode = dry_run(flags)
    session = Session(flags)
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(mode, "")
    for name in _names(session, flags.words, flags["selector"]):
        node = session.get(NODES, name)
        if bool((node.get("spec") or {}).get("unschedulable")) == wanted:
            print(f"node/{name} already {verb}ed{suffix}")
            continue
        if mode != "client":
            change = {"spec": {"unschedulable": True if wanted else None}}
            query = {"dryRun": "All" if mode == "server" else None}
            session.send("PATCH", path(NODES, name=name), query, body=change, content_type=STRATEGIC)
        print(f"node/{name} {verb}ed{suffix}")
    return 0


def _names(session: Session, words: list[str], selector: str) -> list[str]:
    if selector:
        return [node["metadata"]["name"] for node in session.list(NODES, "", {"labelSelector": selector})["items"]]
    names = []
    for word in words:
        for target in selected([word] if "/" in word else ["node", word]):
            resource = target.resource
            if resource is not NODES:
                kind = f"{resource.group}/{resource.version}, Resource={resource.plural}"
                raise CommandError(f'expected resource of type node, got "{kind}"')
            names.append(target.name)
    return names
