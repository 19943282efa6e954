"""``annotate``: set, change and remove annotations.

Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_annotate/
"""

from podbay.kubectl.commands.marks import run_marks


def run(words: list[str]) -> int:
    """Run the command."""
    return run_marks(words, "annotations", "annotated", "annotated")
