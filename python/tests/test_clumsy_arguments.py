"""Arguments of wrong types and sizes: who gave them decides of which class the error is (docs/errors.md)."""

from __future__ import annotations

import copy
import logging
import pickle
from collections.abc import Callable
from typing import Any

import jam
import jam.aio
import jam.aio.oauth2
import jam.jose
import jam.oauth2
import jam.otp
import jam.paseto
import jam.sessions
import jam.utils
import pytest
from faces import Face
from jam.exceptions import JamJWTMalformed, JamJWTNotInWhiteList, JamValidationError
from jam.jwt import JWT

SECRET = "a secret of at least thirty-two bytes"
CONFIG: dict[str, Any] = {
    "jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "white", "backend": "memory"}},
    "jose": {"jws": {"alg": "HS256", "secret": SECRET}},
    "paseto": {"purpose": "local", "key": "70" * 32},
    "otp": {"replay_guard": {"backend": "memory"}},
    "session": {"session_type": "memory"},
    "oauth2": {"providers": {"github": {"client_id": "a", "redirect_url": "https://app.example/callback"}}},
}
LONGEST = 256 * 1024


# What could not be read again is not made.


def longest_claims(token_of: Callable[[dict[str, str]], str]) -> tuple[dict[str, str], dict[str, str]]:
    """The largest claims whose token is read, and claims that are larger by one character."""
    fewest, most = 0, LONGEST
    while fewest < most - 1:
        middle = (fewest + most) // 2
        try:
            token_of({"a": "x" * middle})
            fewest = middle
        except JamValidationError:
            most = middle
    return {"a": "x" * fewest}, {"a": "x" * most}


def test_every_jwt_that_is_made_can_be_read(face: Face) -> None:
    made = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}})
    good, bad = longest_claims(made.jwt_create_token)
    token = made.jwt_create_token(good)
    assert LONGEST - 4 <= len(token) <= LONGEST
    assert made.jwt_verify_token(token) == good
    with pytest.raises(JamValidationError, match="262144"):
        made.jwt_create_token(bad)
    with pytest.raises(JamJWTMalformed):
        made.jwt_verify_token("e30." + "A" * LONGEST + ".AAAA")


@pytest.mark.parametrize("alg", ["HS256", "ES256"])
def test_every_jws_that_is_made_can_be_read(alg: str) -> None:
    key = SECRET.encode() if alg == "HS256" else jam.jose.JWK.generate("EC")
    jws = jam.jose.JWS(alg, key)
    assert jws.verify(jws.sign(bytes(196_000))).payload == bytes(196_000)
    assert jws.verify_json(jws.sign_json(bytes(196_000))).payload == bytes(196_000)
    large = b"x" * 300_000
    for write in (
        lambda: jws.sign(large),
        lambda: jws.sign(large, {"cty": "text/plain"}),
        lambda: jws.sign(large, b64=False),
        lambda: jws.sign_json(large),
        lambda: jws.sign_json(large, b64=False),
        lambda: jws.sign_json(large, signers=[jws]),
    ):
        with pytest.raises(JamValidationError, match="262144"):
            write()
    assert jws.verify(jws.sign(large, detached=True), payload=large).payload == large
    assert jws.verify_json(jws.sign_json(large, detached=True), payload=large).payload == large


def test_every_encrypted_jwt_that_is_made_can_be_read() -> None:
    outer = jam.jose.JWE("dir", "A256GCM", bytes(32))
    for jwt in (
        jam.jose.JWT("dir", bytes(32), enc="A256GCM"),
        jam.jose.JWT("HS256", SECRET.encode(), encryption=outer),
    ):
        assert jwt.decode(jwt.encode({"a": "x" * 100_000})) == {"a": "x" * 100_000}
        with pytest.raises(JamValidationError, match="262144"):
            jwt.encode({"a": "x" * 300_000})


# Types


def test_what_comes_from_requests_is_a_validation_error(face: Face) -> None:
    made = face.jam(CONFIG)
    odds: tuple[Any, ...] = (None, 5, b"bytes", ["list"])
    for odd in odds:
        for call in (
            lambda odd=odd: jam.utils.basic_auth_decode(odd),
            lambda odd=odd: jam.utils.check_password(odd, "$argon2id$"),
            lambda odd=odd: jam.utils.hash_password(odd),
            lambda odd=odd: made.jwt_verify_token(odd),
            lambda odd=odd: made.session_get(odd),
            lambda odd=odd: made.paseto_decode(odd),
            lambda odd=odd: made.otp_verify_code("secret", odd),
        ):
            with pytest.raises(JamValidationError):
                call()


