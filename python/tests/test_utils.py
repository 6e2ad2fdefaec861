"""Keys, password hashes, HTTP Basic credentials."""

from __future__ import annotations

import base64
import hashlib
import sys
import threading
from typing import Any

import argon2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jam import utils
from jam.exceptions import JamValidationError


def test_an_aes_key_is_32_bytes_of_padded_base64() -> None:
    key = utils.generate_aes_key()
    assert isinstance(key, str)
    assert len(key) == 44
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert key != utils.generate_aes_key()


def test_a_symmetric_key_has_the_length_asked_for() -> None:
    assert len(base64.urlsafe_b64decode(utils.generate_symmetric_key() + "=")) == 32
    assert len(base64.urlsafe_b64decode(utils.generate_symmetric_key(48))) == 48
    for length in (-1, 0, 8, 10**30):
        with pytest.raises(JamValidationError):
            utils.generate_symmetric_key(length)


def test_an_otp_key_is_base32_of_the_bits_asked_for() -> None:
    assert len(base64.b32decode(utils.generate_otp_key())) == 20
    assert len(base64.b32decode(utils.generate_otp_key(80))) == 10
    for bits in (0, 40, 79):
        with pytest.raises(JamValidationError):
            utils.generate_otp_key(bits)


def test_no_key_is_made_from_an_address() -> None:
    # fault 13
    assert not hasattr(utils, "otp_key_from_string")


@pytest.mark.parametrize(
    ("make", "private_type", "public_type"),
    [
        (utils.generate_ed25519_keypair, ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey),
        (utils.generate_ecdsa_p384_keypair, ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey),
        (utils.generate_rsa_key_pair, rsa.RSAPrivateKey, rsa.RSAPublicKey),
    ],
)
def test_another_library_reads_the_pairs(make: Any, private_type: Any, public_type: Any) -> None:
    pair = make()
    assert set(pair) == {"private", "public"}
    private = load_pem_private_key(pair["private"].encode(), None)
    public = load_pem_public_key(pair["public"].encode())
    assert isinstance(private, private_type)
    assert isinstance(public, public_type)
    assert private.public_key() == public
    if isinstance(private, ec.EllipticCurvePrivateKey):
        assert private.curve.name == "secp384r1"
    if isinstance(private, rsa.RSAPrivateKey):
        assert private.key_size == 2048
        assert private.public_key().public_numbers().e == 65537


@pytest.mark.parametrize("bits", [-1, 0, 512, 1024, 2047, 2**40])
def test_weak_rsa_keys_are_not_made(bits: int) -> None:
    # attack 10
    with pytest.raises(JamValidationError):
        utils.generate_rsa_key_pair(bits)


def test_a_password_hash_holds_its_parameters_and_another_library_reads_it() -> None:
    # fault 17
    stored = utils.hash_password("correct horse")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert argon2.PasswordHasher().verify(stored, "correct horse")
    assert utils.check_password("correct horse", stored)
    assert not utils.check_password("battery staple", stored)
    assert stored != utils.hash_password("correct horse")
    assert not utils.password_needs_rehash(stored)


def test_hashes_of_another_library_are_checked() -> None:
    for kind in (argon2.Type.ID, argon2.Type.I):
        stored = argon2.PasswordHasher(time_cost=1, memory_cost=8192, type=kind).hash("pässwörd")
        assert utils.check_password("pässwörd", stored)
        assert not utils.check_password("password", stored)
        assert utils.password_needs_rehash(stored)


def test_the_older_hashes_are_checked_in_both_forms() -> None:
    salt = bytes(range(16))
    hashed = hashlib.pbkdf2_hmac("sha256", b"my_password", salt, 100_000).hex()
    assert utils.check_password("my_password", f"{salt.hex()}${hashed}")
    assert utils.check_password("my_password", salt.hex(), hashed)
    assert not utils.check_password("my_passwore", salt.hex(), hashed)
    assert utils.password_needs_rehash(f"{salt.hex()}${hashed}")
    more = hashlib.pbkdf2_hmac("sha256", b"my_password", salt, 150_000).hex()
    assert utils.check_password("my_password", salt.hex(), more, iterations=150_000)
    assert not utils.check_password("my_password", salt.hex(), more)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "$",
        "plain",
        "00$00",
        "$2b$12$abc",
        "zz$" + "00" * 32,
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
    ],
)
def test_a_damaged_hash_is_an_error_and_never_true(stored: str) -> None:
    with pytest.raises(JamValidationError) as caught:
        utils.check_password("hunter2", stored)
    assert "hunter2" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_bad_text_is_refused_with_jams_error() -> None:
    # attack 31
    with pytest.raises(JamValidationError):
        utils.hash_password("\ud800")
    with pytest.raises(JamValidationError, match="password must be a str"):
        utils.hash_password(b"bytes")  # pyright: ignore[reportArgumentType]


def test_hashing_lets_other_threads_run() -> None:
    finished = threading.Event()

    def hash_one() -> None:
        utils.hash_password("password")
        finished.set()

    def runs_beside_it() -> bool:
        finished.clear()
        worker = threading.Thread(target=hash_one)
        worker.start()
        beside = not finished.is_set()
        worker.join()
        return beside

    interval = sys.getswitchinterval()
    # From now on the worker keeps the GIL unless it gives it away.
    sys.setswitchinterval(60)
    try:
        assert any(runs_beside_it() for _ in range(20))
    finally:
        sys.setswitchinterval(interval)


def test_basic_credentials_round_trip() -> None:
    assert utils.basic_auth_encode("admin", "qwerty1234") == "YWRtaW46cXdlcnR5MTIzNA=="
    for login, password in [("admin", "a:b"), ("", ""), ("ä", "пароль")]:
        assert utils.basic_auth_decode(utils.basic_auth_encode(login, password)) == (login, password)
    assert utils.basic_auth_decode("Basic YTpi") == ("a", "b")
    for bad in ["", "YQ==", "YTpi=", "é", "/zo=", "\ud800"]:
        with pytest.raises(JamValidationError):
            utils.basic_auth_decode(bad)
    for login, password in [("a:b", ""), ("a\n", ""), ("", "\0")]:
        with pytest.raises(JamValidationError):
            utils.basic_auth_encode(login, password)


@pytest.mark.parametrize("value", [None, 3, b"YTpi", ["a"]])
def test_what_comes_from_a_request_and_is_no_text_is_a_validation_error(value: Any) -> None:
    with pytest.raises(JamValidationError, match="data must be a str"):
        utils.basic_auth_decode(value)
    with pytest.raises(JamValidationError, match="password must be a str"):
        utils.check_password(value, utils.hash_password("correct horse"))
