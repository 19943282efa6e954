"""``create configmap``: text goes into ``data``, everything else into ``binaryData``."""

import base64
from typing import Any

from podbay.api.resources import CONFIG_MAPS
from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators import sources
from podbay.kubectl.creators.hashes import hash_of
from podbay.kubectl.creators.making import create, name_of_one
from podbay.kubectl.flags import parse

FLAGS = (*SENDING, *sources.FLAGS)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    name = name_of_one(flags.words, "create configmap")
    texts: dict[str, str] = {}
    binaries: dict[str, str] = {}
    for key, value in sorted(sources.data_of(flags, "ConfigMap", name).items()):
        try:
            texts[key] = value.decode()
        except UnicodeDecodeError:
            binaries[key] = base64.b64encode(value).decode()
    fields: dict[str, Any] = {}
    if texts:
        fields["data"] = texts
    if binaries:
        fields["binaryData"] = binaries
    if flags["append-hash"]:
        content = {"kind": "ConfigMap", "name": name, "data": texts or None}
        name = f"{name}-{hash_of({**content, 'binaryData': binaries} if binaries else content)}"
    return create(flags, CONFIG_MAPS, name, fields, plain={}, failing="failed to create configmap:")
