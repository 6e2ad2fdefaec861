"""Signed tokens of every kind of algorithm against the libraries that make them, each with a prepared key."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Iterator
from typing import Any

import jwt as pyjwt
import oxyjwt
from jam.jose import JWK, JWS, JWT
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import import_key
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt
from measure import FASTEST, Call, Row
from payloads import CLAIMS

KEYS = {
    "HS256": ("oct", None),
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES512": ("EC", "P-521"),
    "ES256K": ("EC", "secp256k1"),
    "EdDSA": ("OKP", "Ed25519"),
}
HS256_AIMS = ({"oxyjwt": 2.5, FASTEST: 1.0}, {"oxyjwt": 2.0, FASTEST: 1.0})
"""To encode, and to decode."""


def rows() -> Iterator[Row]:
    """One row for each direction and algorithm."""
    # joserfc warns of the name EdDSA at each call.
    warnings.filterwarnings("ignore", category=UserWarning, module="joserfc")
    for algorithm, (kty, crv) in KEYS.items():
        key = JWK.generate(kty, crv=crv)
        token = JWT(algorithm, key).encode(CLAIMS)
        encoders: dict[str, Call] = {}
        decoders: dict[str, Call] = {}
        for library in (jam, of_pyjwt, of_oxyjwt, of_joserfc, of_jwcrypto):
            for name, encode, decode in library(algorithm, key, token):
                encoders[name], decoders[name] = encode, decode
        encode_aims, decode_aims = HS256_AIMS if algorithm == "HS256" else ({FASTEST: 1.0},) * 2
        yield Row("jwt", f"JWT {algorithm}, encode 7 claims", encoders, encode_aims)
        yield Row("jwt", f"JWT {algorithm}, decode 7 claims", decoders, decode_aims)
    yield from bare()


# Each gives its name, what encodes and what decodes, with the key in the form that the library prepares once; nothing
# where it does not have the algorithm.

Library = Iterator[tuple[str, Call, Call]]


def jam(algorithm: str, key: JWK, token: str) -> Library:
    """Jam itself."""
    jwt = JWT(algorithm, key)
    yield "jam", lambda: jwt.encode(CLAIMS), lambda: jwt.decode(token)


def of_pyjwt(algorithm: str, key: JWK, token: str) -> Library:
    """PyJWT."""
    signing, verifying = halves(key)
    if key.kty != "oct":
        prepare = pyjwt.get_algorithm_by_name(algorithm).prepare_key
        signing, verifying = prepare(signing), prepare(verifying)
    yield (
        "PyJWT",
        lambda: pyjwt.encode(CLAIMS, signing, algorithm),
        lambda: pyjwt.decode(token, verifying, algorithms=[algorithm], audience="api"),
    )


def of_oxyjwt(algorithm: str, key: JWK, token: str) -> Library:
    """oxyjwt, which has neither P-521 nor secp256k1."""
    if algorithm in ("ES512", "ES256K"):
        return
    kind = {"oct": "secret", "RSA": "rsa_pem", "EC": "ec_pem", "OKP": "ed_pem"}[key.kty]
    signing = getattr(oxyjwt.EncodingKey, f"from_{kind}")(halves(key)[0])
    verifying = getattr(oxyjwt.DecodingKey, f"from_{kind}")(halves(key)[1])
    yield (
        "oxyjwt",
        lambda: oxyjwt.encode(CLAIMS, signing, algorithm=algorithm),
        lambda: oxyjwt.decode(token, verifying, algorithms=[algorithm], audience="api"),
    )


def of_joserfc(algorithm: str, key: JWK, token: str) -> Library:
    """joserfc."""
    members: Any = key.to_dict(private=True)
    theirs = import_key(members)
    yield (
        "joserfc",
        lambda: joserfc_jwt.encode({"alg": algorithm}, CLAIMS, theirs, algorithms=[algorithm]),
        lambda: joserfc_jwt.decode(token, theirs, algorithms=[algorithm]).claims,
    )


def of_jwcrypto(algorithm: str, key: JWK, token: str) -> Library:
    """jwcrypto."""
    theirs = jwcrypto_jwk.JWK(**key.to_dict(private=True))

    def encode() -> str:
        made = jwcrypto_jwt.JWT(header={"alg": algorithm}, claims=CLAIMS)
        made.make_signed_token(theirs)
        return made.serialize()

    yield "jwcrypto", encode, lambda: jwcrypto_jwt.JWT(jwt=token, key=theirs, algs=[algorithm]).claims


def halves(key: JWK) -> tuple[Any, Any]:
    """What signs and what verifies: PEM in bytes, or the bytes of a secret."""
    if key.kty == "oct":
        text: str = key.to_dict(private=True)["k"]
        secret = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return secret, secret
    return key.to_pem(private=True).encode(), key.to_pem().encode()


def bare() -> Iterator[Row]:
    """Signatures of bytes, without claims."""
    key, payload = JWK.generate("oct"), bytes(1000)
    jws = JWS("HS256", key)
    token, (secret, _) = jws.sign(payload), halves(key)
    members: Any = key.to_dict(private=True)
    theirs, peer = import_key(members), pyjwt.PyJWS()
    header, names = {"alg": "HS256"}, ["HS256"]
    yield Row(
        "jwt",
        "JWS HS256, sign 1000 bytes",
        {
            "jam": lambda: jws.sign(payload),
            "PyJWT": lambda: peer.encode(payload, secret, "HS256"),
            "joserfc": lambda: joserfc_jws.serialize_compact({**header}, payload, theirs, algorithms=names),
        },
        {FASTEST: 1.0},
    )
    yield Row(
        "jwt",
        "JWS HS256, verify 1000 bytes",
        {
            "jam": lambda: jws.verify(token).payload,
            "PyJWT": lambda: peer.decode(token, secret, algorithms=names),
            "joserfc": lambda: joserfc_jws.deserialize_compact(token, theirs, algorithms=names).payload,
        },
        {FASTEST: 1.0},
    )
