"""``docs/benchmarks.md``: an introduction written by hand, then one generated part per figure.

Takes sections; rewrites only their parts, so that one figure can be measured anew. Pure but for ``write``.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from bench.table import Section, markdown

PATH: Final = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_PART: Final = re.compile(r"<!-- begin (?P<name>[a-z]+) -->\n.*?<!-- end (?P=name) -->\n", re.DOTALL)


def write(sections: Iterable[Section], machine: str, order: Iterable[str], path: Path = PATH) -> None:
    """Put sections into the document; parts that were not measured stay as they are."""
    parts = {section.name: f"{markdown(section)}\n{machine}\n" for section in sections}
    path.write_text(merged(path.read_text("utf-8"), parts, order), "utf-8")


def merged(text: str, parts: Mapping[str, str], order: Iterable[str]) -> str:
    """Return the document with new parts, all of them in their order at its end."""
    known = {found["name"]: found[0] for found in _PART.finditer(text)}
    known |= {name: f"<!-- begin {name} -->\n{body}<!-- end {name} -->\n" for name, body in parts.items()}
    head = _PART.sub("", text).rstrip()
    return "\n\n".join([head, *(known[name].rstrip() for name in order if name in known)]) + "\n"
