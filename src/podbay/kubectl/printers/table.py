"""Tables as the server sends them, printed.

Takes Tables; gives lines. Which columns are shown depends on ``-o wide``, ``-L``, ``--show-labels``, ``-A``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podbay.kubectl.printers.columns import columns

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOptions:
    """How a table is shown."""

    wide: bool = False
    with_namespace: bool = False
    show_labels: bool = False
    label_columns: Sequence[str] = ()
    no_headers: bool = False
    kind_prefix: str = ""


def table_rows(table: Object, options: TableOptions, definitions: Sequence[Object]) -> list[list[str]]:
    """Return a Table's rows as text, without headers."""
    shown = [i for i, d in enumerate(definitions) if options.wide or not d.get("priority")]
    named = next((at for at, i in enumerate(shown) if definitions[i]["name"] == "Name"), None)
    rows = []
    for row in table.get("rows") or ():
        cells = [_text(row["cells"][i]) for i in shown]
        metadata = (row.get("object") or {}).get("metadata") or {}
        if options.kind_prefix and named is not None:
            cells[named] = f"{options.kind_prefix}/{cells[named]}"
        if options.with_namespace:
            cells.insert(0, metadata.get("namespace", ""))
        labels = metadata.get("labels") or {}
        cells += [labels.get(name, "") for name in options.label_columns]
        if options.show_labels:
            cells.append(",".join(f"{key}={value}" for key, value in sorted(labels.items())) or "<none>")
        rows.append(cells)
    return rows


def headers(options: TableOptions, definitions: Sequence[Object]) -> list[str]:
    """Return a Table's headers."""
    found = [str(d["name"]).upper() for d in definitions if options.wide or not d.get("priority")]
    if options.with_namespace:
        found.insert(0, "NAMESPACE")
    found += [name.rpartition("/")[2].upper() for name in options.label_columns]
    if options.show_labels:
        found.append("LABELS")
    return found


def table_text(table: Object, options: TableOptions, definitions: Sequence[Object]) -> str:
    """Return a Table as text."""
    rows = table_rows(table, options, definitions)
    return columns(rows if options.no_headers else [headers(options, definitions), *rows])


def _text(cell: Any) -> str:
    if cell is None:
        return "<none>"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = str(cell)
    # A cell is one line: what follows is only shown by describe and -o yaml.
    first, newline, _ = text.partition("\n")
    return f"{first}..." if newline else first
