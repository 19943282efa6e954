"""The cluster's certificates: a CA of its own, and one identity for every part.

Takes names; gives PEM files. P-256 keys. Certificates are renewed when less than a third of their life is left.
The one door to cryptography.
Source: https://kubernetes.io/docs/setup/best-practices/certificates/
"""

import datetime as dt
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from podbay.client.configuration import ClientConfig

_CA_LIFE: Final = dt.timedelta(days=3650)
_LIFE: Final = dt.timedelta(days=365)
_SKEW: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path


class Pki:
    """See the module."""

    def __init__(self, directory: Path, now: dt.datetime) -> None:
        self._directory = directory
        self._now = now
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.ca = Pair(directory / "ca.crt", directory / "ca.key")
        if not self.ca.certificate.exists() or not self.ca.key.exists():
            self._make_ca()
        self._ca_key = serialization.load_pem_private_key(self.ca.key.read_bytes(), None)
        self._ca_certificate = x509.load_pem_x509_certificate(self.ca.certificate.read_bytes())

    def server(self, file: str, user: str, groups: Sequence[str], hosts: Sequence[str]) -> Pair:
        """Return a certificate for a server that is reached by these names and addresses."""
        return self._pair(file, user, groups, hosts, serves=True)

    def client(self, file: str, user: str, groups: Sequence[str] = ()) -> Pair:
        """Return a certificate that proves a user."""
        return self._pair(file, user, groups, (), serves=False)

    def client_config(self, server: str, pair: Pair) -> ClientConfig:
        """Return how to reach a server as somebody."""
        return ClientConfig(
            server=server,
            ca_pem=self.ca.certificate.read_bytes(),
            client_cert_pem=pair.certificate.read_bytes(),
            client_key_pem=pair.key.read_bytes(),
        )

    def server_context(self, pair: Pair) -> ssl.SSLContext:
        """Return the TLS context of a server that takes client certificates of this CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(pair.certificate, pair.key)
        context.load_verify_locations(self.ca.certificate)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client_context(self, pair: Pair, *, check_hostname: bool = True) -> ssl.SSLContext:
        """Return the TLS context of a client that trusts only this CA."""
        context = ssl.create_default_context(cafile=str(self.ca.certificate))
        context.check_hostname = check_hostname
        context.load_cert_chain(pair.certificate, pair.key)
        return context

    def _make_ca(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "podbay-ca")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _SKEW)
            .not_valid_after(self._now + _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.ca, certificate, key)

    def _pair(self, file: str, user: str, groups: Sequence[str], hosts: Sequence[str], *, serves: bool) -> Pair:
        pair = Pair(self._directory / f"{file}.crt", self._directory / f"{file}.key")
        if self._is_good(pair, hosts):
            return pair
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        names.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if serves:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .issuer_name(self._ca_certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _SKEW)
            .not_valid_after(self._now + _LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_certificate.public_key()),  # type: ignore[arg-type]  # an EC key
                critical=False,
            )
        )
        if hosts:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False
            )
        certificate = builder.sign(self._ca_key, hashes.SHA256())  # type: ignore[arg-type]  # an EC key
        _write(pair, certificate, key)
        return pair

    def _is_good(self, pair: Pair, hosts: Sequence[str]) -> bool:
        """Tell whether a pair is there, is of this CA, lasts, and covers the hosts."""
        if not pair.certificate.exists() or not pair.key.exists():
            return False
        found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        try:
            found.verify_directly_issued_by(self._ca_certificate)
        except Exception:
            return False
        left = found.not_valid_after_utc - self._now
        if left < _LIFE / 3:
            return False
        if not hosts:
            return True
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = {str(name.value) for name in names}
        return set(hosts) <= known


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _write(pair: Pair, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, data, mode in (
        (pair.key, pem, 0o600),
        (pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644),
    ):
        partial = path.with_suffix(path.suffix + ".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        partial.replace(path)
