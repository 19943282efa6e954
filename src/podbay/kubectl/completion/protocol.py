"""``__complete``: what may stand at the end of a command line.

Takes the words so far, the last of them unfinished; gives candidates and a directive on standard output. Never fails:
a server that does not answer only means that there are no names.
Source: https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.kubectl.catalog import COMMANDS, Command, subcommands
from podbay.kubectl.dispatch import find
from podbay.kubectl.errors import CommandError, HelpWanted
from podbay.kubectl.flags import GLOBAL, Flag, Parsed, parse
from podbay.kubectl.help.texts import SUMMARIES

_FILES, _NO_FILES = 0, 4
_KINDS_THEN_NAMES: Final = ("get", "describe", "delete", "label", "annotate", "patch", "wait", "explain")
_PODS: Final = ("logs", "exec", "attach", "port-forward")
_NODES: Final = ("cordon", "uncordon")
_CONTEXTS: Final = ("config use-context", "config delete-context", "config rename-context")
_FORMATS: Final = (
    "json", "yaml", "name", "wide", "jsonpath=", "jsonpath-file=", "go-template=", "custom-columns=",
)  # fmt: skip


def complete(words: Sequence[str]) -> int:
    """Print the candidates for the last word, and how the shell shall go on."""
    *before, last = words or [""]
    try:
        found, directive = _candidates(before, last)
    except (CommandError, StatusError, OSError):
        found, directive = [], _NO_FILES
    sys.stdout.write("".join(f"{line}\n" for line in found) + f":{directive}\n")
    return 0


def _candidates(before: list[str], last: str) -> tuple[list[str], int]:
    try:
        command, module, rest = find(before)
    except CommandError:
        own = {flag.name for flag in GLOBAL}
        if last.startswith("-"):
            return _flags(GLOBAL, last), _NO_FILES
        if before and before[-1].lstrip("-") in own:
            return _of_flag(before[-1], None, last, ())
        return [f"{c.name}\t{SUMMARIES[c.name]}" for c in COMMANDS.values() if _top(c, last)], _NO_FILES
    flags: Sequence[Flag] = getattr(module, "FLAGS_OF", {}).get(command.name, getattr(module, "FLAGS", ()))
    every = (*GLOBAL, *flags)
    if last.startswith("-") and "=" not in last:
        return _flags(every, last), _NO_FILES
    name = last.partition("=")[0] if last.startswith("--") else rest[-1] if rest else ""
    waiting = _waiting(every, name)
    if waiting is not None:
        words = rest[:-1] if not last.startswith("--") else rest
        return _of_flag(name, _parsed(flags, words), last.partition("=")[2] if last.startswith("--") else last, every)
    below = [c.name.split()[-1] for c in subcommands(command.name)]
    parsed = _parsed(flags, rest)
    if below and not parsed.words:
        return [f"{word}\t{SUMMARIES[f'{command.name} {word}']}" for word in below if word.startswith(last)], _NO_FILES
    return _words(command, parsed, last), _NO_FILES


def _top(command: Command, last: str) -> bool:
    return " " not in command.name and command.name.startswith(last)


def _flags(flags: Iterable[Flag], last: str) -> list[str]:
    names = sorted(f"--{flag.name}" + ("" if flag.kind == "bool" else "=") for flag in flags)
    return [name for name in names if name.startswith(last)]


def _waiting(flags: Iterable[Flag], word: str) -> Flag | None:
    """Return the flag that a word names, if the flag takes a value."""
    for flag in flags:
        if word in (f"--{flag.name}", f"-{flag.short}") and flag.kind != "bool" and flag.optional is None:
            return flag
    return None


def _parsed(flags: Sequence[Flag], words: Sequence[str]) -> Parsed:
    try:
        return parse(flags, words)
    except HelpWanted:
        return parse(flags, [word for word in words if word not in ("-h", "--help")])


def _of_flag(name: str, parsed: Parsed | None, last: str, flags: Sequence[Flag]) -> tuple[list[str], int]:
    flag = _waiting((*GLOBAL, *flags), name)
    given = parsed or parse((), ())
    sources: dict[str, Callable[[], Iterable[str]]] = {
        "namespace": lambda: _names(given, "namespaces"),
        "container": lambda: _containers(given),
        "output": lambda: _FORMATS,
        "context": lambda: _entries(given, "contexts"),
        "cluster": lambda: _entries(given, "clusters"),
        "user": lambda: _entries(given, "users"),
        "dry-run": lambda: ("none", "server", "client"),
    }
    source = sources.get(flag.name) if flag else None
    if source is None:
        return [], _FILES
    return [value for value in source() if value.startswith(last)], _NO_FILES


def _words(command: Command, parsed: Parsed, last: str) -> list[str]:
    name, words = command.name, parsed.words
    if name in _KINDS_THEN_NAMES:
        if "/" in last:
            kind = last.partition("/")[0]
            found: Iterable[str] = (f"{kind}/{one}" for one in _names(parsed, kind))
        else:
            found = _names(parsed, words[0]) if words and "/" not in words[0] else _kinds()
    elif name in _PODS:
        found = _names(parsed, "pods") if not words else ()
    elif name in _NODES:
        found = _names(parsed, "nodes")
    elif name in _CONTEXTS:
        found = _entries(parsed, "contexts") if not words else ()
    elif name == "taint":
        found = _names(parsed, "nodes") if words else ("node",)
    elif name == "completion":
        found = ("bash", "zsh", "fish", "powershell")
    else:
        found = ()
    return [word for word in found if word.startswith(last) and word not in words[1:]]


def _kinds() -> list[str]:
    from podbay.api.resources import RESOURCES

    return sorted(resource.group_resource for resource in RESOURCES if "get" in resource.verbs)


def _names(parsed: Parsed, kind: str) -> list[str]:
    from podbay.kubectl.session import Session, find_resource

    session, resource = Session(parsed), find_resource(kind)
    found: list[dict[str, Any]] = session.list(resource, session.namespace_for(resource), {"limit": 500})["items"]
    return [item["metadata"]["name"] for item in found]


def _containers(parsed: Parsed) -> list[str]:
    from podbay.api.resources import PODS
    from podbay.kubectl.pods import containers_of
    from podbay.kubectl.session import Session

    if not parsed.words:
        return []
    session = Session(parsed)
    pod = session.get(PODS, parsed.words[0].rpartition("/")[2], session.namespace)
    return [container["name"] for container, _ in containers_of(pod)]


def _entries(parsed: Parsed, section: str) -> list[str]:
    from podbay.kubectl.config.files import merged

    return sorted(str(entry["name"]) for entry in merged(parsed)[section])
