"""JWT against the libraries that do the same."""

from __future__ import annotations

import time
from collections.abc import Iterator

import jwt as pyjwt
import oxyjwt
from jam.jwt import JWT
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
