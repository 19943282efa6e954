"""Values as Go prints them: ``%v`` for people, ``%#v`` for debugging.

Pure. Takes plain JSON data; gives text. Source: https://pkg.go.dev/fmt
"""

import json
from collections.abc import Mapping
from typing import Any


def go_value(value: Any) -> str:
    """Return what ``%v`` writes: ``map[a:1]``, ``[a b]``, ``<nil>``."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{go_value(value[key])}' for key in sorted(value))}]"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(go_value(item) for item in value)}]"
    return str(value)


def go_syntax(value: Any) -> str:
    """Return what ``%#v`` writes: Go source."""
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{json.dumps(key)}:{go_syntax(value[key])}" for key in sorted(value))
        return f"map[string]interface {{}}{{{pairs}}}"
    if isinstance(value, (list, tuple)):
        return f"[]interface {{}}{{{', '.join(go_syntax(item) for item in value)}}}"
    return str(value)
