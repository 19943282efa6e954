"""``create namespace``."""

from podbay.api.resources import NAMESPACES
from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators.making import create, name_of_one
from podbay.kubectl.flags import parse

FLAGS = SENDING


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    name = name_of_one(flags.words, "create namespace")
    return create(flags, NAMESPACES, name, {}, plain={"spec": {}, "status": {}})
