"""Any object, described by its own fields: for kinds that have no description of their own.

Takes an object as JSON; gives its fields as indented lines, their names as words.
Source: upstream's describer of objects that it has no type for, whose lines these are.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from podbay.api.resources import Resource
from podbay.kubectl.describers.events import write_events
from podbay.kubectl.describers.text import Description, Object

_HIDDEN: Final = ("name", "namespace", "labels", "annotations", "managedFields")
_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+")
_SHORT: Final = {"id": "ID", "uid": "UID", "api": "API", "url": "URL", "ip": "IP", "http": "HTTP", "https": "HTTPS",
                 "json": "JSON", "tcp": "TCP", "tls": "TLS", "ttl": "TTL", "uri": "URI", "cpu": "CPU", "dns": "DNS",
                 "ssl": "SSL", "ssh": "SSH", "os": "OS", "ram": "RAM", "sql": "SQL", "xml": "XML"}  # fmt: skip


def describe_anything(obj: Object, resource: Resource, events: Sequence[Object] | None, now: datetime) -> str:
    """Return the description of an object."""
    out = Description(now)
    out.head(obj, namespaced=False)
    if resource.namespaced:
        out = _with_namespace(obj, now)
    out.write(0, f"API Version:\t{obj['apiVersion']}\n")
    shown = {key: value for key, value in obj.items() if key != "apiVersion"}
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _HIDDEN}
    _fields({**shown, "metadata": metadata}, 0, out)
    if events is not None:
        write_events(out, events)
    return out.text()


def _with_namespace(obj: Object, now: datetime) -> Description:
    out = Description(now)
    out.head(obj, namespaced=True)
    return out


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
                    out.write(level + 1, f"{one}\n")
        else:
            shown = "true" if item is True else "false" if item is False else "<nil>" if item is None else item
            out.write(level, f"{label}:\t{shown}\n")


def smart_label(field: str) -> str:
    """Return a field's name in words: ``creationTimestamp`` becomes ``Creation Timestamp``."""
    words = _WORDS.findall(field)
    return " ".join(_SHORT.get(word.lower()) or word[:1].upper() + word[1:] for word in words)
