"""Flags by pflag's rules: ``--name=value``, ``--name value``, ``-n value``, ``-nvalue``, ``-it``, ``--``, anywhere.

Pure. Takes a command's flags and the words; gives values and the words that are no flags. Errors are kubectl's.
Source: https://github.com/spf13/pflag
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from podbay.kubectl.errors import FlagError, HelpWanted
from podbay.wire.durations import parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One flag. ``kind``: ``string``, ``bool``, ``int``, ``list`` (repeated or with commas), ``duration``.

    ``optional`` is the value of a string flag given without one.
    """

    name: str
    short: str = ""
    kind: str = "string"
    default: Any = None
    optional: str | None = None


@dataclass(slots=True)
class Parsed:
    """What a command line says. ``after`` are the words behind ``--``."""

    values: dict[str, Any]
    words: list[str] = field(default_factory=list)
    after: list[str] | None = None
    given: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


GLOBAL = (
    Flag(name="as", default=""),
    Flag(name="as-group", kind="list"),
    Flag(name="as-uid", default=""),
    Flag(name="cache-dir", default=""),
    Flag(name="certificate-authority", default=""),
    Flag(name="client-certificate", default=""),
    Flag(name="client-key", default=""),
    Flag(name="cluster", default=""),
    Flag(name="context", default=""),
    Flag(name="disable-compression", kind="bool", default=False),
    Flag(name="help", short="h", kind="bool", default=False),
    Flag(name="insecure-skip-tls-verify", kind="bool", default=False),
    Flag(name="kubeconfig", default=""),
    Flag(name="namespace", short="n", default=""),
    Flag(name="password", default=""),
    Flag(name="request-timeout", default="0"),
    Flag(name="server", short="s", default=""),
    Flag(name="tls-server-name", default=""),
    Flag(name="token", default=""),
    Flag(name="user", default=""),
    Flag(name="username", default=""),
    Flag(name="v", short="v", kind="int", default=0),
    Flag(name="warnings-as-errors", kind="bool", default=False),
)


# These take each value as it is: commas belong to it.
_WHOLE = ("env", "annotations", "from-literal", "as-group")


def parse(flags: Sequence[Flag], words: Sequence[str], *, stop_at_word: bool = False) -> Parsed:
    """Return the parsed command line. ``stop_at_word``: what follows the first word is not looked at.

    Raises FlagError in pflag's words.
    """
    by_name = {flag.name: flag for flag in (*GLOBAL, *flags)}
    by_short = {flag.short: flag for flag in (*GLOBAL, *flags) if flag.short}
    parsed = Parsed({flag.name: _default(flag) for flag in by_name.values()})
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            parsed.after = rest
            break
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            flag = by_name.get(name)
            if flag is None:
                raise FlagError(f"unknown flag: --{name}")
            _take(parsed, flag, value if equals else None, rest, f"--{name}")
        elif word.startswith("-") and len(word) > 1:
            _shorts(parsed, word, by_short, rest)
        else:
            parsed.words.append(word)
            if stop_at_word:
                parsed.words += rest
                break
    if parsed["help"]:
        raise HelpWanted
    return parsed


def _shorts(parsed: Parsed, word: str, by_short: dict[str, Flag], rest: list[str]) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        flag = by_short.get(letter)
        if flag is None:
            raise FlagError(f"unknown shorthand flag: {letter!r} in {word}")
        if flag.kind == "bool" and not letters.startswith("="):
            _take(parsed, flag, None, rest, f"-{letter}")
            continue
        value = letters.removeprefix("=") if letters else None
        _take(parsed, flag, value, rest, f"{letter!r} in {word}")
        return


def _take(parsed: Parsed, flag: Flag, value: str | None, rest: list[str], shown: str) -> None:
    parsed.given.add(flag.name)
    if value is None:
        if flag.kind == "bool":
            value = "true"
        elif flag.optional is not None:
            value = flag.optional
        elif rest:
            value = rest.pop(0)
        else:
            raise FlagError(f"flag needs an argument: {shown}")
    parsed.values[flag.name] = _converted(flag, value, parsed)


def _converted(flag: Flag, value: str, parsed: Parsed) -> Any:
    shown = f"-{flag.short}, --{flag.name}" if flag.short else f"--{flag.name}"
    match flag.kind:
        case "bool":
            if value.lower() in ("true", "1", "t"):
                return True
            if value.lower() in ("false", "0", "f"):
                return False
            raise FlagError(
                f'invalid argument "{value}" for "{shown}" flag: strconv.ParseBool: parsing "{value}": invalid syntax'
            )
        case "int":
            try:
                return int(value)
            except ValueError:
                raise FlagError(
                    f'invalid argument "{value}" for "{shown}" flag: strconv.ParseInt: parsing "{value}":'
                    " invalid syntax"
                ) from None
        case "list":
            return [*parsed.values[flag.name], *(value.split(",") if flag.name not in _WHOLE else [value])]
        case "duration":
            return duration_s(value, shown)
        case _:
            return value


def duration_s(text: str, shown: str = "") -> float:
    """Return the seconds of a Go duration such as ``1h30m`` or ``500ms``. Raises FlagError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise FlagError(f'invalid argument "{text}" for "{shown}" flag: {error}') from None


def _default(flag: Flag) -> Any:
    return [] if flag.kind == "list" and flag.default is None else flag.default
