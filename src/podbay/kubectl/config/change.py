"""``config use-context``, ``rename-context``, ``delete-context``, ``delete-cluster``, ``delete-user``."""

import sys
from typing import Final

from podbay.kubectl.config.files import changing, file_of, merged
from podbay.kubectl.errors import CommandError, UsageError
from podbay.kubectl.flags import Parsed, parse

FLAGS: Final = ()
_SECTIONS: Final = {"context": "contexts", "cluster": "clusters", "user": "users"}


def run_as(name: str, words: list[str]) -> int:
    """Run one of the commands."""
    flags = parse(FLAGS, words)
    verb = name.removeprefix("config ")
    wanted = 2 if verb == "rename-context" else 1
    if len(flags.words) != wanted:
        raise UsageError(f"Unexpected args: [{' '.join(flags.words)}]", command=name)
    match verb:
        case "use-context":
            _use(flags, flags.words[0])
        case "rename-context":
            _rename(flags, *flags.words)
        case _:
            _delete(flags, verb.removeprefix("delete-"), flags.words[0])
    return 0


def _use(flags: Parsed, name: str) -> None:
    if not _known(flags, "contexts", name):
        raise CommandError(f'no context exists with the name: "{name}"')
    with changing(file_of(flags)) as document:
        document["current-context"] = name
    sys.stdout.write(f'Switched to context "{name}".\n')


def _rename(flags: Parsed, old: str, new: str) -> None:
    file = file_of(flags, "contexts", old)
    if not _known(flags, "contexts", old):
        raise CommandError(f'cannot rename the context "{old}", it\'s not in {file}')
    if _known(flags, "contexts", new):
        raise CommandError(f'cannot rename the context "{old}", the context "{new}" already exists in {file}')
    was_current = merged(flags)["current-context"] == old
    with changing(file) as document:
        for entry in document["contexts"]:
            if entry["name"] == old:
                entry["name"] = new
    if was_current:
        with changing(file_of(flags)) as document:
            document["current-context"] = new
    sys.stdout.write(f'Context "{old}" renamed to "{new}".\n')


def _delete(flags: Parsed, kind: str, name: str) -> None:
    section = _SECTIONS[kind]
    file = file_of(flags, section, name)
    if not _known(flags, section, name):
        raise CommandError(f"cannot delete {kind} {name}, not in {file}")
    if kind == "context" and merged(flags)["current-context"] == name:
        sys.stderr.write(
            'warning: this removed your active context, use "podbay config use-context" to select a different one\n'
        )
    with changing(file) as document:
        document[section] = [entry for entry in document[section] if entry["name"] != name]
    sys.stdout.write(f"deleted {kind} {name} from {file}\n")


def _known(flags: Parsed, section: str, name: str) -> bool:
    return any(entry["name"] == name for entry in merged(flags)[section])
