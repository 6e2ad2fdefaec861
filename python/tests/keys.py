"""Keys of every kind, made once by another library, so that Jam reads what others write."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

SECRET = "a secret of sixty-four bytes is long enough for each HMAC of all"
HMAC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
    "ES256K": ec.SECP256K1(),
}
ASYMMETRIC = (*RSA, *CURVES, "EdDSA")
ALGORITHMS = (*HMAC, *ASYMMETRIC)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Pair:
    """A key pair as PEM text."""

    private: str
    public: str
    key: PrivateKey


def as_pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8, password: str | None = None) -> str:
    encryption = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption).decode()


def make_pair(key: PrivateKey) -> Pair:
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return Pair(as_pem(key), public, key)


@functools.cache
def rsa_pair(bits: int = 2048) -> Pair:
    return make_pair(rsa.generate_private_key(65537, bits))


@functools.cache
def pair_for(algorithm: str) -> Pair:
    if algorithm in RSA:
        return rsa_pair()
    if algorithm in ("EdDSA", "Ed25519"):
        return make_pair(ed25519.Ed25519PrivateKey.generate())
    return make_pair(ec.generate_private_key(CURVES[algorithm]))


def options_for(algorithm: str) -> dict[str, Any]:
    """What `jam.jwt.JWT` takes beside the algorithm."""
    if algorithm in HMAC:
        return {"secret": SECRET}
    pair = pair_for(algorithm)
    return {"private_key": pair.private, "public_key": pair.public}


def signing_key(algorithm: str) -> str:
    return SECRET if algorithm in HMAC else pair_for(algorithm).private


def verifying_key(algorithm: str) -> str:
    return SECRET if algorithm in HMAC else pair_for(algorithm).public
