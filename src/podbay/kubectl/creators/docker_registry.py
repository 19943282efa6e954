"""``create secret docker-registry``: the credentials of an image registry."""

import base64
from typing import Final

from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators import sources
from podbay.kubectl.creators.making import name_of_one
from podbay.kubectl.creators.secret import create_secret
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, Parsed, parse
from podbay.wire import json

_SERVER: Final = "https://index.docker.io/v1/"
FLAGS = (
    *SENDING,
    *(flag for flag in sources.FLAGS if flag.name in ("append-hash", "from-file")),
    Flag(name="docker-email", default=""),
    Flag(name="docker-password", default=""),
    Flag(name="docker-server", default=_SERVER),
    Flag(name="docker-username", default=""),
)
_KEY: Final = ".dockerconfigjson"


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    name = name_of_one(flags.words, "create secret docker-registry")
    data = _data(flags, name)
    return create_secret(flags, name, "kubernetes.io/dockerconfigjson", data, "failed to create secret")


def _data(flags: Parsed, name: str) -> dict[str, bytes]:
    if flags["from-file"]:
        flags.values.update({"from-literal": [], "from-env-file": []})
        return sources.data_of(flags, "Secret", name)
    user, password, email = (flags[f"docker-{what}"] for what in ("username", "password", "email"))
    if not user or not password or not flags["docker-server"]:
        raise CommandError(
            "either --from-file or the combination of --docker-username, --docker-password and --docker-server is"
            " required"
        )
    account = {"username": user, "password": password, "email": email}
    entry = {field: value for field, value in account.items() if value}
    entry["auth"] = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {_KEY: json.encode({"auths": {flags["docker-server"]: entry}})}
