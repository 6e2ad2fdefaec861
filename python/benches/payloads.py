"""What the tokens carry."""

from __future__ import annotations

import time

CLAIMS = {
    "iss": "https://issuer.example",
    "sub": "user-1",
    "aud": "api",
    "iat": int(time.time()),
    "exp": int(time.time()) + 3600,
    "jti": "3f2c1d6e-4f6b-4f0e-9d39-0a4f3c6f7c11",
    "scope": "read write",
}

PASETO_CLAIMS = {**CLAIMS, "iat": "2026-01-01T00:00:00+00:00", "exp": "2999-01-01T00:00:00+00:00"}
"""The same, with times in PASETO's form."""

SIZES = (100, 1_000, 10_000, 100_000)
"""Lengths of payloads in bytes."""


def claims_of(size: int) -> dict[str, str]:
    """One claim; so many bytes as JSON."""
    return {"data": "x" * (size - len('{"data":""}'))}
