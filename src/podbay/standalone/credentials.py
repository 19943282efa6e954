"""Certificates as files, and the TLS contexts made of them.

Takes pairs of files that ``pki`` writes; gives contexts. Whoever has no key of the CA's, such as an agent, needs only
this.
Invariant: a context follows its files: when they were renewed, the next connection shows the new certificate.
Source: ssl, ``SSLContext.load_cert_chain`` of a context in use.
"""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podbay.client.configuration import ClientConfig
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)
_LOOK_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Credentials:
    """See the module. ``ca`` is the CA's certificate."""

    def __init__(self, ca: Path) -> None:
        self._ca = ca
        self._used: list[tuple[ssl.SSLContext, Pair]] = []
        self._seen: dict[Pair, tuple[int, int]] = {}

    def client_config(self, server: str, pair: Pair) -> ClientConfig:
        """Return how to reach a server as somebody, as of now. Raises OSError."""
        return ClientConfig(
            server=server,
            ca_pem=self._ca.read_bytes(),
            client_cert_pem=pair.certificate.read_bytes(),
            client_key_pem=pair.key.read_bytes(),
        )

    def server_context(self, pair: Pair) -> ssl.SSLContext:
        """Return the TLS context of a server that takes client certificates of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self._ca)
        context.verify_mode = ssl.CERT_OPTIONAL
        return self._follow(context, pair)

    def client_context(self, pair: Pair) -> ssl.SSLContext:
        """Return the TLS context of a client that trusts only this CA."""
        return self._follow(ssl.create_default_context(cafile=str(self._ca)), pair)

    def reload(self) -> list[Pair]:
        """Load what was renewed into the contexts that use it; return the renewed pairs."""
        changed = [pair for pair in dict.fromkeys(pair for _, pair in self._used) if _stamp(pair) != self._seen[pair]]
        for context, pair in self._used:
            if pair in changed:
                context.load_cert_chain(pair.certificate, pair.key)
        for pair in changed:
            self._seen[pair] = _stamp(pair)
            _log.info("certificate %s was renewed", pair.certificate)
        return changed

    async def keep_fresh(self, clock: Clock) -> None:
        """Follow the files until cancelled."""
        while True:
            await clock.sleep(_LOOK_S)
            try:
                self.reload()
            except OSError as error:  # between the certificate's and the key's renaming they do not match
                _log.warning("renewed certificates cannot be used yet: %s", error)

    def _follow(self, context: ssl.SSLContext, pair: Pair) -> ssl.SSLContext:
        self._seen.setdefault(pair, _stamp(pair))
        context.load_cert_chain(pair.certificate, pair.key)
        self._used.append((context, pair))
        return context


def _stamp(pair: Pair) -> tuple[int, int]:
    found = pair.certificate.stat()
    return found.st_ino, found.st_mtime_ns
