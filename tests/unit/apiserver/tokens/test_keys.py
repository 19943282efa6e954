"""The key that signs tokens."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from podbay.apiserver.tokens.jwt import NotSigned, issuer_of, signed, verified
from podbay.apiserver.tokens.keys import SigningKey
from podbay.wire import json
from podbay.wire.base64url import decode, encode


def pem(curve: ec.EllipticCurve) -> bytes:
    key = ec.generate_private_key(curve)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_what_a_key_signed_is_known_by_it_and_by_no_other() -> None:
    text = pem(ec.SECP256R1())
    key, same, other = SigningKey.read(text), SigningKey.read(text), SigningKey.made()
    signature = key.sign(b"x")
    assert (key.identifier, len(signature)) == (same.identifier, 64)
    assert same.is_signed(b"x", signature)
    assert not same.is_signed(b"y", signature)
    assert not same.is_signed(b"x", signature[:-1])
    assert not other.is_signed(b"x", signature)


def test_a_key_of_another_kind_is_refused() -> None:
    for text in (pem(ec.SECP384R1()), b"none"):
        with pytest.raises(ValueError, match=r"P-256|PEM"):
            SigningKey.read(text)


def test_a_web_key_has_the_public_half() -> None:
    key = SigningKey.made()
    shown = key.web_key()
    assert (shown["kty"], shown["crv"], shown["alg"], shown["use"]) == ("EC", "P-256", "ES256", "sig")
    assert (shown["kid"], len(decode(shown["x"])), len(decode(shown["y"]))) == (key.identifier, 32, 32)
    assert "d" not in shown


def test_a_token_carries_its_claims() -> None:
    key = SigningKey.made()
    token = signed({"iss": "me", "aud": ["you"]}, key)
    assert issuer_of(token) == "me"
    assert verified(token, key) == {"iss": "me", "aud": ["you"]}
    with pytest.raises(NotSigned):
        verified(token, SigningKey.made())


@pytest.mark.parametrize("head", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256", "kid": "other"}, [], "x"])
def test_a_token_does_not_choose_how_it_is_checked(head: object) -> None:
    key = SigningKey.made()
    _, claims, _ = signed({"iss": "me"}, key).split(".")
    text = f"{encode(json.encode(head))}.{claims}"
    with pytest.raises(NotSigned):
        verified(f"{text}.{encode(key.sign(text.encode()))}", key)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "a.b.c.d", "é.é.é"])
def test_what_is_no_token_is_none(token: str) -> None:
    assert issuer_of(token) == ""
    with pytest.raises(NotSigned):
        verified(token, SigningKey.made())
