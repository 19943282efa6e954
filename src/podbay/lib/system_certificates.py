"""Importing a library that reads the system's trusted certificates as it is imported, without its doing so.

Takes a block of imports. aiohttp makes a TLS context for whoever gives it none; reading a hundred certificates for it
takes 50 ms, an eighth of what a server imports, and every connection of podbay's has a context of its own.
Invariant: after the block the environment is as it was, so what is started later finds the system's certificates.
Source: aiohttp.connector; SSL_CTX_set_default_verify_paths(3).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NAMES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@contextmanager
def unread() -> Iterator[None]:
    """Let OpenSSL find no certificates of the system's for as long as the block."""
    before = {name: os.environ.get(name) for name in _NAMES}
    os.environ.update(dict.fromkeys(_NAMES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