def test_what_a_program_decides_is_a_type_error(face: Face) -> None:
    made = face.jam(CONFIG)
    for call in (
        lambda: made.jwt_make_payload(True),
        lambda: made.paseto_make_payload(True),
        lambda: made.jwt_make_payload("60"),
        lambda: made.paseto_make_payload("60"),
        *(lambda odd=odd: made.jwt_make_payload(data=odd) for odd in (set(), "", [], 0, [("a", 1)])),
    ):
        with pytest.raises(TypeError):
            call()
    assert made.jwt_make_payload(60, {}, a=1)["a"] == 1


@pytest.mark.parametrize("odd", [None, 0, 1, "", "no"])
def test_a_list_is_passed_over_by_false_alone(face: Face, odd: Any) -> None:
    made = face.jam(CONFIG)
    unlisted = JWT("HS256", SECRET).encode({"a": 1})
    with pytest.raises(TypeError, match="check_list: expected bool"):
        made.jwt_verify_token(unlisted, check_list=odd)
    with pytest.raises(JamJWTNotInWhiteList):
        made.jwt_verify_token(unlisted)
    assert made.jwt_verify_token(unlisted, check_list=False) == {"a": 1}


@pytest.mark.parametrize("interval", [0, -1, 86_401, 10**10, 2**64])
def test_an_interval_has_the_range_of_the_configuration(interval: int) -> None:
    with pytest.raises(JamValidationError):
        jam.otp.TOTP("JBSWY3DPEHPK3PXP", interval=interval)
    with pytest.raises(JamValidationError):
        jam.otp.ConfiguredOTP(interval=interval)
    assert jam.otp.TOTP("JBSWY3DPEHPK3PXP", interval=86_400).at(0) == jam.otp.HOTP("JBSWY3DPEHPK3PXP").at(0)


# Logs


def test_a_short_secret_is_logged_once_for_a_configured_object(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    # attack 53
    for _ in range(2):
        made = face.jam(CONFIG)
        with caplog.at_level(logging.WARNING, "jam"):
            code = made.otp_code("secret")
            assert made.otp_verify_code("secret", code)
            assert made.otp_verify_once(b"short", made.otp_code(b"short")) is not None
            made.otp_uri("secret", "ann", "Jam")
            made.otp_code(bytes(20))
        assert [record.getMessage().split(" can be")[0] for record in caplog.records] == [
            "a secret of one-time passwords has 24 bits and"
        ]
        caplog.clear()


# Copies


def objects() -> list[Any]:
    faces: list[Any] = [jam.Jam(CONFIG), jam.aio.Jam(CONFIG)]
    parts = [part for face in faces for part in (face, face.jwt, face.jws, face.otp, face.paseto)]
    stores = [store for face in faces for store in (face.session, face.jwt.list, face.otp.replay_guard)]
    clients = [face.oauth2["github"] for face in faces]
    return [
        *parts,
        *stores,
        *clients,
        *(client._client for client in clients),
        jam.otp.TOTP("JBSWY3DPEHPK3PXP"),
        jam.otp.HOTP("JBSWY3DPEHPK3PXP"),
        jam.otp.parse_uri("otpauth://totp/a?secret=JBSWY3DPEHPK3PXP"),
        jam.paseto.PASETOv4.key("local", bytes(32)),
    ]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_holds_keys_or_connections_is_not_copied(copied: Callable[[Any], Any]) -> None:
    for held in objects():
        with pytest.raises(TypeError, match="holds keys or connections and cannot be pickled or copied"):
            copied(held)


def test_what_holds_keys_says_what_it_is_and_no_secret() -> None:
    for held in objects():
        text = repr(held)
        assert " object at 0x" not in text
        for secret in (SECRET, "70" * 32, "JBSWY3DPEHPK3PXP"):
            assert secret not in text
    totp = jam.otp.TOTP("JBSWY3DPEHPK3PXP", 8, "sha256", 60)
    assert repr(totp) == "<jam.otp.TOTP SHA256, 8 digits, 60 seconds>"
