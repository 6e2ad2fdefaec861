"""PASERK, the written forms of PASETO's keys: the official vectors, pyseto, and what must be refused."""

from __future__ import annotations

import base64
import copy
import functools
import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pyseto
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jam.exceptions import (
    JamError,
    JamPASETOError,
    JamPASETOInvalidED25519Key,
    JamPASETOInvalidPASERK,
    JamPASETOInvalidPurpose,
    JamPASETOInvalidRSAKey,
    JamPASETOInvalidSecp384r1Key,
    JamPASETOInvalidSymmetricKey,
    JamValidationError,
)
from jam.paseto import PASERK, PASETOv1, PASETOv2, PASETOv3, PASETOv4
from jam.utils import generate_ecdsa_p384_keypair, generate_ed25519_keypair, generate_rsa_key_pair

VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "paseto" / "PASERK"
VERSIONS = ("v1", "v2", "v3", "v4")
PURPOSES = ("local", "public")
KINDS = [(version, purpose) for version in VERSIONS for purpose in PURPOSES]
CLASSES = {"v1": PASETOv1, "v2": PASETOv2, "v3": PASETOv3, "v4": PASETOv4}
KEY_ERRORS = {
    "v1": JamPASETOInvalidRSAKey,
    "v2": JamPASETOInvalidED25519Key,
    "v3": JamPASETOInvalidSecp384r1Key,
    "v4": JamPASETOInvalidED25519Key,
}
ARGON2 = {"memory": 8 << 10, "passes": 1, "lanes": 1}
PBKDF2 = {"iterations": 1}
"""The least work with a password."""

NO_KEYS = ("k2.pid-1", "k2.public-1", "k4.pid-1", "k4.public-1")
"""Vectors that write 32 zeros as a public key: a point of order 4, under which anybody can sign. Jam refuses it."""


def name(version: str) -> str:
    return version.replace("v", "k")


@functools.cache
def key_of(version: str, purpose: str) -> PASERK:
    """One key of each kind."""
    return PASERK.generate(version, purpose)


def cheap(version: str) -> dict[str, int]:
    """The least work of a version that makes a key of a password."""
    return PBKDF2 if version in ("v1", "v3") else ARGON2


@functools.cache
def sealing_pair(version: str) -> dict[str, str]:
    """The PEM texts of a key pair that seals, one for each version."""
    if version == "v1":
        return generate_rsa_key_pair(4096)
    return generate_ecdsa_p384_keypair() if version == "v3" else generate_ed25519_keypair()


def vectors() -> list[Any]:
    cases: list[Any] = []
    for file in sorted(VECTORS.glob("*.json")):
        version, kind = file.stem.split(".", 1)
        tests = json.loads(file.read_text())["tests"]
        # Some names occur twice, so the file's is put before them.
        cases += [
            pytest.param(version.replace("k", "v"), kind, case, id=f"{file.stem}/{case['name']}") for case in tests
        ]
    return cases


def read(version: str, kind: str, key: str) -> PASERK:
    """The key of a vector: hexadecimal, or PEM."""
    local = kind in ("lid", "local", "local-wrap.pie", "local-pw", "seal")
    form: str | bytes = key if key.startswith("-----") else bytes.fromhex(key)
    if kind not in ("pid", "public"):
        made = PASERK.from_key(version, "local" if local else "public", form)
        if made.type != ("local" if local else "secret"):
            raise JamPASETOError("a public key where a private one should be")
        return made
    # Bytes alone could be a private key: a class is told that they are none.
    CLASSES[version]("public", public_key=form)
    if isinstance(form, bytes):
        form = f"{name(version)}.public.{base64.urlsafe_b64encode(form).decode().rstrip('=')}"
    return PASERK.from_key(version, "public", form)


