"""Any object, described by its own fields: for kinds that have no description of their own.

Takes an object as JSON; gives its fields as indented lines, their names as words.
Source: upstream's describer of objects that it has no type for, whose lines these are.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import Description, Object

_HIDDEN: Final = ("name", "namespace", "labels", "annotations", "managedFields")
_PLAIN: Final = re.compile(r"[A-Za-z-]*")
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|-+")
_ACRONYMS: Final = ("API", "URL", "UID", "OSB", "GUID")


def describe_anything(obj: Object, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of an object."""
    out = Description(now)
    metadata = obj["metadata"]
    out.write(0, f"Name:\t{metadata['name']}\n")
    out.write(0, f"Namespace:\t{metadata.get('namespace', '')}\n")
    out.labels("Labels", metadata.get("labels"))
    out.annotations(metadata.get("annotations"))
    out.write(0, f"API Version:\t{obj['apiVersion']}\n")
    shown = {key: value for key, value in obj.items() if key != "apiVersion"}
    _fields({**shown, "metadata": {key: value for key, value in metadata.items() if key not in _HIDDEN}}, 0, out)
    if events is not None:
        write_events(out, events)
    return out.text()


def _fields(value: Mapping[str, Any], level: int, out: Description) -> None:
    for key in sorted(value):
        item, label = value[key], smart_label(key)
        if isinstance(item, Mapping):
            out.write(level, f"{label}:\n")
            _fields(item, level + 1, out)
        elif isinstance(item, list):
            out.write(level, f"{label}:\n")
            for one in item:
                if isinstance(one, Mapping):
                    _fields(one, level + 1, out)
                else:
                    out.write(level + 1, f"{_shown(one)}\n")
        else:
            out.write(level, f"{label}:\t{_shown(item)}\n")


def _shown(value: Any) -> Any:
    """Return a plain value as Go prints it."""
    return "true" if value is True else "false" if value is False else "<nil>" if value is None else value


def smart_label(field: str) -> str:
    """Return a field's name in words: ``creationTimestamp`` becomes ``Creation Timestamp``.

    A name of more than letters and dashes, as a label's key, stays as it is.
    """
    if not _PLAIN.fullmatch(field):
        return field
    words = _WORDS.findall(field)
    return " ".join(word.upper() if word.upper() in _ACRONYMS else word[:1].upper() + word[1:] for word in words)
