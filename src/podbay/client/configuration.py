"""Where a server is and how to prove who we are: what a kubeconfig's context comes down to.

Made by ``kubeconfig`` or by ``standalone``; taken by the transports.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """One server and one identity. PEM texts are bytes; empty means none."""

    server: str
    ca_pem: bytes = b""
    client_cert_pem: bytes = b""
    client_key_pem: bytes = b""
    token: str = ""
    namespace: str = "default"
    context: str = ""
    insecure: bool = False
    server_name: str = ""  # what the server's certificate must name, if not the server's host
    impersonation: tuple[tuple[str, str], ...] = ()  # headers that ask to be somebody else

    def credentials(self) -> list[tuple[str, str]]:
        """Return the headers that say who asks."""
        bearer = [("Authorization", f"Bearer {self.token}")] if self.token else []
        return [*bearer, *self.impersonation]

    def tls_context(self) -> "ssl.SSLContext | None":
        """Return the TLS context, or None for plain HTTP. Raises ssl.SSLError for unusable PEM."""
        if not self.server.startswith("https:"):
            return None
        import ssl

        context = ssl.create_default_context(cadata=self.ca_pem.decode() if self.ca_pem else None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_cert_pem and self.client_key_pem:
            load_pair(context, self.client_cert_pem, self.client_key_pem)
        return context


def load_pair(context: "ssl.SSLContext", certificate_pem: bytes, key_pem: bytes) -> None:
    """Load a certificate and its key, which ``ssl`` only takes from a file: one in memory, gone at once."""
    descriptor = os.memfd_create("client-pair")
    try:
        os.write(descriptor, certificate_pem + b"\n" + key_pem)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
