"""PASETO in every version against the libraries that do the same."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import fast_paseto
import pyseto
from jam.paseto import PASERK, BasePASETO, PASETOv1, PASETOv2, PASETOv3, PASETOv4
from jam.utils import generate_ecdsa_p384_keypair, generate_ed25519_keypair, generate_rsa_key_pair
from measure import FASTEST, Call, Row
from payloads import PASETO_CLAIMS as CLAIMS

LOCAL_KEY = bytes(range(32))
VERSIONS: dict[int, tuple[type[PASETOv1 | PASETOv2 | PASETOv3 | PASETOv4], Callable[[], dict[str, str]]]] = {
    1: (PASETOv1, lambda: generate_rsa_key_pair(2048)),
    2: (PASETOv2, generate_ed25519_keypair),
    3: (PASETOv3, generate_ecdsa_p384_keypair),
    4: (PASETOv4, generate_ed25519_keypair),
}
AIMS = {"local": {"pyseto": 10.0, FASTEST: 1.0}, "public": {FASTEST: 1.0}}
"""For version 4, in which new tokens are made."""


def rows() -> Iterator[Row]:
    """One row for each direction, purpose and version."""
    for number, (make, generate) in VERSIONS.items():
        peer_key = pyseto.Key.new(number, "local", LOCAL_KEY)
        yield from both(number, "local", make.key("local", LOCAL_KEY), peer_key, peer_key, LOCAL_KEY, LOCAL_KEY)
        pair = generate()
        peers = [pyseto.Key.new(number, "public", pair[half]) for half in ("private", "public")]
        own = raw(number, pair["private"])
        yield from both(number, "public", make.key("public", pair["private"]), *peers, own, own[32:])


def both(
    number: int, purpose: str, jam: BasePASETO, makes: Any, reads: Any, fast_makes: bytes, fast_reads: bytes
) -> Iterator[Row]:
    """The two directions of one kind of token."""
    token = jam.encode(CLAIMS)
    encoders: dict[str, Call] = {
        "jam": lambda: jam.encode(CLAIMS),
        "pyseto": lambda: pyseto.encode(makes, CLAIMS, serializer=json),
    }
    decoders: dict[str, Call] = {
        "jam": lambda: jam.decode(token),
        "pyseto": lambda: pyseto.decode(reads, token, deserializer=json),
    }
    if number == 4:
        # It opens no local tokens of others, nor others its own, so it reads what it has written.
        own = fast_paseto.encode(fast_makes, CLAIMS, purpose=purpose)
        encoders["fast-paseto"] = lambda: fast_paseto.encode(fast_makes, CLAIMS, purpose=purpose)
        decoders["fast-paseto"] = lambda: fast_paseto.decode(own, fast_reads, purpose=purpose)
    aims = AIMS[purpose] if number == 4 else {}
    yield Row("paseto", f"PASETO v{number}.{purpose}, encode 7 claims", encoders, aims)
    yield Row("paseto", f"PASETO v{number}.{purpose}, decode 7 claims", decoders, aims)


def raw(number: int, private: str) -> bytes:
    """The private key of version 4 as fast-paseto takes it; of the others nothing is needed."""
    if number != 4:
        return b""
    text = PASERK.from_key("v4", "public", private).to_text()
    return base64.urlsafe_b64decode(text.rsplit(".", 1)[1] + "==")
