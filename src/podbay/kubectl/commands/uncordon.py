"""``uncordon``: let new pods on a node again."""

from podbay.kubectl.commands.cordon import cordon


def run(words: list[str]) -> int:
    """Run the command."""
    return cordon(words, wanted=False)