def opened(version: str, kind: str, case: dict[str, Any]) -> PASERK:
    """The key of a vector's text, read as what it must be."""
    text = case["paserk"]
    if kind in ("local", "secret", "public"):
        key = PASERK(text)
    elif kind.endswith("-wrap.pie"):
        key = PASERK.unwrap(text, bytes.fromhex(case["wrapping-key"]))
    elif kind.endswith("-pw"):
        # The password is the text as it stands, though it looks like hexadecimal.
        key = PASERK.unwrap_with_password(text, case["password"])
    elif kind == "seal":
        secret = case["sealing-secret-key"]
        key = PASERK.unseal(text, secret if secret.startswith("-----") else bytes.fromhex(secret))
    else:
        raise JamPASETOError("an id is no key")
    if key.version != version or key.type != kind.split("-")[0].replace("seal", "local"):
        raise JamPASETOError("another version or type")
    return key


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
def test_every_official_vector_is_driven() -> None:
    failing = [case for case in vectors() if case.values[2]["expect-fail"]]
    assert (len(vectors()), len(failing)) == (197, 87)
    assert {case.values[2]["name"] for case in vectors()}.issuperset(NO_KEYS)


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
@pytest.mark.parametrize(("version", "kind", "case"), vectors())
def test_the_official_vectors_hold(version: str, kind: str, case: dict[str, Any]) -> None:
    text = case.get("paserk")
    if case["expect-fail"]:
        if text is not None:
            with pytest.raises(JamPASETOError):
                opened(version, kind, case)
        elif case.get("key") is not None:
            with pytest.raises(JamPASETOError):
                read(version, kind, case["key"])
        return
    if case["name"] in NO_KEYS:
        with pytest.raises(JamPASETOInvalidED25519Key, match="small order"):
            read(version, kind, case["key"])
        return
    key = read(version, kind, case.get("key") or case.get("unwrapped") or case["unsealed"])
    if kind in ("lid", "sid", "pid"):
        assert key.id == text
        return
    assert opened(version, kind, case) == key
    if kind in ("local", "secret", "public"):
        assert key.to_text() == text
    elif kind == "seal":
        public = case["sealing-public-key"]
        public = public if public.startswith("-----") else bytes.fromhex(public)
        sealed = key.seal(public)
        assert opened(version, kind, {**case, "paserk": sealed}) == key
    elif kind.endswith("-wrap.pie"):
        wrapped = key.wrap(bytes.fromhex(case["wrapping-key"]))
        assert opened(version, kind, {**case, "paserk": wrapped}) == key
    else:
        wrapped = key.wrap_with_password(case["password"], **cheap(version))
        assert opened(version, kind, {**case, "paserk": wrapped}) == key


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_plain_texts_and_ids_are_those_of_pyseto(version: str, purpose: str) -> None:
    key = key_of(version, purpose)
    theirs = pyseto.Key.from_paserk(key.to_text())
    assert theirs.to_paserk() == key.to_text()
    assert theirs.to_paserk_id() == key.id
    if purpose == "local":
        assert key.kid == key.id
        return
    assert theirs.to_peer_paserk_id() == key.kid == key.public().id
    theirs = pyseto.Key.from_paserk(key.public().to_text())
    assert (theirs.to_paserk(), theirs.to_paserk_id()) == (key.public().to_text(), key.kid)


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_pyseto_and_jam_open_each_others_wrapped_keys(version: str, purpose: str) -> None:
    key, wrapping_key = key_of(version, purpose), os.urandom(32)
    theirs = pyseto.Key.from_paserk(key.wrap(wrapping_key), wrapping_key=wrapping_key)
    assert theirs.to_paserk() == key.to_text()
    assert PASERK.unwrap(theirs.to_paserk(wrapping_key=wrapping_key), wrapping_key) == key


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_pyseto_and_jam_open_each_others_keys_with_a_password(version: str, purpose: str) -> None:
    key = key_of(version, purpose)
    cost = {"iterations": 1000} if cheap(version) is PBKDF2 else {"memory": 16 << 20, "passes": 3, "lanes": 2}
    wrapped = key.wrap_with_password("correct horse", **cost)
    theirs = pyseto.Key.from_paserk(wrapped, password="correct horse")
    assert theirs.to_paserk() == key.to_text()
    # The keywords for the cost are named differently in the versions: iterations, then KiB, passes and lanes.
    wrapped = theirs.to_paserk(b"", b"correct horse", b"", 2000, 8 * 1024, 2, 4)
    assert PASERK.unwrap_with_password(wrapped, b"correct horse") == key


def pem(key: Any) -> tuple[str, str]:
    """The private and the public PEM text of a key of another library."""
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("version", VERSIONS)
def test_pyseto_and_jam_open_each_others_sealed_keys(version: str) -> None:
    key = key_of(version, "local")
    if version == "v1":
        private, public = pem(rsa.generate_private_key(65537, 4096))
    elif version == "v3":
        private, public = pem(ec.generate_private_key(ec.SECP384R1()))
    else:
        private, public = pem(x25519.X25519PrivateKey.generate())
    theirs = pyseto.Key.from_paserk(key.seal(public), unsealing_key=private)
    assert theirs.to_paserk() == key.to_text()
    assert PASERK.unseal(theirs.to_paserk(sealing_key=public), private) == key


