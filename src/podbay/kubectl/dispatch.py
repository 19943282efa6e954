"""From words to a command: finds it, runs it, and turns what goes wrong into a line on standard error.

Takes the words after ``podbay``; gives an exit code.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.kubectl.catalog import MISSING, Command, find_command, subcommands
from podbay.kubectl.errors import CommandError, FlagError, HelpWanted, UsageError
from podbay.kubectl.flags import GLOBAL, Flag


def dispatch(arguments: list[str]) -> int:
    """Run a command line and return its exit code."""
    name = ""
    try:
        if arguments[:1] in (["__complete"], ["__completeNoDesc"]):
            from podbay.kubectl.completion.protocol import complete

            return complete(arguments[1:])
        if arguments[:1] == ["help"]:
            from podbay.kubectl.help.pages import help_on

            return help_on(arguments[1:])
        command, module, rest = find(arguments)
        name = command.name
        try:
            code: int = module.run(rest) if not hasattr(module, "run_as") else module.run_as(name, rest)
        except HelpWanted as wanted:
            from podbay.kubectl.help.pages import page

            (sys.stderr if wanted.code else sys.stdout).write(page(command, module))
            code = wanted.code
        sys.stdout.flush()
        return code or _warned(rest)
    except UsageError as error:
        told = f"error: {error.message}\nSee 'podbay {error.command or name} -h' for help and examples\n"
        return _ended(error, told)
    except FlagError as error:
        return _ended(error, f"error: {error.message}\nSee 'podbay {name} --help' for usage.\n")
    except CommandError as error:
        prefix = "" if error.message.startswith(_BARE) else "error: "
        return _ended(error, f"{prefix}{error.message}\n" if error.message else "")
    except StatusError as error:
        from podbay.kubectl.session import server_error

        return _ended(CommandError("", code=1), server_error(error) + "\n")
    except BrokenPipeError:
        # Whoever read us has enough: end quietly, and let nothing be flushed to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130


_BARE: Final = (
    "The connection", "Unable to connect", "Error from server", "Error executing", "No resources",
    "command terminated", "Error in", "You must specify the type of resource to get.",
)  # fmt: skip


def _ended(error: CommandError, told: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(told)
    return error.code


def _warned(words: Sequence[str]) -> int:
    """Return 1 if the server sent warnings and ``--warnings-as-errors`` was given."""
    if not any(word.startswith("--warnings-as-errors") for word in words):
        return 0
    from podbay.kubectl.session import WARNINGS

    if not WARNINGS or "--warnings-as-errors=false" in words:
        return 0
    sys.stderr.write(f"error: {len(WARNINGS)} warning{'s' if len(WARNINGS) > 1 else ''} received\n")
    return 1


def find(arguments: Sequence[str]) -> tuple[Command, Any, list[str]]:
    """Return the command that a command line means, its module, and the other words. Raises CommandError."""
    words = list(arguments)
    position = _word_at(words, GLOBAL)
    if position is None:
        raise CommandError("a command is needed: see podbay help")
    first = words.pop(position)
    command = find_command([first])
    if command is None:
        raise CommandError(_unknown(first))
    module = importlib.import_module(f"podbay.kubectl.{command.module}")
    while subcommands(command.name):
        position = _word_at(words, (*GLOBAL, *getattr(module, "FLAGS", ())))
        deeper = find_command([*command.name.split(), words[position]]) if position is not None else None
        if deeper is None or position is None:
            break
        del words[position]
        command, module = deeper, importlib.import_module(f"podbay.kubectl.{deeper.module}")
    return command, module, words


def _word_at(words: Sequence[str], flags: Sequence[Flag]) -> int | None:
    """Return where the first word is that is neither a flag nor a flag's value."""
    valued = [flag for flag in flags if flag.kind != "bool" and flag.optional is None]
    with_value = {f"--{flag.name}" for flag in valued} | {f"-{flag.short}" for flag in valued if flag.short}
    position = 0
    while position < len(words):
        word = words[position]
        if word == "--":
            return None
        if not word.startswith("-") or word == "-":
            return position
        position += 2 if word in with_value else 1
    return None


def _unknown(word: str) -> str:
    if word in MISSING:
        return f'podbay does not have the command "{word}" yet'
    from podbay.kubectl.help.suggestions import similar

    near = similar(word)
    hint = "".join(f"\n\t{name}" for name in near)
    return f'unknown command "{word}" for "podbay"' + (f"\n\nDid you mean this?{hint}" if near else "")
