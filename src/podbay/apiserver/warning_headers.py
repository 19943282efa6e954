"""Warnings as header fields: each once, none that could break a header, and not more than clients take.

Pure. Takes texts in order; gives values of ``Warning``. Invariant: together they hold no more than 4,096 characters,
except that each is told, cut to 256, once they would be more; and never more of those than fit either.
Source: RFC 7234 section 5.5; https://kubernetes.io/docs/reference/using-api/api-concepts/#warnings
"""

from collections.abc import Iterable
from typing import Final

_TOTAL: Final = 4096
_EACH: Final = 256
_YAML: Final = "yaml: unmarshal errors:\n"


def warning_headers(texts: Iterable[str]) -> list[str]:
    """Return the header values of warnings."""
    told = [text for text in dict.fromkeys(_split(texts)) if text and not any(map(_is_control, text))]
    if sum(map(len, told)) > _TOTAL:
        told = [text[:_EACH] for text in told]
    found, total = [], 0
    for text in told:
        if total >= _TOTAL:
            break
        total += len(text)
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        found.append(f'299 - "{quoted}"')
    return found


def _split(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        if text.startswith(_YAML):
            yield from (line.strip() for line in text.removeprefix(_YAML).splitlines())
        else:
            yield text


def _is_control(character: str) -> bool:
    return character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"
