"""What a token costs as its payload grows."""

from __future__ import annotations

import json
from collections.abc import Iterator

from jam.jose import JWE, JWK, JWT
from jam.paseto import PASETOv4
from measure import Call, Row
from payloads import SIZES, claims_of


def rows() -> Iterator[Row]:
    """One row for each kind of token, direction and size."""
    jwe = JWE("dir", "A256GCM", JWK.generate("oct"))
    for name, of_claims in (
        ("JWT HS256", JWT("HS256", JWK.generate("oct"))),
        ("JWT EdDSA", JWT("EdDSA", JWK.generate("OKP"))),
        ("PASETO v4.local", PASETOv4.key("local", bytes(range(32)))),
    ):
        for size in SIZES:
            claims = claims_of(size)
            token = of_claims.encode(claims)
            yield from _both(name, size, _calling(of_claims.encode, claims), _calling(of_claims.decode, token))
    for size in SIZES:
        plaintext = json.dumps(claims_of(size), separators=(",", ":")).encode()
        token = jwe.encrypt(plaintext)
        yield from _both("JWE dir, A256GCM", size, _calling(jwe.encrypt, plaintext), _calling(jwe.decrypt, token))


def _both(name: str, size: int, encode: Call, decode: Call) -> Iterator[Row]:
    yield Row("sizes", f"{name}, encode", {"jam": encode}, bytes=size)
    yield Row("sizes", f"{name}, decode", {"jam": decode}, bytes=size)


def _calling(function, argument) -> Call:  # noqa: ANN001  (whatever the token is made of)
    return lambda: function(argument)
