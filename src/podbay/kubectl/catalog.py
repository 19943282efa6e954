"""Every command that the CLI has, declared once as data: dispatch, help and completion derive from it.

Pure data. A new command begins here: a line, and a module with ``FLAGS`` and ``run``.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple


class Command(NamedTuple):
    """One command. ``name`` has the words of a subcommand, ``module`` is below ``podbay.kubectl``."""

    name: str
    module: str
    usage: str = ""
    aliases: tuple[str, ...] = ()


_OBJECTS: Final = "(TYPE NAME | TYPE/NAME | -f FILENAME)"
COMMANDS: Final[dict[str, Command]] = {
    command.name: command
    for command in (
        Command("annotate", "commands.annotate", f"{_OBJECTS} KEY_1=VAL_1 ... KEY_N- [--overwrite]"),
        Command("api-resources", "commands.api_resources"),
        Command("api-versions", "commands.api_versions"),
        Command("apply", "commands.apply", "-f FILENAME"),
        Command("apply view-last-applied", "commands.last_applied", _OBJECTS),
        Command("attach", "commands.attach", "(POD | TYPE/NAME) -c CONTAINER"),
        Command("cluster-info", "commands.cluster_info"),
        Command("completion", "completion.scripts", "SHELL"),
        Command("config", "config.overview", "SUBCOMMAND"),
        Command("config current-context", "config.show"),
        Command("config delete-cluster", "config.change", "NAME"),
        Command("config delete-context", "config.change", "NAME"),
        Command("config delete-user", "config.change", "NAME"),
        Command("config get-clusters", "config.show"),
        Command("config get-contexts", "config.show", "[NAME...] [-o name]"),
        Command("config get-users", "config.show"),
        Command("config rename-context", "config.change", "CONTEXT_NAME NEW_NAME"),
        Command("config set", "config.properties", "PROPERTY_NAME PROPERTY_VALUE"),
        Command("config set-cluster", "config.entries", "NAME [--server=server] [--certificate-authority=path]"),
        Command("config set-context", "config.entries", "[NAME | --current] [--cluster=NAME] [--user=NAME]"),
        Command("config set-credentials", "config.entries", "NAME [--client-certificate=path] [--token=token]"),
        Command("config unset", "config.properties", "PROPERTY_NAME"),
        Command("config use-context", "config.change", "CONTEXT_NAME", ("use",)),
        Command("config view", "config.show", "[flags]"),
        Command("cordon", "commands.cordon", "NODE"),
        Command("create", "commands.create", "-f FILENAME"),
        Command("create configmap", "creators.configmap", "NAME [--from-literal=k=v] [--from-file=[k=]f]", ("cm",)),
        Command("create namespace", "creators.namespace", "NAME", ("ns",)),
        Command("create secret", "creators.secret", "(docker-registry | generic | tls) NAME"),
        Command("create secret docker-registry", "creators.docker_registry", "NAME --docker-username=user"),
        Command("create secret generic", "creators.generic", "NAME [--from-literal=k=v] [--from-file=[k=]f]"),
        Command("create secret tls", "creators.tls", "NAME --cert=path --key=path"),
        Command("create serviceaccount", "creators.serviceaccount", "NAME", ("sa",)),
        Command("delete", "commands.delete", "([-f FILENAME] | TYPE [(NAME | -l label | --all)])"),
        Command("describe", "commands.describe", "(-f FILENAME | TYPE [NAME_PREFIX | -l label] | TYPE/NAME)"),
        Command("events", "commands.events", "[-w] [--for TYPE/NAME] [--types=Normal,Warning]"),
        Command("exec", "commands.exec_", "(POD | TYPE/NAME) [-c CONTAINER] -- COMMAND [args...]"),
        Command("explain", "commands.explain", "TYPE [--recursive] [--api-version=VERSION]"),
        Command("get", "commands.get", "[-o FORMAT] (TYPE [NAME | -l label] | TYPE/NAME ...)"),
        Command("label", "commands.label", f"{_OBJECTS} KEY_1=VAL_1 ... KEY_N- [--overwrite]"),
        Command("logs", "commands.logs", "[-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]", ("log",)),
        Command("options", "help.options"),
        Command("patch", "commands.patch", f"{_OBJECTS} [-p PATCH | --patch-file FILE]"),
        Command("port-forward", "commands.port_forward", "TYPE/NAME [LOCAL_PORT:]REMOTE_PORT ..."),
        Command("replace", "commands.replace", "-f FILENAME"),
        Command("run", "commands.run", "NAME --image=image [--env=k=v] [-- [COMMAND] [args...]]"),
        Command("taint", "commands.taint", "NODE NAME KEY_1=VAL_1:EFFECT_1 ... KEY_N-"),
        Command("top", "top.overview", "SUBCOMMAND"),
        Command("top node", "top.node", "[NAME | -l label]", ("nodes", "no")),
        Command("top pod", "top.pod", "[NAME | -l label]", ("pods", "po")),
        Command("uncordon", "commands.uncordon", "NODE"),
        Command("version", "commands.version"),
        Command("wait", "commands.wait", "(-f FILENAME | TYPE/NAME | TYPE --all) --for=CONDITION"),
    )
}

# What kubectl has and podbay has not: named, so that nobody looks for a spelling mistake.
MISSING: Final = (
    "alpha", "auth", "autoscale", "certificate", "cp", "debug", "diff", "drain", "edit", "expose", "kustomize",
    "plugin", "proxy", "rollout", "scale", "set",
)  # fmt: skip


def find_command(words: Iterable[str]) -> Command | None:
    """Return the command that words name, aliases too."""
    wanted = list(words)
    for command in COMMANDS.values():
        *parents, last = command.name.split()
        if wanted[:-1] == parents and wanted[-1:] and wanted[-1] in (last, *command.aliases):
            return command
    return None


def subcommands(name: str) -> list[Command]:
    """Return the commands right below a command."""
    depth = len(name.split()) + 1
    return [c for c in COMMANDS.values() if c.name.startswith(f"{name} ") and len(c.name.split()) == depth]
