"""``label``: set, change and remove labels.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_label/
"""

from podbay.kubectl.commands.marks import run_marks


def run(words: list[str]) -> int:
    """Run the command."""
    return run_marks(words, "labels", "labeled", "unlabeled")
