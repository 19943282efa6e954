"""Elastic columns: text with tabs becomes columns that are as wide as their cells need, block by block.

Takes lines whose cells end in tabs; gives aligned lines. A column lasts as long as neighbouring lines have a cell in
it; what follows a line's last tab is in no column. ``remember`` keeps widths from one text to the next, as
watches need. Pure. Source: Go's text/tabwriter, whose rules kubectl's output follows.
"""


class TabWriter:
    """See the module. ``padding`` spaces follow the widest cell; no column is narrower than ``min_width``."""

    def __init__(self, *, min_width: int = 0, padding: int = 2, remember: bool = False) -> None:
        self._min_width = min_width
        self._padding = padding
        self._remember = remember
        self._remembered: list[int] = []

    def format(self, text: str) -> str:
        """Return the text in columns."""
        lines = [line.split("\t") for line in text.split("\n")]
        out: list[str] = []
        self._block(lines, 0, len(lines), [], out)
        return "\n".join(out)

    def _block(self, lines: list[list[str]], start: int, end: int, widths: list[int], out: list[str]) -> None:
        column = len(widths)
        position = start
        while position < end:
            if column >= len(lines[position]) - 1:
                out.append(_padded(lines[position], widths))
                position += 1
                continue
            stop = position
            width = self._min_width
            while stop < end and column < len(lines[stop]) - 1:
                width = max(width, len(lines[stop][column]) + self._padding)
                stop += 1
            self._block(lines, position, stop, [*widths, self._at_least(column, width)], out)
            position = stop

    def _at_least(self, column: int, width: int) -> int:
        if not self._remember:
            return width
        if column == len(self._remembered):
            self._remembered.append(width)
        self._remembered[column] = max(self._remembered[column], width)
        return self._remembered[column]


def _padded(cells: list[str], widths: list[int]) -> str:
    return "".join(cell.ljust(widths[i]) if i < len(widths) else cell for i, cell in enumerate(cells))
