"""``options``: the flags that every command has."""

import sys

from podbay.kubectl.flags import GLOBAL, parse
from podbay.kubectl.help.pages import flag_lines

FLAGS = ()


def run(words: list[str]) -> int:
    """Run the command."""
    parse(FLAGS, words)
    sys.stdout.write("The following options can be passed to any command:\n\n" + flag_lines("options", GLOBAL))
    return 0
