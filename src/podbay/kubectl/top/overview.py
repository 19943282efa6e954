"""``top`` alone: which subcommands there are."""

from podbay.kubectl.errors import HelpWanted, UsageError
from podbay.kubectl.flags import parse

FLAGS = ()


def run(words: list[str]) -> int:
    """Run the command without a subcommand."""
    flags = parse(FLAGS, words)
    if flags.words:
        raise UsageError(f'unknown command "{flags.words[0]}"', command="top")
    raise HelpWanted(1)