@pytest.mark.parametrize("version", ["v2", "v4"])
def test_an_ed25519_key_seals_as_the_x25519_key_of_the_same_number(version: str) -> None:
    ed = ed25519.Ed25519PrivateKey.generate()
    seed = ed.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    private, public = pem(x25519.X25519PrivateKey.from_private_bytes(hashlib.sha512(seed).digest()[:32]))
    ed_private, ed_public = pem(ed)
    key = key_of(version, "local")
    theirs = pyseto.Key.from_paserk(key.seal(ed_public), unsealing_key=private)
    assert theirs.to_paserk() == key.to_text()
    assert PASERK.unseal(theirs.to_paserk(sealing_key=public), ed_private) == key


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_a_key_names_its_version_and_type(version: str, purpose: str) -> None:
    key = key_of(version, purpose)
    assert (key.version, key.purpose) == (version, purpose)
    assert key.type == ("local" if purpose == "local" else "secret")
    assert key.id.startswith(f"{name(version)}.{'lid' if purpose == 'local' else 'sid'}.")
    again = PASERK(key.to_text())
    assert again == key
    assert hash(again) == hash(key)
    assert again != PASERK.generate("v4", "local")
    assert key != key.to_text()
    if purpose == "local":
        with pytest.raises(JamPASETOInvalidPurpose):
            key.public()
        return
    public = key.public()
    assert (public.version, public.purpose, public.type) == (version, "public", "public")
    assert public.id == public.kid == key.kid != key.id
    assert public != key
    assert public.public() == public


def test_the_page_of_the_readme_of_keys_holds() -> None:
    # The way that a key takes: made, wrapped for the disk, sealed for another service, used.
    key = PASERK.generate("v4", "local")
    stored = key.wrap_with_password("correct horse battery staple")
    assert stored.startswith("k4.local-pw.")
    other = generate_ed25519_keypair()
    sent = PASERK.unwrap_with_password(stored, "correct horse battery staple").seal(other["public"])
    assert sent.startswith("k4.seal.")
    token = PASETOv4.key("local", PASERK.unseal(sent, other["private"])).encode({"a": 1})
    assert PASETOv4.key("local", key).decode(token) == ({"a": 1}, None)


