"""``uncordon``: let new pods on a node again."""

from podbay.kubectl.commands.cordon import FLAGS, cordon

__all__ = ["FLAGS", "run"]


def run(words: list[str]) -> int:
    """Run the command."""
    return cordon(words, wanted=False)
