"""From words to a command: finds it, runs it, and turns what goes wrong into a line on standard error.

Takes the words after ``podbay``; gives an exit code.
"""

import importlib
import os
import sys
from typing import Final

from podbay.api.errors import StatusError
from podbay.kubectl.errors import CommandError, FlagError, UsageError

_COMMANDS: Final = {
    "annotate": "annotate", "api-resources": "api_resources", "api-versions": "api_versions", "apply": "apply",
    "attach": "attach", "config": "config", "create": "create", "delete": "delete", "describe": "describe",
    "exec": "exec_", "explain": "explain", "get": "get", "label": "label", "logs": "logs", "log": "logs",
    "port-forward": "port_forward", "run": "run", "version": "version", "wait": "wait",
    "cluster-info": "cluster_info", "cordon": "cordon", "uncordon": "uncordon",
}  # fmt: skip


def dispatch(arguments: list[str]) -> int:
    """Run a command line and return its exit code."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except UsageError as error:
        sys.stderr.write(
            f"error: {error.message}\nSee 'podbay {error.command or _name(arguments)} -h' for help and examples\n"
        )
        return error.code
    except FlagError as error:
        sys.stderr.write(f"error: {error.message}\nSee 'podbay {_name(arguments)} --help' for usage.\n")
        return error.code
    except CommandError as error:
        if error.message:
            prefix = "" if error.message.startswith(_BARE) else "error: "
            sys.stderr.write(f"{prefix}{error.message}\n")
        return error.code
    except StatusError as error:
        from podbay.kubectl.session import server_error

        sys.stderr.write(server_error(error) + "\n")
        return 1
    except BrokenPipeError:
        # Whoever read us has enough: end quietly, and let nothing be flushed to it any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130


_BARE: Final = (
    "The connection", "Unable to connect", "Error from server", "No resources", "command terminated", "Error in",
    "You must specify the type of resource to get.",
)  # fmt: skip


def _run(arguments: list[str]) -> int:
    position = _command_at(arguments)
    command = arguments[position]
    module = _COMMANDS.get(command)
    if module is None:
        raise CommandError(f'unknown command "{command}" for "podbay"')
    rest = [*arguments[:position], *arguments[position + 1 :]]
    loaded = importlib.import_module(f"podbay.kubectl.commands.{module}")
    code: int = loaded.run(rest)
    return code


def _name(arguments: list[str]) -> str:
    return arguments[_command_at(arguments)]


def _command_at(arguments: list[str]) -> int:
    """Return where the command is: flags may stand before it."""
    from podbay.kubectl.flags import GLOBAL

    with_value = {f"--{f.name}" for f in GLOBAL if f.kind != "bool"} | {f"-{f.short}" for f in GLOBAL if f.short}
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if not word.startswith("-"):
            return position
        position += 2 if word in with_value and word != "-h" else 1
    raise CommandError("a command is needed: see podbay help")