def changes(text: str, step: int = 1) -> list[str]:
    """The text with one bit changed, cut short, or one byte longer."""
    header, data = text.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(data + "===")

    def write(data: bytes) -> str:
        return f"{header}.{base64.urlsafe_b64encode(data).decode().rstrip('=')}"

    flipped = [raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :] for at in range(0, len(raw), step)]
    return [write(data) for data in (*flipped, *(raw[:at] for at in range(0, len(raw), step)), raw + b"\0")]


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_a_wrapped_key_opens_with_its_key_and_unchanged_only(version: str, purpose: str) -> None:
    # attacks 44 and 47
    key, wrapping_key = key_of(version, purpose), PASERK.generate(version, "local")
    wrapped = key.wrap(wrapping_key)
    assert wrapped != key.wrap(wrapping_key)
    assert PASERK.unwrap(wrapped, wrapping_key) == PASERK.unwrap(wrapped, wrapping_key.to_text()) == key
    for changed in changes(wrapped, 1 if len(wrapped) < 400 else 13):
        with pytest.raises(JamPASETOInvalidPASERK):
            PASERK.unwrap(changed, wrapping_key)
    with pytest.raises(JamPASETOInvalidPASERK):
        PASERK.unwrap(wrapped, PASERK.generate(version, "local"))
    for other in VERSIONS:
        if other != version:
            with pytest.raises(JamPASETOInvalidPASERK):
                PASERK.unwrap(wrapped, PASERK.generate(other, "local"))
            with pytest.raises(JamPASETOInvalidPASERK):
                PASERK.unwrap(wrapped.replace(name(version), name(other), 1), PASERK.generate(other, "local"))
            with pytest.raises(JamPASETOInvalidPASERK):
                key.wrap(PASERK.generate(other, "local"))
    for bad in ("short", b"", key_of(version, "public").to_text()):
        with pytest.raises(JamPASETOInvalidSymmetricKey):
            key.wrap(bad)
        with pytest.raises(JamPASETOInvalidSymmetricKey):
            PASERK.unwrap(wrapped, bad)
    with pytest.raises(JamPASETOInvalidPASERK):
        key.wrap(key_of(version, "public"))


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_a_password_opens_only_what_it_wrapped(version: str, purpose: str) -> None:
    # attack 44
    key = key_of(version, purpose)
    wrapped = key.wrap_with_password("password", **cheap(version))
    assert wrapped != key.wrap_with_password("password", **cheap(version))
    assert PASERK.unwrap_with_password(wrapped, b"password") == key
    for password in ("Password", "", b"\xff", "passwor"):
        with pytest.raises(JamPASETOInvalidPASERK):
            PASERK.unwrap_with_password(wrapped, password)
    for changed in changes(wrapped, 1 if len(wrapped) < 400 else 13):
        with pytest.raises(JamPASETOInvalidPASERK):
            PASERK.unwrap_with_password(changed, "password")
    with pytest.raises(JamPASETOInvalidPASERK):
        key.wrap_with_password("", **cheap(version))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_work_that_a_text_asks_for_is_limited(version: str) -> None:
    # attack 38: each of these would take hours or all memory
    wrapped = key_of(version, "local").wrap_with_password("password", **cheap(version))
    header, data = wrapped.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(data + "===")
    if version in ("v1", "v3"):
        start, costs = 32, [n.to_bytes(4, "big") for n in (2**32 - 1, 1_000_001, 0)]
    else:
        start = 16
        costs = [
            memory.to_bytes(8, "big") + passes.to_bytes(4, "big") + lanes.to_bytes(4, "big")
            for memory, passes, lanes in [
                (2**64 - 1, 1, 1),
                (2**28 + 1024, 1, 1),
                (8192, 2**32 - 1, 1),
                (8192, 5, 1),
                (2**20, 1, 2**32 - 1),
                (2**20, 1, 5),
                (8192, 1, 4),
                (0, 1, 1),
                (8192, 0, 1),
                (8192, 1, 0),
            ]
        ]
    for cost in costs:
        changed = raw[:start] + cost + raw[start + len(cost) :]
        text = f"{header}.{base64.urlsafe_b64encode(changed).decode().rstrip('=')}"
        with pytest.raises(JamPASETOInvalidPASERK):
            PASERK.unwrap_with_password(text, "password")
    cost = {"iterations": 2} if cheap(version) is PBKDF2 else {"memory": 1 << 20, "passes": 4, "lanes": 4}
    dear = key_of(version, "local").wrap_with_password("password", **cost)
    with pytest.raises(JamPASETOInvalidPASERK, match="work"):
        PASERK.unwrap_with_password(dear, "password", max_iterations=1, max_passes=3)
    limits = {"max_memory": 1 << 20, "max_passes": 4, "max_lanes": 4, "max_iterations": 2}
    assert PASERK.unwrap_with_password(dear, "password", **limits) == key_of(version, "local")
    for option in cheap(version):
        for odd in (-1, 2**64):
            with pytest.raises(JamValidationError):
                key_of(version, "local").wrap_with_password("x", **{option: odd})
            with pytest.raises(JamValidationError):
                PASERK.unwrap_with_password(wrapped, "x", **{f"max_{option}": odd})
        for odd in ("1", 1.5, b"1"):
            with pytest.raises(TypeError):
                key_of(version, "local").wrap_with_password("x", **{option: odd})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sealed_key_opens_with_its_private_key_only(version: str) -> None:
    # attacks 40, 44 and 47
    key, pair = key_of(version, "local"), sealing_pair(version)
    sealed = key.seal(pair["public"])
    assert sealed.startswith(f"{name(version)}.seal.")
    assert sealed != key.seal(pair["public"])
    assert PASERK.unseal(sealed, pair["private"]) == key
    for changed in changes(sealed, 60 if version == "v1" else 1):
        with pytest.raises(JamPASETOInvalidPASERK):
            PASERK.unseal(changed, pair["private"])
    if version != "v1":
        other = PASERK.generate(version, "public")
        with pytest.raises(JamPASETOInvalidPASERK):
            PASERK.unseal(sealed, other)
        assert PASERK.unseal(key.seal(other), other) == PASERK.unseal(key.seal(other.public()), other) == key
    for wrong in (pair["public"], "", b"\0" * 32, key.to_text(), generate_rsa_key_pair(2048)["private"]):
        with pytest.raises(KEY_ERRORS[version]):
            PASERK.unseal(sealed, wrong)
    for wrong in (pair["private"], "", key.to_text(), generate_rsa_key_pair(2048)["public"]):
        with pytest.raises(KEY_ERRORS[version]):
            key.seal(wrong)
    for other in VERSIONS:
        alike = {version, other} <= {"v2", "v4"}
        if other != version:
            with pytest.raises(JamPASETOInvalidPASERK if alike else KEY_ERRORS[other]):
                PASERK.unseal(sealed.replace(name(version), name(other), 1), pair["private"])
    with pytest.raises(JamPASETOInvalidPASERK):
        key_of(version, "public").seal(pair["public"])


