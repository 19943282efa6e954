"""What a misspelt command may have meant: names two changes away, or that begin so.

Pure. Source: cobra, whose distance of two kubectl keeps.
"""

from podbay.kubectl.catalog import COMMANDS

_FURTHEST = 2


def similar(word: str) -> list[str]:
    """Return the top commands that a word may have meant."""
    names = [name for name in COMMANDS if " " not in name]
    return [name for name in names if _distance(word.lower(), name) <= _FURTHEST or name.startswith(word.lower())]


def _distance(one: str, other: str) -> int:
    """Return Levenshtein's distance of two words."""
    before = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (char != wanted)))
        before = row
    return before[-1]
