"""Help pages, made of the catalog, a command's flags and the texts that stand beside this module.

Takes a command; gives text. Source: kubectl's form of help, in words of our own.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from podbay.kubectl.catalog import COMMANDS, Command, find_command, subcommands
from podbay.kubectl.flags import GLOBAL, Flag
from podbay.kubectl.help.texts import EXAMPLES, FLAG_TEXTS, GROUPS, SUMMARIES
from podbay.wire.durations import go_duration

_OPTIONS = 'Use "podbay options" for a list of global command-line options (applies to all commands).\n'


def help_on(words: Sequence[str]) -> int:
    """Print the page of a command, or all commands; return the exit code."""
    command = find_command(words) if words else None
    if command is None:
        if words:
            sys.stderr.write(f"Unknown help topic {' '.join(words)!r}\n\n")
        sys.stdout.write(overview())
        return 0
    sys.stdout.write(page(command, importlib.import_module(f"podbay.kubectl.{command.module}")))
    return 0


def overview() -> str:
    """Return the list of kubectl's commands, in groups."""
    width = max(len(name) for names in GROUPS.values() for name in names) + 3
    parts = []
    for title, names in GROUPS.items():
        lines = "".join(f"  {name.ljust(width)}{SUMMARIES[name]}\n" for name in names)
        parts.append(f"{title}:\n{lines}")
    return (
        "\n".join(parts)
        + '\nUsage:\n  podbay [flags] [options]\n\nUse "podbay <command> --help" for more information about a given'
        f" command.\n{_OPTIONS}"
    )


def page(command: Command, module: Any) -> str:
    """Return the help page of one command."""
    parts = [f"{SUMMARIES[command.name]}.\n"]
    if command.aliases:
        parts.append(f"Aliases:\n{', '.join((command.name.split()[-1], *command.aliases))}\n")
    if command.name in EXAMPLES:
        shown = "".join(f"  # {told}\n  {line}\n  \n" for told, line in EXAMPLES[command.name])
        parts.append(f"Examples:\n{shown.removesuffix('  ' + chr(10))}")
    below = subcommands(command.name)
    if below:
        width = max(len(sub.name.split()[-1]) for sub in below) + 3
        lines = "".join(f"  {sub.name.split()[-1].ljust(width)}{SUMMARIES[sub.name]}\n" for sub in below)
        parts.append(f"Available Commands:\n{lines}")
    own = flags_of(command.name, module)
    if own:
        parts.append(f"Options:\n{flag_lines(command.name, own)}")
    usage = f"  podbay {command.name} {command.usage}".rstrip() + (" [options]" if own else "")
    parts.append(f"Usage:\n{usage}\n")
    return "\n".join(parts) + f"\n{_OPTIONS}"


def flags_of(name: str, module: Any) -> Sequence[Flag]:
    """Return the flags of a command: its module may have some for each of its commands."""
    by_command = getattr(module, "FLAGS_OF", {})
    flags: Sequence[Flag] = by_command.get(name, getattr(module, "FLAGS", ()))
    return flags


def flag_lines(command: str, flags: Sequence[Flag]) -> str:
    """Return flags with their defaults and what they do."""
    lines = []
    for flag in sorted((f for f in flags if f.name != "help"), key=lambda f: f.name):
        short = f"-{flag.short}, " if flag.short else ""
        text = FLAG_TEXTS.get(f"{command} {flag.name}") or FLAG_TEXTS[flag.name]
        lines.append(f"    {short}--{flag.name}={_default(flag)}:\n\t{text}.\n")
    return "\n".join(lines)


def _default(flag: Flag) -> str:
    if flag.kind == "bool":
        return "true" if flag.default else "false"
    if flag.kind == "list":
        return "[]"
    if flag.kind == "duration":
        return go_duration(flag.default or 0.0)
    return str(flag.default) if flag.kind == "int" else f"'{flag.default or ''}'"


def all_flags() -> dict[str, Sequence[Flag]]:
    """Return every command's flags, and those that all have under ``options``."""
    found: dict[str, Sequence[Flag]] = {"options": GLOBAL}
    for command in COMMANDS.values():
        found[command.name] = flags_of(command.name, importlib.import_module(f"podbay.kubectl.{command.module}"))
    return found