@pytest.mark.parametrize("version", VERSIONS)
def test_work_that_a_version_does_not_have_is_refused_and_not_passed_over(version: str) -> None:
    key = key_of(version, "local")
    for unused in PBKDF2 if cheap(version) is ARGON2 else ARGON2:
        with pytest.raises(JamValidationError, match=f"^{unused}: version {version}"):
            key.wrap_with_password("password", **{unused: 1})


@pytest.mark.parametrize("version", VERSIONS)
def test_attack_38_what_others_would_not_read_is_not_written(version: str) -> None:
    key = key_of(version, "local")
    for dear in (
        [{"iterations": 1_000_001}, {"iterations": 2**32 - 1}]
        if cheap(version) is PBKDF2
        else [{"memory": (256 << 20) + 1024}, {"passes": 5}, {"lanes": 5}, {"memory": 2**63}]
    ):
        with pytest.raises(JamPASETOInvalidPASERK, match="much work"):
            key.wrap_with_password("password", **{**cheap(version), **dear})


def test_a_public_key_is_no_secret_to_wrap() -> None:
    for version in VERSIONS:
        public = key_of(version, "public").public()
        with pytest.raises(JamPASETOInvalidPASERK):
            public.wrap(os.urandom(32))
        with pytest.raises(JamPASETOInvalidPASERK):
            public.wrap_with_password("password", **cheap(version))


def test_a_text_has_one_spelling() -> None:
    # attacks 27, 28, 29 and 31
    text = PASERK.generate("v4", "local").to_text()
    bad = [
        "", "." * 10**6, "k4", "k4.local", "k4..", f"{text}=", f"{text} ", f" {text}", f"{text}\n", f"{text}.",
        text.replace("k4", "k5"), text.replace("k4", "K4"), text.replace("k4", "v4"),
        text.replace("local", "LOCAL"), text.replace("local", "lid"), text.replace("local", "seal"),
        text.replace("local", "local-pw"), text.replace("local", "local-wrap.pie"),
        text.replace("local", "local-wrap.aws-kms"), f"k4.local.{'A' * 10**7}", f"k4.local.{'é' * 43}",
    ]  # fmt: skip
    for other in bad:
        for call in (
            PASERK,
            lambda text: PASERK.unwrap(text, os.urandom(32)),
            lambda text: PASERK.unwrap_with_password(text, "password"),
        ):
            with pytest.raises(JamPASETOInvalidPASERK):
                call(other)
        with pytest.raises(JamPASETOError):
            PASERK.unseal(other, sealing_pair("v4")["private"])
    with pytest.raises(JamValidationError):
        PASERK("\ud800")


ODD: list[Any] = [None, 1, 1.5, True, [], {}, object(), "\ud800", "x" * 10**6, b"\0" * 10**6, "k4.local.", -1]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_arguments_raise_a_clear_error(odd: Any) -> None:
    key = key_of("v4", "local")
    calls = [
        lambda: PASERK(odd),
        lambda: PASERK.generate(odd, "local"),
        lambda: PASERK.generate("v4", odd),
        lambda: PASERK.from_key(odd, "local", os.urandom(32)),
        lambda: PASERK.from_key("v4", odd, os.urandom(32)),
        lambda: PASERK.from_key("v4", "local", odd),
        lambda: PASERK.from_key("v1", "public", odd),
        lambda: PASERK.from_key("v3", "public", odd),
        lambda: key.wrap(odd),
        lambda: key.seal(odd),
        lambda: PASERK.unwrap(odd, key),
        lambda: PASERK.unwrap(key.wrap(key), odd),
        lambda: PASERK.unseal(odd, key),
        lambda: PASERK.unseal(key.seal(sealing_pair("v4")["public"]), odd),
        lambda: PASERK.unwrap_with_password(odd, "x"),
    ]
    for call in calls:
        with pytest.raises((JamError, TypeError)):
            call()


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_no_key_is_shown_pickled_or_copied(version: str, purpose: str) -> None:
    # attack 74, fault 9
    key = key_of(version, purpose)
    assert repr(key) == f"<jam.paseto.PASERK {version} {'local' if purpose == 'local' else 'secret'}>"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled"):
            leak(key)
    secret = key.to_text().rsplit(".", 1)[1]
    for call in (
        lambda: PASERK(key.to_text() + "AAAA"),
        lambda: PASERK.unwrap(key.to_text(), key.to_text()),
        lambda: PASERK.from_key("v3" if version == "v4" else "v4", purpose, key.to_text()),
    ):
        with pytest.raises(JamError) as caught:
            call()
        assert secret[:12] not in str(caught.value) + repr(caught.value.details)
