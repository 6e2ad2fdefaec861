"""JWT and PASETO against the libraries that do the same."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jwt as pyjwt
import oxyjwt
import pyseto
from jam.jwt import JWT
from jam.paseto import PASETOv4
from measure import Comparison, compare

SECRET = "a secret of at least thirty-two bytes"
CLAIMS = {
    "iss": "https://issuer.example",
    "sub": "user-1",
    "aud": "api",
    "iat": int(time.time()),
    "exp": int(time.time()) + 3600,
    "jti": "3f2c1d6e-4f6b-4f0e-9d39-0a4f3c6f7c11",
    "scope": "read write",
}
PASETO_KEY = bytes(range(32))


def comparisons() -> Iterator[Comparison]:
    """Yields one comparison after the other."""
    jam = JWT("HS256", SECRET)
    token = jam.encode(CLAIMS)
    yield compare(
        "JWT HS256, encode 7 claims",
        {
            "jam": lambda: jam.encode(CLAIMS),
            "oxyjwt": lambda: oxyjwt.encode(CLAIMS, SECRET, algorithm="HS256"),
            "PyJWT": lambda: pyjwt.encode(CLAIMS, SECRET, algorithm="HS256"),
        },
        target={"oxyjwt": 2.5},
    )
    yield compare(
        "JWT HS256, decode 7 claims",
        {
            "jam": lambda: jam.decode(token),
            "oxyjwt": lambda: oxyjwt.decode(token, SECRET, algorithms=["HS256"], audience="api"),
            "PyJWT": lambda: pyjwt.decode(token, SECRET, algorithms=["HS256"], audience="api"),
        },
        target={"oxyjwt": 2.0},
    )

    paseto = PASETOv4.key("local", PASETO_KEY)
    peer_key = pyseto.Key.new(version=4, purpose="local", key=PASETO_KEY)
    sealed = paseto.encode(CLAIMS)
    yield compare(
        "PASETO v4.local, encode 7 claims",
        {"jam": lambda: paseto.encode(CLAIMS), "pyseto": lambda: pyseto.encode(peer_key, CLAIMS)},
    )
    yield compare(
        "PASETO v4.local, decode 7 claims",
        {
            "jam": lambda: paseto.decode(sealed, check_exp=False),
            "pyseto": lambda: pyseto.decode(peer_key, sealed),
        },
    )
