"""``create secret generic``: a secret of literals and files."""

from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators import sources
from podbay.kubectl.creators.making import name_of_one
from podbay.kubectl.creators.secret import create_secret
from podbay.kubectl.flags import Flag, parse

FLAGS = (*SENDING, *sources.FLAGS, Flag(name="type", default=""))


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    name = name_of_one(flags.words, "create secret generic")
    data = sources.data_of(flags, "Secret", name)
    return create_secret(flags, name, flags["type"], data, "failed to create secret")
