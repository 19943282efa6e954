"""Text in columns, as kubectl's tab writer sets them: three spaces apart, the last column unpadded.

Pure.
"""

from collections.abc import Sequence


def columns(rows: Sequence[Sequence[str]], *, gap: int = 3, least: int = 6) -> str:
    """Return rows set in columns. A column is at least ``least`` wide with its gap, as a tab writer's are."""
    if not rows:
        return ""
    count = max(len(row) for row in rows)
    widths = [0] * count
    for row in rows:
        for index, cell in enumerate(row[:-1]):
            widths[index] = max(widths[index], len(cell))
    lines = []
    for row in rows:
        cells = [cell.ljust(max(widths[index] + gap, least)) for index, cell in enumerate(row[:-1])]
        lines.append("".join(cells) + (row[-1] if row else ""))
    return "".join(line + "\n" for line in lines)
