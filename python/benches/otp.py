"""One-time passwords against pyotp."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyotp
from jam.otp import TOTP
from jam.otp import parse_uri as jam_parse_uri
from measure import Row

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
TIME = 1_700_000_000
AIM = {"pyotp": 10.0}


def rows() -> Iterator[Row]:
    """Codes, and the URI that a QR code carries."""
    jam, peer = TOTP(SECRET), pyotp.TOTP(SECRET)
    # The code of the last step of the window: what stops at a match has to look at all of them.
    code = jam.at(TIME + 30)
    uri = jam.provisioning_uri("ann@example.com", "My App")
    if not (jam.verify(code, TIME) and peer.verify(code, for_time=TIME, valid_window=1)):
        raise RuntimeError("the two do not agree")
    yield Row("otp", "TOTP, code for a time", {"jam": lambda: jam.at(TIME), "pyotp": lambda: peer.at(TIME)}, AIM)
    yield Row(
        "otp",
        "TOTP from a secret, code for a time",
        {"jam": lambda: TOTP(SECRET).at(TIME), "pyotp": lambda: pyotp.TOTP(SECRET).at(TIME)},
        AIM,
    )
    yield Row(
        "otp",
        "TOTP, verify in a window of 1",
        {"jam": lambda: jam.verify(code, TIME), "pyotp": lambda: peer.verify(code, for_time=TIME, valid_window=1)},
        AIM,
    )
    yield Row(
        "otp",
        "otpauth URI, write",
        {
            "jam": lambda: jam.provisioning_uri("ann@example.com", "My App"),
            "pyotp": lambda: peer.provisioning_uri(name="ann@example.com", issuer_name="My App"),
        },
        AIM,
    )
    # pyotp reads through `urllib`, which remembers texts that it has seen; a server sees new ones.
    uris = [uri.replace("ann%40", f"{number}%40") for number in random.Random(7).sample(range(10**6), 50_000)]
    ours, theirs = _in_turn(uris), _in_turn(uris)
    yield Row(
        "otp",
        "otpauth URI, read",
        {"jam": lambda: jam_parse_uri(next(ours)), "pyotp": lambda: pyotp.parse_uri(next(theirs))},
        AIM,
    )


def _in_turn(texts: list[str]) -> Iterator[str]:
    while True:
        yield from texts
