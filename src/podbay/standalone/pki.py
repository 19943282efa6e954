"""The cluster's certificates: a CA of its own, and one identity for every part.

Takes names and places; writes PEM files. P-256 keys. A door to cryptography.
Invariant: a certificate is renewed when less than a third of its life is left, at start and while this runs.
Source: https://kubernetes.io/docs/setup/best-practices/certificates/
"""

import asyncio
import datetime as dt
import ipaddress
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from podbay.apiserver.tokens.keys import SigningKey
from podbay.lib.clock import Clock
from podbay.standalone.credentials import Pair
from podbay.standalone.errors import ClusterError

_log = logging.getLogger(__name__)

_CA_LIFE: Final = dt.timedelta(days=3650)
_LIFE: Final = dt.timedelta(days=365)
_LOOK_S: Final = 3600.0
_SKEW: Final = dt.timedelta(minutes=5)


class Pki:
    """See the module."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._asked: dict[Pair, Callable[[], bool]] = {}
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.ca = Pair(directory / "ca.crt", directory / "ca.key")
        if not self.ca.certificate.exists() or not self.ca.key.exists():
            self._make_ca()
        try:
            self._ca_key = serialization.load_pem_private_key(self.ca.key.read_bytes(), None)
            self._ca_certificate = x509.load_pem_x509_certificate(self.ca.certificate.read_bytes())
        except (ValueError, TypeError) as error:
            raise ClusterError(
                f"the cluster's CA in {directory} is broken ({error}): restore ca.crt and ca.key"
            ) from None

    def pair(self, name: str) -> Pair:
        """Return the files of a certificate that stands beside the CA's."""
        return Pair(self._directory / f"{name}.crt", self._directory / f"{name}.key")

    def token_key(self) -> SigningKey:
        """Return the key that signs service accounts' tokens; it is made once. Raises ClusterError."""
        path = self._directory / "sa.key"
        if not path.exists():
            _write_file(path, _pem(ec.generate_private_key(ec.SECP256R1())), 0o600)
        try:
            return SigningKey.read(path.read_bytes())
        except ValueError as error:
            raise ClusterError(f"{path} is broken ({error}): restore it, or remove it to void all tokens") from None

    def server(self, pair: Pair, user: str, groups: Sequence[str], hosts: Sequence[str]) -> Pair:
        """Make sure of a certificate for a server that is reached by these names and addresses."""
        return self._ask(pair, user, groups, hosts)

    def client(self, pair: Pair, user: str, groups: Sequence[str] = ()) -> Pair:
        """Make sure of a certificate that proves a user."""
        return self._ask(pair, user, groups, ())

    def renew(self) -> list[Pair]:
        """Issue anew what was issued here and nears its end; return that."""
        return [pair for pair, ask in self._asked.items() if ask()]

    async def keep_fresh(self) -> None:
        """Renew until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_S)
            try:
                renewed = await asyncio.to_thread(self.renew)
            except OSError as error:
                _log.error("certificates cannot be renewed: %s", error)
                continue
            for pair in renewed:
                _log.info("renewed %s", pair.certificate)

    def _make_ca(self) -> None:
        now = self._clock.now()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "podbay-ca")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _CA_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(self.ca, certificate, key)

    def _ask(self, pair: Pair, user: str, groups: Sequence[str], hosts: Sequence[str]) -> Pair:
        def ask() -> bool:
            if self._is_good(pair, user, groups, hosts):
                return False
            self._issue(pair, user, groups, hosts)
            return True

        ask()
        self._asked[pair] = ask
        return pair

    def _issue(self, pair: Pair, user: str, groups: Sequence[str], hosts: Sequence[str]) -> None:
        now = self._clock.now()
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
        names.append(x509.NameAttribute(NameOID.COMMON_NAME, user))
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(names))
            .issuer_name(self._ca_certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SKEW)
            .not_valid_after(now + _LIFE)
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
        pair.certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(pair, certificate, key)

    def _is_good(self, pair: Pair, user: str, groups: Sequence[str], hosts: Sequence[str]) -> bool:
        """Tell whether a pair is there, is whole, is of this CA and this user's, lasts, and covers the hosts."""
        try:
            found = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
            key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
            found.verify_directly_issued_by(self._ca_certificate)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        if key.public_key() != found.public_key() or _subject(found.subject) != (user, sorted(groups)):
            return False
        if found.not_valid_after_utc - self._clock.now() < _LIFE / 3:
            return False
        if not hosts:
            return True
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(hosts) <= {str(name.value) for name in names}


def _subject(name: x509.Name) -> tuple[str, list[str]]:
    """Return a certificate's user and groups."""
    users = [str(a.value) for a in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [str(a.value) for a in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return "".join(users), sorted(groups)


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
    _write_file(pair.key, _pem(key), 0o600)
    _write_file(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_file(path: Path, data: bytes, mode: int) -> None:
    partial = path.with_suffix(path.suffix + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    partial.replace(path)
