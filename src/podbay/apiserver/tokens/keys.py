"""The key that signs tokens: ECDSA over P-256, told apart by its identifier.

Takes bytes; gives signatures as JSON Web Signatures have them (both numbers one after the other), and the public half
as a JSON Web Key. A door to cryptography.
Source: RFC 7518, sections 3.4 and 6.2; the identifier is upstream's: SHA-256 of the public key in DER.
"""

import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from podbay.wire.base64url import encode

_NUMBER_BYTES: Final = 32
_ALGORITHM: Final = ec.ECDSA(hashes.SHA256())


class SigningKey:
    """See the module."""

    algorithm: Final = "ES256"

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self._public = key.public_key()
        der = self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.identifier = encode(hashlib.sha256(der).digest())

    @classmethod
    def made(cls) -> "SigningKey":
        """Return a new key, which nobody has but this process."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def read(cls, pem: bytes) -> "SigningKey":
        """Return the key of a PEM text. Raises ValueError."""
        try:
            key = serialization.load_pem_private_key(pem, None)
        except TypeError as error:
            raise ValueError(str(error)) from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not a key of the curve P-256")
        return cls(key)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""
        r, s = decode_dss_signature(self._key.sign(data, _ALGORITHM))
        return r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big")

    def is_signed(self, data: bytes, signature: bytes) -> bool:
        """Tell whether a signature of some bytes is this key's."""
        if len(signature) != 2 * _NUMBER_BYTES:
            return False
        r, s = (int.from_bytes(half, "big") for half in (signature[:_NUMBER_BYTES], signature[_NUMBER_BYTES:]))
        try:
            self._public.verify(encode_dss_signature(r, s), data, _ALGORITHM)
        except InvalidSignature:
            return False
        return True

    def web_key(self) -> dict[str, str]:
        """Return the public half as a JSON Web Key."""
        numbers = self._public.public_numbers()
        x, y = (encode(number.to_bytes(_NUMBER_BYTES, "big")) for number in (numbers.x, numbers.y))
        return {
            "use": "sig",
            "kty": "EC",
            "kid": self.identifier,
            "crv": "P-256",
            "alg": self.algorithm,
            "x": x,
            "y": y,
        }
