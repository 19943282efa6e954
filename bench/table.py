"""What a figure found, as data, and as the text of a table.

Pure. Figures give a ``Section``; ``document`` and the command line show it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_HEAD: Final = ("measured", "podbay", "floor or peer", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line. ``met`` is None where there is no goal; ``why`` tells, of a goal that was missed, what holds it back
    and what would close it.
    """

    what: str
    ours: str
    beside: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None
    why: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the texts of the line."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {None: "", True: "yes", False: "**no**"}[self.met]
        return (self.what, self.ours, self.beside, ratio, self.goal, met)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A figure: how it was measured, its lines, and remarks."""

    name: str
    title: str
    how: str
    rows: Sequence[Row]
    remarks: Sequence[str] = field(default=())

    @property
    def missed(self) -> list[Row]:
        """Return the lines whose goal was missed."""
        return [row for row in self.rows if row.met is False]


def markdown(section: Section) -> str:
    """Return a section as Markdown, the columns aligned so that it reads well as plain text, too."""
    lines = [_HEAD, *(row.cells for row in section.rows)]
    used = [i for i in range(len(_HEAD)) if any(line[i] for line in lines[1:])]
    widths = {i: max(len(line[i]) for line in lines) for i in used}
    shown = ["| " + " | ".join(line[i].ljust(widths[i]) for i in used) + " |" for line in lines]
    rule = "|" + "|".join("-" * (widths[i] + 2) for i in used) + "|"
    text = [f"## {section.title}", "", section.how, "", shown[0], rule, *shown[1:]]
    for row in section.missed:
        text += ["", f"Missed: {row.what}. {row.why}".rstrip()]
    for remark in section.remarks:
        text += ["", remark]
    return "\n".join(text) + "\n"


def seconds(value: float) -> str:
    """Return a duration to three digits, in the unit that suits it."""
    if value >= 1:
        return f"{value:.2f} s"
    if value >= 0.001:
        return f"{value * 1e3:.3g} ms" if value < 0.1 else f"{value * 1e3:.0f} ms"
    return f"{value * 1e6:.0f} us"


def megabytes(count: float) -> str:
    """Return bytes as megabytes (10^6)."""
    return f"{count / 1e6:.1f} MB"
