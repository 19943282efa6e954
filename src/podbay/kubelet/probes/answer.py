"""What came of asking a container once.

Pure data. A redirect to another host counts as well-being, with a warning. ``Unanswerable`` is for what says nothing of
the container: the question itself could not be asked.
Source: upstream's pkg/probe.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """See the module. ``text`` is what an event tells."""

    is_well: bool
    text: str = ""
    is_warning: bool = False


def well(text: str = "", *, is_warning: bool = False) -> Answer:
    """Return the answer of a container that is well."""
    return Answer(is_well=True, text=text, is_warning=is_warning)


def unwell(text: str) -> Answer:
    """Return the answer of a container that is not."""
    return Answer(is_well=False, text=text)


class Unanswerable(Exception):
    """Nobody could be asked, so that nothing is known."""
