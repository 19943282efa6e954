"""``create secret tls``: a certificate and its key, which must belong together."""

import ssl
from pathlib import Path

from podbay.client.configuration import load_pair
from podbay.kubectl.commands.create import SENDING
from podbay.kubectl.creators.making import name_of_one
from podbay.kubectl.creators.secret import create_secret
from podbay.kubectl.errors import CommandError
from podbay.kubectl.flags import Flag, parse

FLAGS = (
    *SENDING,
    Flag(name="append-hash", kind="bool", default=False),
    Flag(name="cert", default=""),
    Flag(name="key", default=""),
)


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    name = name_of_one(flags.words, "create secret tls")
    if not flags["cert"] or not flags["key"]:
        raise CommandError("key and cert must be specified")
    cert, key = _read(flags["cert"]), _read(flags["key"])
    for what, pem in (("certificate", cert), ("key", key)):
        if b"-----BEGIN" not in pem:
            raise CommandError(f"tls: failed to find any PEM data in {what} input")
    try:
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), cert, key)
    except ssl.SSLError as error:
        mismatched = error.reason == "KEY_VALUES_MISMATCH"
        told = "private key does not match public key" if mismatched else f"{error.reason or error}".lower()
        raise CommandError(f"tls: {told}") from None
    data = {"tls.crt": cert, "tls.key": key}
    return create_secret(flags, name, "kubernetes.io/tls", data, "failed to create secret")


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"Cannot read file {file}, open {file}: {(error.strerror or '').lower()}") from None
