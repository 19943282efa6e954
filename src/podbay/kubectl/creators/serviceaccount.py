"""``create serviceaccount``."""

from podbay.api.resources import SERVICE_ACCOUNTS
from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators.making import create, name_of_one
from podbay.kubectl.flags import parse

FLAGS = SENDING


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    name = name_of_one(flags.words, "create serviceaccount")
    return create(flags, SERVICE_ACCOUNTS, name, {}, plain={}, failing="failed to create serviceaccount:")
