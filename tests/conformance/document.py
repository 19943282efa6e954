"""The page ``docs/conformance.md``: every name with its state.

Takes :class:`~tests.conformance.names.Name`; gives text. Pure. The page says nothing that a docstring or a list of this
folder does not say, so it is never edited by hand; ``tests/arch`` fails while it is not the current one.
"""

from itertools import groupby

from tests.conformance.names import Name

_HEAD = """# Conformance

Made by `python -m tests.conformance`; do not edit it. These are the tests of Kubernetes' own conformance suite (1.32)
that concern pods on nodes, by upstream's names. Those that do not wait are covered by tests of ours against real
containers, whose docstrings list upstream's assertions and where each is made.

- **compared**: that list was read off upstream's source.
- **covered**: a test carries the name, but its list was not compared with the source yet.
- **waits**: what it needs is a later part of podbay.
- **not yet**: nothing carries it.

"""


def state(name: Name) -> str:
    """Return the state of a name in one word."""
    if name.compared:
        return "compared"
    if name.covered:
        return "covered"
    return "waits" if name.waits_for else "not yet"


def line(name: Name) -> str:
    """Return a name's row."""
    code = name.name.replace("|", "\\|").replace("*", "\\*")
    where = "; ".join(f"`{carrier.place.removeprefix('tests/e2e/')}`" for carrier in name.carriers if carrier.listed)
    return f"| {code} | {state(name)} | {where or name.waits_for} |"


def document(names: list[Name]) -> str:
    """Return the whole page."""
    states = [state(name) for name in names]
    counted = " | ".join(str(states.count(word)) for word in ("compared", "covered", "waits", "not yet"))
    page = _HEAD + "| compared | covered | waits | not yet | all |\n|--:|--:|--:|--:|--:|\n"
    page += f"| {counted} | {len(names)} |\n"
    for group, members in groupby(names, key=lambda name: name.name.partition("]")[0] + "]"):
        page += f"\n## {group.strip('[]')}\n\n| Test | State | Where |\n|---|---|---|\n"
        page += "".join(line(name).replace(f"| {group} ", "| ", 1) + "\n" for name in members)
    return page
