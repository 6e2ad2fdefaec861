"""JSON Web Encryption against the libraries that do the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyjosers
from jam.jose import JWE, JWK
from joserfc import jwe as joserfc_jwe
from joserfc import jwk as joserfc_jwk
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk
from measure import FASTEST, Call, Row

PLAINTEXT = b'{"sub":"user-1","scope":"read write","iat":1700000000,"exp":1700003600,"jti":"3f2c1d6e"}'
ENC = "A256GCM"

AIMS = {"joserfc": 5.0, FASTEST: 1.0}

Contestants = dict[str, Call]


def rows() -> Iterator[Row]:
    """One row for each direction and kind of key."""
    for title, alg, key, aims in (
        ("dir", "dir", JWK.from_secret(bytes(range(32))), AIMS),
        ("A256KW", "A256KW", JWK.from_secret(bytes(range(32))), {}),
        ("RSA-OAEP-256, 2048 bits", "RSA-OAEP-256", JWK.generate("RSA"), {}),
        ("ECDH-ES, P-256", "ECDH-ES", JWK.generate("EC"), AIMS),
        ("ECDH-ES, X25519", "ECDH-ES", JWK.generate("OKP", crv="X25519"), AIMS),
        ("ECDH-ES+A256KW, P-256", "ECDH-ES+A256KW", JWK.generate("EC"), AIMS),
        ("ECDH-ES+A256KW, X25519", "ECDH-ES+A256KW", JWK.generate("OKP", crv="X25519"), AIMS),
    ):
        encrypting, decrypting = _contestants(alg, key)
        yield Row("jwe", f"JWE {title}, encrypt", encrypting, aims)
        yield Row("jwe", f"JWE {title}, decrypt", decrypting, aims)


def _contestants(alg: str, key: JWK) -> tuple[Contestants, Contestants]:
    """Each with its key prepared, and all with one token to decrypt."""
    jam = JWE(alg, ENC, key)
    token = jam.encrypt(PLAINTEXT)
    members = key.to_dict(private=True)
    header = {"alg": alg, "enc": ENC}
    names = [alg, ENC]
    joserfc_key: Any = joserfc_jwk.import_key(members)
    jwcrypto_key: Any = jwcrypto_jwk.JWK(**members)
    pyjosers_key = pyjosers.JWK(**members)

    def jwcrypto_decrypt() -> object:
        message = jwcrypto_jwe.JWE()
        message.deserialize(token, jwcrypto_key)
        return message.payload

    def pyjosers_decrypt() -> object:
        message = pyjosers.JWE()
        message.deserialize(token, pyjosers_key)
        return message.payload

    encrypting: Contestants = {
        "jam": lambda: jam.encrypt(PLAINTEXT),
        # Some write into the header that they are given.
        "joserfc": lambda: joserfc_jwe.encrypt_compact({**header}, PLAINTEXT, joserfc_key, algorithms=names),
        "jwcrypto": lambda: jwcrypto_jwe.JWE(PLAINTEXT, {**header}, recipient=jwcrypto_key).serialize(compact=True),
        "pyjosers": lambda: pyjosers.JWE(PLAINTEXT, {**header}, recipient=pyjosers_key).serialize(compact=True),
    }
    decrypting: Contestants = {
        "jam": lambda: jam.decrypt(token),
        "joserfc": lambda: joserfc_jwe.decrypt_compact(token, joserfc_key, algorithms=names),
        "jwcrypto": jwcrypto_decrypt,
        "pyjosers": pyjosers_decrypt,
    }
    return encrypting, decrypting
