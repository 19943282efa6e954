"""What a pretended container does with its life: how long it runs, how it ends, what it makes of SIGTERM.

Pure. Takes a container's configuration; gives a Behaviour, read from the simple commands that examples and tests use:
``sleep 5``, ``true``, ``false``, ``sh -c "sleep 1; exit 3"``, ``trap``. ``absent`` is a command that no image has.
Anything else is a server that ends when asked.
Source: sh(1); signal(7) for why a first process without a handler does not hear SIGTERM.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from podbay.cri.runtime import ContainerConfig, ExecResult

_SHELLS: Final = ("sh", "bash", "ash")
_SLEEP: Final = re.compile(r"sleep (\d+(?:\.\d+)?|infinity)")
_EXIT: Final = re.compile(r"exit (\d+)")
_TRAP: Final = re.compile(r"trap\s+(?:'|\")?\s*exit (\d+)\s*(?:'|\")? TERM")
_NOT_THERE: Final = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: unable to start container"
    ' process: exec: "absent": executable file not found in $PATH: unknown'
)
_ENDLESS: Final = ("while true", "while :", "until false")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """See the module. ``runs_s`` None: for ever; ``term_code`` None: deaf to SIGTERM; ``start_error``: runs never."""

    runs_s: float | None = None
    exit_code: int = 0
    term_code: int | None = 0
    term_s: float = 0.0
    start_error: str = ""


def behaviour_of(config: ContainerConfig) -> Behaviour:
    """Return what a container with this command does."""
    words = [*config.command, *config.args]
    if not words:
        return Behaviour()
    name, *rest = words
    name = name.rpartition("/")[2]
    if name in _SHELLS and "-c" in rest and rest[-1] != "-c":
        return _of_script(rest[-1])
    return _of_command(name, rest)


def answer_of(container: str, command: Sequence[str]) -> ExecResult:
    """Return what a command that is run in a container comes to, whatever container it is."""
    behaviour = behaviour_of(ContainerConfig(name=container, image="", command=command))
    text = " ".join(command[1:]) + "\n" if command and command[0] == "echo" else ""
    return ExecResult(stdout=text.encode(), exit_code=behaviour.exit_code)


def _of_command(name: str, arguments: Sequence[str]) -> Behaviour:
    match name, list(arguments):
        case "true", _:
            return Behaviour(runs_s=0.0)
        case "false", _:
            return Behaviour(runs_s=0.0, exit_code=1)
        case "absent", _:
            return Behaviour(start_error=_NOT_THERE)
        case "echo", _:
            return Behaviour(runs_s=0.0)
        case "sleep", ["infinity"]:
            return Behaviour(term_code=None)
        case "sleep", [seconds]:
            return Behaviour(runs_s=float(seconds), term_code=None)
    return Behaviour()


def _of_script(script: str) -> Behaviour:
    trap = _TRAP.search(script)
    term_code = int(trap[1]) if trap else None
    if any(loop in script for loop in _ENDLESS):
        return Behaviour(term_code=term_code)
    runs_s: float | None = 0.0
    code = 0
    for command in re.split(r"\s*(?:;|&&|\n)\s*", script.strip()):
        if _TRAP.fullmatch(command):
            continue
        slept, left = _SLEEP.fullmatch(command), _EXIT.fullmatch(command)
        if slept and slept[1] == "infinity":
            return Behaviour(term_code=term_code)
        if slept:
            runs_s = (runs_s or 0.0) + float(slept[1])
            code = 0
        elif left:
            return Behaviour(runs_s=runs_s, exit_code=int(left[1]), term_code=term_code)
        elif command == "false":
            code = 1
        elif command in ("true", ":") or command.startswith("echo "):
            code = 0
        else:
            return Behaviour()
    return Behaviour(runs_s=runs_s, exit_code=code, term_code=term_code)
