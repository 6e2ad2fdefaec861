"""The attacks on tokens, codes and sessions, each by its number, as far as Python is the way in."""

from __future__ import annotations

import ast
import base64
import contextlib
import hmac
import json
import logging
import os
import random
import re
import secrets
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jam
import jam.aio.oauth2
import jam.oauth2
import jwt as pyjwt
import pytest
from conftest import Store
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from faces import Face
from jam import _jam, utils
from jam.encoders import JsonEncoder
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamJWTExpired,
    JamJWTInvalidClaim,
    JamJWTInvalidSignature,
    JamJWTMalformed,
    JamJWTUnsupportedAlgorithm,
    JamJWTValidationError,
    JamPASETOInvalidED25519Key,
    JamPASETOInvalidTokenFormat,
    JamSessionNotFound,
    JamStoreError,
    JamValidationError,
)
from jam.jwt import JWT
from jam.otp import HOTP, TOTP, RecoveryCodes, ReplayGuard, parse_uri
from jam.paseto import PASETOv4
from jam.utils import generate_aes_key
from jwt.algorithms import RSAAlgorithm
from keys import SECRET, Pair, make_pair, options_for, pair_for, rsa_pair

HEADER = b'{"alg":"HS256","typ":"JWT"}'
FAR = 4_102_444_800


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode_number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def rsa_jwk(pair: Pair) -> str:
    """The public half as a JSON Web Key."""
    assert isinstance(pair.key, rsa.RSAPrivateKey)
    return RSAAlgorithm.to_jwk(pair.key.public_key())


def sign(payload: bytes | str, header: bytes = HEADER, secret: bytes = SECRET.encode()) -> str:
    """A token of any bytes, with a MAC that holds."""
    payload = payload if isinstance(payload, str) else encode(payload)
    signed = f"{encode(header)}.{payload}"
    return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"


@pytest.fixture
def verify(face: Face) -> Callable[..., Any]:
    """Verifies with HS256 through one of the facades."""
    return face.jam({"jwt": {"alg": "HS256", "secret": SECRET}}).jwt_verify_token


def test_the_helper_signs_what_is_good(verify: Callable[..., Any]) -> None:
    assert verify(sign(b'{"a": 1}')) == {"a": 1}


# Tokens


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", ""])
def test_attack_1_no_token_without_a_signature(verify: Callable[..., Any], name: str) -> None:
    header = encode(json.dumps({"alg": name}).encode())
    for token in (
        f"{header}.{encode(b'{}')}.",
        f"{header}.{encode(b'{}')}",
        sign(b"{}", json.dumps({"alg": name}).encode()),
    ):
        with pytest.raises(JamJWTValidationError):
            verify(token)
    with pytest.raises(JamError):
        JWT(name, SECRET)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_attack_2_a_public_key_is_no_mac_key(face: Face, algorithm: str) -> None:
    public = pair_for(algorithm).public
    jam = face.jam({"jwt": {"alg": algorithm, "public_key": public}})
    for secret in (public, public.strip(), public + "\n"):
        with pytest.raises(JamJWTUnsupportedAlgorithm):
            jam.jwt_verify_token(sign(b"{}", secret=secret.encode()))


def public_forms() -> list[str | bytes]:
    pair = pair_for("RS256")
    key = pair.key.public_key()
    pkcs1 = key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    return [
        pair.public,
        " \n" + pair.public,
        "\ufeff" + pair.public,
        pair.public.replace("\n", "\r\n"),
        pkcs1,
        pair_for("ES256").public,
        pair_for("EdDSA").public,
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
        # attack 4: JSON Web Keys as text, as a set, and in base64
        (jwk := rsa_jwk(pair)),
        json.dumps({"keys": [json.loads(jwk)]}),
        base64.b64encode(jwk.encode()).decode(),
        encode(jwk.encode()),
    ]


@pytest.mark.parametrize("number", range(13))
def test_attack_3_and_4_public_key_material_is_no_hmac_secret(face: Face, number: int) -> None:
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "HS256", "secret": public_forms()[number]}})


def test_attack_5_a_json_web_key_without_alg_does_not_trust_the_header(face: Face) -> None:
    jwk = json.loads(rsa_jwk(pair_for("RS256")))
    jwk.pop("alg", None)
    jam = face.jam({"jwt": {"alg": "RS256", "public_key": json.dumps(jwk)}})
    with pytest.raises(JamJWTUnsupportedAlgorithm):
        jam.jwt_verify_token(sign(b"{}", secret=decode(jwk["n"])))


def test_attack_6_both_the_algorithm_and_the_key_must_agree(face: Face) -> None:
    jwk = json.loads(rsa_jwk(pair_for("RS256")))
    for named in ("PS256", "RS512", "HS256"):
        with pytest.raises(JamError):
            face.jam({"jwt": {"alg": "RS256", "public_key": json.dumps({**jwk, "alg": named})}})
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "ES256", "public_key": json.dumps(jwk)}})
    token = pyjwt.encode({}, pair_for("RS256").private, algorithm="RS256")
    with pytest.raises(JamJWTUnsupportedAlgorithm):
        face.jam({"jwt": {"alg": "PS256", "public_key": pair_for("RS256").public}}).jwt_verify_token(token)


@pytest.mark.parametrize("secret", ["", b"", '{"kty":"oct","k":""}'])
def test_attack_8_an_empty_secret_is_refused(face: Face, secret: Any) -> None:
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "HS256", "secret": secret}})


def test_attack_9_a_short_secret_is_told_in_the_log(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "jam"):
        face.jam({"jwt": {"alg": "HS256", "secret": "secret"}})
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert warnings[0].name.startswith("jam")
    assert "32" in warnings[0].getMessage()
    caplog.clear()
    face.jam({"jwt": {"alg": "HS256", "secret": "s" * 32}})
    assert not [record for record in caplog.records if record.levelno == logging.WARNING]


def test_attack_10_weak_rsa_keys_are_refused(face: Face) -> None:
    jwk = json.loads(rsa_jwk(pair_for("RS256")))
    strong = int.from_bytes(decode(jwk["n"]), "big")
    weak = [rsa_pair(1024).public]
    for exponent, modulus in ((1, strong), (65537, strong + 1)):
        weak.append(json.dumps({"kty": "RSA", "n": encode_number(modulus), "e": encode_number(exponent)}))
    for key in weak:
        with pytest.raises(JamError):
            face.jam({"jwt": {"alg": "RS256", "public_key": key}})


def replaced_signature(algorithm: str, signature: bytes) -> str:
    token = JWT(algorithm, **options_for(algorithm)).encode({})
    return f"{token.rpartition('.')[0]}.{encode(signature)}"


ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES256K": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "ES256K"])
def test_attack_11_and_12_signatures_of_no_meaning_are_refused(face: Face, algorithm: str) -> None:
    jam = face.jam({"jwt": {"alg": algorithm, **options_for(algorithm)}})
    good = decode(jam.jwt_create_token({}).rpartition(".")[2])
    half = len(good) // 2
    r, s = good[:half], good[half:]
    bad = [bytes(len(good)), bytes(half) + s, r + bytes(half), b"\xff" * len(good)]
    if algorithm in ORDERS:
        order = ORDERS[algorithm].to_bytes(half, "big")
        above = (ORDERS[algorithm] + 1).to_bytes(half, "big")
        bad += [order + s, r + order, above + s, r + above]
    # attack 12: DER, missing and additional bytes
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    bad += [der, good[:-1], good + b"\0", b"\0" + good, b"\0" + r + b"\0" + s, b""]
    for signature in bad:
        with pytest.raises(JamJWTValidationError):
            jam.jwt_verify_token(replaced_signature(algorithm, signature))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_attack_13_an_rsa_signature_has_the_length_of_the_modulus(face: Face, algorithm: str) -> None:
    jam = face.jam({"jwt": {"alg": algorithm, **options_for(algorithm)}})
    good = decode(jam.jwt_create_token({}).rpartition(".")[2])
    for signature in (b"\0" + good, good + b"\0", good[:-1], good[1:], bytes(256), b"\xff" * 256):
        with pytest.raises(JamJWTInvalidSignature):
            jam.jwt_verify_token(replaced_signature(algorithm, signature))


def test_attack_13_another_salt_length_is_refused(face: Face) -> None:
    key = pair_for("PS256").key
    assert isinstance(key, rsa.RSAPrivateKey)
    signed = f"{encode(json.dumps({'alg': 'PS256'}).encode())}.{encode(b'{}')}"
    jam = face.jam({"jwt": {"alg": "PS256", **options_for("PS256")}})
    for length, good in ((32, True), (20, False), (0, False), (222, False)):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=length)
        token = f"{signed}.{encode(key.sign(signed.encode(), scheme, hashes.SHA256()))}"
        if good:
            assert jam.jwt_verify_token(token) == {}
        else:
            with pytest.raises(JamJWTInvalidSignature):
                jam.jwt_verify_token(token)


def test_attack_14_ed25519_signatures_have_one_form(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "EdDSA", **options_for("EdDSA")}})
    token = jam.jwt_create_token({})
    good = decode(token.rpartition(".")[2])
    order = 2**252 + 27742317777372353535851937790883648493
    larger = (int.from_bytes(good[32:], "little") + order).to_bytes(32, "little")
    for signature in (good[:32] + larger, b"\xff" * 32 + good[32:], bytes(64), good[:-1], good + b"\0"):
        with pytest.raises(JamJWTValidationError):
            jam.jwt_verify_token(f"{token.rpartition('.')[0]}.{encode(signature)}")


def test_attack_14_a_point_of_small_order_is_no_public_key(face: Face) -> None:
    for point in (b"\1" + bytes(31), bytes(32), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xee" + b"\xff" * 30 + b"\x7f"):
        with pytest.raises(JamError):
            face.jam({"jwt": {"alg": "EdDSA", "public_key": {"kty": "OKP", "crv": "Ed25519", "x": encode(point)}}})
        with pytest.raises(JamPASETOInvalidED25519Key):
            PASETOv4("public", None, public_key=point)


def test_attack_15_a_private_key_belongs_to_the_public_key_beside_it(face: Face) -> None:
    for algorithm in ("RS256", "ES256", "EdDSA"):
        section = {"alg": algorithm, "private_key": pair_for(algorithm).private}
        other = make_pair(rsa_pair(3072).key if algorithm == "RS256" else another_key(algorithm))
        with pytest.raises(JamConfigurationError):
            face.jam({"jwt": {**section, "public_key": other.public}})


def another_key(algorithm: str) -> Any:
    return ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()


def test_a_key_that_is_not_clear_or_not_for_this_use_is_refused(face: Face) -> None:
    pair = pair_for("RS256")
    jwk = json.loads(rsa_jwk(pair))
    jwk.pop("key_ops", None)
    unclear: list[Any] = [
        pair.public + rsa_pair(3072).public,
        {**jwk, "use": "enc"},
        {**jwk, "key_ops": ["sign"]},
        {**jwk, "key_ops": ["verify", "verify"]},
        {**jwk, "kty": ["RSA"]},
        {name: value for name, value in jwk.items() if name != "kty"},
    ]
    for key in unclear:
        with pytest.raises(JamError):
            face.jam({"jwt": {"alg": "RS256", "public_key": key}})
        with pytest.raises(JamError):
            JWT("RS256", public_key=key)
    no_keys: list[Any] = [{}, {"k": "c2VjcmV0"}]
    for secret in no_keys:
        with pytest.raises(JamError):
            face.jam({"jwt": {"alg": "HS256", "secret": secret}})
        with pytest.raises(JamError):
            JWT("HS256", secret)


def test_attack_16_keys_in_the_header_are_never_used(face: Face) -> None:
    mine, theirs = pair_for("RS256"), rsa_pair(3072)
    jwk = json.loads(rsa_jwk(theirs))
    jam = face.jam({"jwt": {"alg": "RS256", "public_key": mine.public}})
    for name, value in (
        ("jwk", jwk),
        ("jku", "https://attacker.example/keys"),
        ("x5u", "https://attacker.example/cert"),
        ("x5c", [base64.b64encode(b"certificate").decode()]),
    ):
        token = pyjwt.encode({}, theirs.private, algorithm="RS256", headers={name: value})
        with pytest.raises(JamJWTValidationError):
            jam.jwt_verify_token(token)


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1", "*", "\x00", "x" * 1_000_000, 5, ["a"], None])
def test_attack_17_a_key_id_is_opaque(verify: Callable[..., Any], kid: Any) -> None:
    header = json.dumps({"alg": "HS256", "kid": kid}).encode()
    try:
        assert verify(sign(b"{}", header)) == {}
    except JamJWTValidationError:
        assert not isinstance(kid, str) or len(kid) > 1_000


def test_attack_17_and_18_among_several_keys_the_id_names_one(face: Face) -> None:
    named = [{"kty": "oct", "kid": kid, "k": encode(kid.encode() * 32)} for kid in ("1", "2")]
    jam = face.jam({"jwt": {"alg": "HS256", "secret": named}})
    token = sign(b"{}", b'{"alg":"HS256","kid":"2"}', b"2" * 32)
    assert jam.jwt_verify_token(token) == {}
    assert jam.jwt_verify_token(sign(b"{}", b'{"alg":"HS256"}', b"2" * 32)) == {}
    for kid in ("1", "../../dev/null", "' OR 1=1", "*", "\x00", "", "x" * 100_000):
        header = json.dumps({"alg": "HS256", "kid": kid}).encode()
        with pytest.raises(JamJWTInvalidSignature):
            jam.jwt_verify_token(sign(b"{}", header, b"2" * 32))
    with pytest.raises(JamConfigurationError, match="kid"):
        face.jam({"jwt": {"alg": "HS256", "secret": [named[0], {**named[1], "kid": "1"}]}})
    # Without an id the eight newest keys are tried.
    jam = face.jam({"jwt": {"alg": "HS256", "secret": [str(number) * 40 for number in range(10)]}})
    assert jam.jwt_verify_token(sign(b"{}", secret=b"7" * 40)) == {}
    with pytest.raises(JamJWTInvalidSignature):
        jam.jwt_verify_token(sign(b"{}", secret=b"8" * 40))


@pytest.mark.parametrize(
    "extra",
    [
        '"crit":["x"],"x":1',
        '"crit":["b64","x"],"b64":true,"x":1',
        '"crit":[]',
        '"crit":"b64","b64":true',
        '"crit":["alg"]',
        '"crit":["b64","b64"],"b64":true',
        '"crit":["b64"]',
        # attack 20
        '"b64":false',
        '"b64":true',
        '"crit":["b64"],"b64":"false"',
        '"crit":["b64"],"b64":false',
    ],
)
def test_attack_19_and_20_no_extension_changes_a_jwt(verify: Callable[..., Any], extra: str) -> None:
    with pytest.raises(JamJWTMalformed):
        verify(sign("e30", f'{{"alg":"HS256",{extra}}}'.encode()))


def test_attack_25_a_token_is_of_the_expected_type_and_holds_no_other_token(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "typ": "at+jwt"}})
    assert jam.jwt_verify_token(sign(b"{}", b'{"alg":"HS256","typ":"application/AT+JWT"}')) == {}
    for header in (b'{"alg":"HS256"}', b'{"alg":"HS256","typ":"JWT"}', b'{"alg":"HS256","typ":"text/at+jwt"}'):
        with pytest.raises(JamJWTMalformed):
            jam.jwt_verify_token(sign(b"{}", header))
        # attack 37
        with pytest.raises(JamJWTInvalidSignature):
            jam.jwt_verify_token(sign(b"{}", header, b"another secret"))
    token = sign(b"{}", b'{"alg":"HS256","typ":"at+jwt"}')
    for _ in range(10):
        token = sign(token.encode(), b'{"alg":"HS256","typ":"at+jwt","cty":"JWT"}')
        with pytest.raises(JamJWTMalformed):
            jam.jwt_verify_token(token)


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"HS256","alg":"none"}',
        b'{"alg":"none","alg":"HS256"}',
        b'{"alg":"HS256","\\u0061lg":"HS256"}',
    ],
)
def test_attack_26_duplicate_members_of_the_header_are_refused(verify: Callable[..., Any], header: bytes) -> None:
    with pytest.raises(JamJWTValidationError):
        verify(sign(b"{}", header))


@pytest.mark.parametrize(
    "payload", [b'{"exp":1,"exp":9999999999}', b'{"a":{"b":1,"b":2}}', b'{"a":1,"\\u0061":2}', b'[{"a":1,"a":2}]']
)
def test_attack_26_duplicate_claims_are_refused(verify: Callable[..., Any], payload: bytes) -> None:
    with pytest.raises(JamJWTValidationError):
        verify(sign(payload))


def test_attack_27_a_token_has_one_spelling(verify: Callable[..., Any]) -> None:
    # A payload whose text ends on a character with bits of no meaning, and has both special characters.
    token = next(t for n in range(10_000) if "-" in (t := sign(json.dumps({"a": n}).encode())) and "_" in t)
    assert verify(token)
    header, payload, signature = token.split(".")
    for other in (
        token + "=",
        token.replace("-", "+"),
        token.replace("_", "/"),
        f" {token}",
        f"{token}\n",
        f"{header}.{payload} .{signature}",
        f"{header}.{payload}.{signature[:10]}\n{signature[10:]}",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}.{signature}A",
        f"{header}.{payload}.{signature[:-1]}{chr(ord(signature[-1]) ^ 1)}",
        f"{header}.{payload}.{signature}%3D",
    ):
        with pytest.raises(JamJWTValidationError):
            verify(other)


@pytest.mark.parametrize("token", ["." * 1_000_000, "a.b.c.", "..", ".", "", "a", "a.b", "....", "a.b.c.d.e"])
def test_attack_28_any_number_of_segments_but_three_is_refused(verify: Callable[..., Any], token: str) -> None:
    with pytest.raises(JamJWTMalformed):
        verify(token)


def test_attack_29_what_is_too_large_is_refused_by_its_size(verify: Callable[..., Any]) -> None:
    large = "A" * 20_000_000
    for token in (f"{large}.e30.AAAA", f"e30.{large}.AAAA", f"e30.e30.{large}", large):
        with pytest.raises(JamJWTMalformed):
            verify(token)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_attack_30_deep_nesting_is_refused(verify: Callable[..., Any], face: Face, opening: str) -> None:
    deep = (opening * 100_000).encode()
    for token in (sign(deep), sign(b"{}", deep), sign(b'{"a":' + deep)):
        with pytest.raises(JamJWTValidationError):
            verify(token)
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "RS256", "public_key": deep.decode()}})


def test_attack_30_data_nested_too_deep_is_refused(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}, "session": {"session_type": "memory"}})
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    itself: dict[str, Any] = {}
    itself["a"] = itself
    for data in (deep, itself):
        with pytest.raises(JamError):
            jam.jwt_create_token(data)
        with pytest.raises(JamError):
            jam.session_create("user", data)
    # Freed link by link: one by one would be a recursion of its own.
    while deep:
        deep = deep.pop("a")


@pytest.mark.parametrize(
    "payload", [b"\xff{}", b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":"\\ud800"}', b"{}\x00", b'{"a":"\x00"}']
)
def test_attack_31_bad_text_in_a_token_is_refused(verify: Callable[..., Any], payload: bytes) -> None:
    with pytest.raises(JamJWTValidationError):
        verify(sign(payload))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_attack_31_a_lone_surrogate_is_refused_everywhere(face: Face, text: str) -> None:
    jam = face.jam(
        {
            "jwt": {"alg": "HS256", "secret": SECRET},
            "session": {"session_type": "memory"},
            "otp": {},
            "paseto": {"version": "v4", "purpose": "local", "key": "70" * 32},
        }
    )
    assert jam.session_get(text) is None
    for call in (
        lambda: jam.jwt_verify_token(text),
        lambda: jam.jwt_create_token({"a": text}),
        lambda: jam.jwt_create_token({text: 1}),
        lambda: jam.session_create(text, {}),
        lambda: jam.session_create("user", {"a": text}),
        lambda: jam.session_clear(text),
        lambda: jam.otp_code(text),
        lambda: jam.otp_uri("secret", text, "issuer"),
        lambda: jam.paseto_decode(text),
        lambda: jam.paseto_create({}, text),
        lambda: face.jam({"jwt": {"alg": "HS256", "secret": text}}),
    ):
        with pytest.raises(JamError):
            call()


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ['"never"', "true", "[]", "{}", "null"])
def test_attack_32_a_time_of_the_wrong_type_is_refused(verify: Callable[..., Any], claim: str, value: str) -> None:
    with pytest.raises(JamJWTInvalidClaim):
        verify(sign(f'{{"{claim}":{value}}}'.encode()))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("1e400", JamJWTValidationError),
        ("NaN", JamJWTMalformed),
        ("Infinity", JamJWTMalformed),
        ("-1", JamJWTExpired),
        ("-0", JamJWTExpired),
        ("1.9", JamJWTExpired),
        ("-9223372036854775809", JamJWTValidationError),
        ("-1e300", JamJWTExpired),
    ],
)
def test_attack_33_extreme_times_neither_wrap_nor_hold(
    verify: Callable[..., Any], value: str, error: type[JamError]
) -> None:
    with pytest.raises(error):
        verify(sign(f'{{"exp":{value}}}'.encode()))


@pytest.mark.parametrize("value", ["9223372036854775808", "18446744073709551616", "1e300"])
def test_attack_33_a_far_future_is_the_future_or_refused(verify: Callable[..., Any], value: str) -> None:
    try:
        assert verify(sign(f'{{"exp":{value}}}'.encode()))
    except JamJWTExpired:
        pytest.fail("a far future was taken for the past")
    except JamJWTValidationError:
        pass
    with pytest.raises(JamJWTValidationError):
        verify(sign(f'{{"nbf":{value}}}'.encode()))


@pytest.mark.parametrize("leeway", [-1, float("nan"), float("inf"), 1e300, -0.1])
def test_attack_34_leeway_has_bounds(face: Face, leeway: float) -> None:
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "leeway": leeway}})
    with pytest.raises(JamError):
        JWT("HS256", SECRET, leeway=leeway)
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "HS256", "secret": SECRET}}).jwt_verify_token(sign(b'{"exp":1}'), leeway=leeway)


@pytest.mark.parametrize("payload", [b"[]", b'"x"', b"1", b"null", b"", b"true"])
def test_attack_35_claims_are_an_object(verify: Callable[..., Any], payload: bytes) -> None:
    with pytest.raises(JamJWTValidationError):
        verify(sign(payload))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": ["https://me.example"], "aud": "api"},
        {"iss": "https://me.example/", "aud": "api"},
        {"iss": "HTTPS://ME.EXAMPLE", "aud": "api"},
        {"iss": "https://me", "aud": "api"},
        {"iss": "https://me.example", "aud": "ap"},
        {"iss": "https://me.example", "aud": "api2"},
        {"iss": "https://me.example", "aud": "API"},
        {"iss": "https://me.example", "aud": {"api": 1}},
        {"iss": "https://me.example", "aud": [["api"]]},
        {"iss": "https://me.example", "aud": ["api", 5]},
        {"iss": "https://me.example", "aud": []},
        {"iss": "https://me.example"},
        {"aud": "api"},
        {"iss": None, "aud": None},
    ],
)
def test_attack_36_issuer_and_audience_are_compared_exactly(face: Face, claims: dict[str, Any]) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "issuer": "https://me.example", "audience": "api"}})
    with pytest.raises(JamJWTInvalidClaim):
        jam.jwt_verify_token(sign(json.dumps(claims).encode()))


def test_attack_37_the_signature_error_wins_and_no_claim_is_told(verify: Callable[..., Any]) -> None:
    token = sign(b'{"exp":1,"user":"alice"}', secret=b"another secret of the attacker's own")
    with pytest.raises(JamJWTInvalidSignature) as raised:
        verify(token)
    assert "alice" not in repr(raised.value) + str(raised.value.details)


# What an attacker could time


SECRET_NAMES = re.compile("secret|token|password|signature|digest|mac|session_id|code$|state$")


@pytest.mark.parametrize("path", sorted(Path(jam.__path__[0]).rglob("*.py")), ids=lambda path: path.name)
def test_attack_45_python_compares_no_secret(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare) and any(isinstance(op, (ast.Eq, ast.NotEq)) for op in node.ops):
            for side in (node.left, *node.comparators):
                name = side.attr if isinstance(side, ast.Attribute) else getattr(side, "id", "")
                assert not SECRET_NAMES.search(name), f"{path.name}:{node.lineno} compares {name}"


# One-time passwords


@pytest.mark.parametrize(
    "code",
    [
        "\uff17\uff15\uff15\uff12\uff12\uff14",
        "755 224",
        " 755224",
        "755224 ",
        "+755224",
        "75522",
        "7552240",
        "",
        "755224\n",
        "\ud800",
        "x" * 1_000_000,
    ],
)
def test_attack_52_only_digits_of_the_exact_length_are_a_code(face: Face, code: str) -> None:
    jam = face.jam({"otp": {"type": "hotp"}})
    assert jam.otp_verify_code(b"12345678901234567890", "755224", 0) is True
    assert jam.otp_verify_code(b"12345678901234567890", code, 0) is False


@pytest.mark.parametrize("digits", [-1, 0, 5, 11, 10**9, 2**70])
def test_attack_53_digits_have_bounds(digits: int) -> None:
    for make in (HOTP, TOTP):
        with pytest.raises(JamError):
            make(b"12345678901234567890", digits)


def test_attack_53_the_other_parameters_have_bounds(face: Face, caplog: pytest.LogCaptureFixture) -> None:
    secret = b"12345678901234567890"
    for interval in (-1, 0, 2**70):
        with pytest.raises(JamError):
            TOTP(secret, 6, "sha1", interval)
    with pytest.raises(JamError):
        TOTP(secret, 6, "md5")
    jam = face.jam({"otp": {}})
    for call in (
        lambda: jam.otp_code(secret, -1),
        lambda: jam.otp_code(secret, 2**70),
        lambda: jam.otp_code("", 1),
        lambda: jam.otp_code(b"", 1),
        lambda: jam.otp_code("not base32!", 1),
        lambda: jam.otp_verify_code(secret, "123456", 1, look_ahead=10**6),
        lambda: jam.otp_verify_code(secret, "123456", 1, look_ahead=-1),
    ):
        with pytest.raises(JamError):
            call()


def test_attack_54_the_label_of_a_uri_is_encoded(face: Face) -> None:
    jam = face.jam({"otp": {}})
    uri = jam.otp_uri(b"12345678901234567890", "a:b&secret=x y/ü", "Ex ample?")
    label, _, query = uri.removeprefix("otpauth://totp/").partition("?")
    assert "&" not in label
    assert "/" not in label
    assert " " not in uri
    assert "+" not in uri
    assert query.count("secret=") == 1
    assert "period=30" in query


# Sessions and stores


def test_attack_55_an_id_of_the_clients_choice_never_becomes_a_session(face: Face, store: Store) -> None:
    jam = face.jam({"session": store.session()})
    real = jam.session_create("user", {})
    jam.session_delete(real)
    for chosen in (real, "chosen", encode(secrets.token_bytes(40)), real[:-4] + "AAAA"):
        assert jam.session_get(chosen) is None
        with pytest.raises(JamSessionNotFound):
            jam.session_update(chosen, {"a": 1})
        with pytest.raises(JamSessionNotFound):
            jam.session_rework(chosen)
        jam.session_delete(chosen)
        assert jam.session_get(chosen) is None


def test_attack_56_ids_differ(face: Face) -> None:
    jam = face.jam({"session": {"session_type": "memory"}})
    assert len({jam.session_create("user", {}) for _ in range(10_000)}) == 10_000


def stored_bytes(store: Store, redis_server: Any, postgres_server: Any) -> bytes:
    if store.name == "redis":
        return redis_server.command("KEYS", "*")
    if store.name == "postgresql":
        return postgres_server.rows(store.keys["postgresql_table"])
    path = Path(store.keys[f"{store.name}_path"])
    return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))


def test_attack_57_no_usable_id_is_at_rest(
    face: Face, durable_store: Store, redis_server: Any, postgres_server: Any
) -> None:
    jam = face.jam({"session": durable_store.session()})
    ids = [jam.session_create("user", {"n": n}) for n in range(3)]
    ids.append(jam.session_rework(ids.pop()))
    kept = stored_bytes(durable_store, redis_server, postgres_server)
    assert kept
    for session_id in ids:
        for part in (session_id, *session_id.split(".")):
            assert len(part) < 30 or part.encode() not in kept


HOSTILE_IDS = [
    *("../x", "/etc/passwd", "\x00", "x" * 300, "x" * 1_000_000, "", " ", "*", "?", "[a]", "{x}", "a:b", "\r\nDEL x"),
    *("' OR 1=1 --", "%00", "é", "😀", ".", "..", "a.b.c", "=", "AAAA"),
]


def test_attack_58_the_form_of_an_id_is_checked_first(face: Face, store: Store, tmp_path: Path) -> None:
    jam = face.jam({"session": store.session()})
    good = jam.session_create("user", {"a": 1})
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for session_id in HOSTILE_IDS:
        assert jam.session_get(session_id) is None
        jam.session_delete(session_id)
        with pytest.raises(JamSessionNotFound):
            jam.session_update(session_id, {})
        with pytest.raises(JamSessionNotFound):
            jam.session_rework(session_id)
    assert jam.session_get(good) == {"a": 1}
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def create_at(face: Face, section: dict[str, Any]) -> str:
    return face.jam({"session": section}).session_create("user", {})


@pytest.mark.parametrize("name", ["json", "sqlite"])
def test_attack_58_paths_that_lead_elsewhere(face: Face, name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"what another program keeps")
    link = tmp_path / "link"
    link.symlink_to(victim)
    for path in (link, victim, tmp_path, tmp_path / "nowhere" / "file", "with\x00nul"):
        with pytest.raises((JamError, ValueError)):
            create_at(face, {"session_type": name, f"{name}_path": str(path)})
    assert victim.read_bytes() == b"what another program keeps"


@pytest.mark.parametrize("session_key", ["*", "a:b", "\r\nDEL x", "{x}", "", "\x00", "sessions*", "x" * 60_000])
def test_attack_60_an_owner_is_any_text(face: Face, store: Store, session_key: str) -> None:
    jam = face.jam({"session": store.session()})
    other = jam.session_create("other", {})
    session_id = jam.session_create(session_key, {"a": 1})
    assert jam.session_get(session_id) == {"a": 1}
    assert len(jam.session_list(session_key)) == 1
    jam.session_clear(session_key)
    assert jam.session_get(session_id) is None
    assert jam.session_get(other) == {}


def test_attack_60_an_owner_has_a_largest_size(face: Face) -> None:
    jam = face.jam({"session": {"session_type": "memory"}})
    for call in (jam.session_clear, jam.session_list, lambda key: jam.session_create(key, {})):
        with pytest.raises(JamError):
            call("x" * 1_000_000)


def test_attack_62_an_update_after_the_logout_does_not_undo_it(face: Face, store: Store) -> None:
    jam = face.jam({"session": store.session()})
    for end in (jam.session_delete, lambda _: jam.session_clear("user"), jam.session_rework):
        session_id = jam.session_create("user", {"role": "admin"})
        end(session_id)
        with pytest.raises(JamSessionNotFound):
            jam.session_update(session_id, {"role": "admin"})
        assert jam.session_get(session_id) is None


def test_attack_63_data_of_another_session_do_not_open(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "jam.json"
    section = {"session_type": "json", "json_path": str(path), "is_session_crypt": True}
    section["session_aes_secret"] = generate_aes_key()
    jam = face.jam({"session": section})
    admin, guest = jam.session_create("user", {"role": "admin"}), jam.session_create("user", {"role": "guest"})
    (jam.aclose if face.is_async else jam.close)()
    swap_values(path)
    again = face.jam({"session": section})
    assert again.session_get(admin) is None
    assert again.session_get(guest) is None


def swap_values(path: Path) -> None:
    """Exchanges the sealed data of the two sessions in a JSON file."""
    tree = json.loads(path.read_text())
    first, second = tree["namespaces"]["sessions"]
    first["base64"], second["base64"] = second["base64"], first["base64"]
    path.write_text(json.dumps(tree))


def test_attack_63_truncated_or_garbled_files_are_told(face: Face, tmp_path: Path) -> None:
    path = tmp_path / "jam.json"
    section = {"session_type": "json", "json_path": str(path)}
    face.jam({"session": section}).session_create("user", {"a": 1})
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"[]", b"\xff", b'{"a": 1'):
        path.write_bytes(broken)
        with pytest.raises(JamError):
            create_at(face, section)
        assert path.read_bytes() == broken, "what cannot be read is left as it is"


def test_attack_64_a_dead_server_is_told_and_forgiven(face: Face, own_redis: Any) -> None:
    jam = face.jam({"session": {"session_type": "redis", "redis_uri": own_redis.uri}})
    session_id = jam.session_create("user", {"a": 1})
    own_redis.kill()
    for call in (
        lambda: jam.session_get(session_id),
        lambda: jam.session_create("user", {}),
        lambda: jam.session_update(session_id, {}),
        lambda: jam.session_clear("user"),
    ):
        with pytest.raises(JamStoreError) as raised:
            call()
        assert session_id not in str(raised.value)
    own_redis.start()
    assert jam.session_get(session_id) is None, "the server has forgotten, and says so"
    session_id = jam.session_create("user", {"a": 2})
    assert jam.session_get(session_id) == {"a": 2}


def test_attack_64_a_server_that_does_not_answer_is_not_waited_for(face: Face, own_redis: Any) -> None:
    jam = face.jam({"session": {"session_type": "redis", "redis_uri": own_redis.uri}})
    session_id = jam.session_create("user", {"a": 1})
    os.kill(own_redis.pid, signal.SIGSTOP)
    try:
        with pytest.raises(JamStoreError) as raised:
            jam.session_get(session_id)
        assert raised.value.error_code == "store.timed_out"
    finally:
        os.kill(own_redis.pid, signal.SIGCONT)
    assert jam.session_get(session_id) == {"a": 1}


def test_attack_64_a_full_server_is_told(face: Face, own_redis: Any) -> None:
    jam = face.jam({"session": {"session_type": "redis", "redis_uri": own_redis.uri}})
    session_id = jam.session_create("user", {"a": 1})
    own_redis.command("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(JamStoreError) as raised:
        jam.session_create("user", {"secret": "data"})
    assert raised.value.error_code == "store.refused"
    own_redis.command("CONFIG", "SET", "maxmemory", "0")
    assert jam.session_get(session_id) == {"a": 1}


def test_attack_64_no_server_at_all_is_told(face: Face) -> None:
    jam = face.jam({"session": {"session_type": "redis", "redis_uri": "redis://127.0.0.1:1/0"}})
    with pytest.raises(JamStoreError) as raised:
        jam.session_get(face.jam({"session": {"session_type": "memory"}}).session_create("user", {}))
    assert raised.value.error_code == "store.unavailable"


# Anything at all, everywhere


class Odd:
    """An object that means nothing to Jam."""

    def __repr__(self) -> str:
        raise AssertionError("it is not looked at")


ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 2**64, 1.5, float("nan")),
    *("", "x", "\x00", "\ud800", "x" * 300_000, b"", b"\xff\x00", b"x" * 300_000, bytearray(b"x"), memoryview(b"x")),
    *({}, {"a": 1}, {1: 2}, {"a": Odd()}, {"a": {1, 2}}, {"a": float("inf")}, {"a": 2**70}, {"a": b"x"}, {(): ()}),
    *([], ["x"], (), set(), object(), Odd(), Odd, len),
]
CALLS: list[tuple[str, int]] = [
    ("jwt_make_payload", 2),
    ("jwt_create_token", 1),
    ("jwt_verify_token", 1),
    ("session_create", 2),
    ("session_get", 1),
    ("session_update", 2),
    ("session_delete", 1),
    ("session_clear", 1),
    ("session_rework", 1),
    ("session_list", 1),
    ("otp_code", 2),
    ("otp_uri", 4),
    ("otp_verify_code", 4),
    ("otp_verify_step", 4),
    ("otp_verify_once", 4),
    ("otp_qr_svg", 4),
    ("oauth2_get_authorized_url", 2),
    ("oauth2_fetch_token", 3),
    ("oauth2_refresh_token", 3),
    ("oauth2_client_credentials_flow", 2),
    ("paseto_make_payload", 1),
    ("paseto_create", 2),
    ("paseto_decode", 1),
]
GOOD: dict[str, list[Any]] = {
    "jwt_make_payload": [60, {}],
    "session_create": ["user", {}],
    "session_update": ["id", {}],
    "otp_code": ["secret", 59],
    "otp_uri": ["secret", "name", "issuer", 0],
    "otp_verify_code": ["secret", "123456", 59, 1],
    "otp_verify_step": ["secret", "123456", 59, 1],
    "otp_verify_once": ["secret", "123456", 59, 1],
    "otp_qr_svg": ["secret", "name", "issuer", 0],
    "oauth2_get_authorized_url": ["github", ["read"]],
    "oauth2_fetch_token": ["github", "code", "authorization_code"],
    "oauth2_refresh_token": ["github", "token", "refresh_token"],
    "oauth2_client_credentials_flow": ["github", ["read"]],
    "paseto_create": [{}, None],
}


@pytest.mark.parametrize(("method", "count"), CALLS, ids=[name for name, _ in CALLS])
def test_odd_arguments_raise_a_clear_error_or_work(face: Face, method: str, count: int) -> None:
    provider = {
        "client_id": "id",
        "client_secret": "secret",
        "redirect_url": "http://127.0.0.1:1/",
        "auth_url": "http://127.0.0.1:1/",
        "token_url": "http://127.0.0.1:1/",
    }
    jam = face.jam(
        {
            "jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "black", "backend": "memory"}},
            "session": {"session_type": "memory"},
            "otp": {"replay_guard": {"backend": "memory"}},
            "paseto": {"version": "v4", "purpose": "local", "key": "70" * 32},
            "oauth2": {"providers": {"github": provider}},
        }
    )
    good = GOOD.get(method, [None] * count)
    for position in range(count):
        for odd in ODD_VALUES:
            arguments = [*good[:position], odd, *good[position + 1 :]]
            try:
                getattr(jam, method)(*arguments)
            except (JamError, TypeError):
                continue


@pytest.mark.parametrize("odd", ODD_VALUES, ids=range(len(ODD_VALUES)))
def test_odd_arguments_of_the_modules_raise_a_clear_error_or_work(face: Face, odd: Any) -> None:
    secret = b"12345678901234567890"
    client: dict[str, Any] = {
        "auth_url": "http://127.0.0.1:1/",
        "token_url": "http://127.0.0.1:1/",
        "client_secret": "s",
    }
    make_client = jam.aio.oauth2.OAuth2Client if face.is_async else jam.oauth2.OAuth2Client
    github = face.drive(make_client("id", **client))
    paseto = PASETOv4("local", "70" * 32)
    for call in (
        *(lambda name=name: JWT(**{"alg": "HS256", "secret": SECRET, name: odd}) for name in JWT_KEYS),
        *(lambda name=name: JWT("HS256", SECRET).decode(sign(b"{}"), **{name: odd}) for name in DECODE_KEYS),
        *(lambda make=make: make(odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret, odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret, 6, odd) for make in (HOTP, TOTP)),
        lambda: TOTP(secret, 6, "sha1", odd),
        lambda: TOTP(secret).provisioning_uri(odd),
        lambda: TOTP(secret).provisioning_uri("name", odd),
        lambda: HOTP(secret).provisioning_uri("name", "issuer", odd),
        *(lambda make=make: make(secret).at(odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).verify(odd, 1) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).verify_step("123456", odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).verify("123456", 1, odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).resynchronize(odd, 1) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).resynchronize(["123456", odd], 1) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).resynchronize(["123456"] * 2, odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).resynchronize(["123456"] * 2, 1, odd) for make in (HOTP, TOTP)),
        *(lambda make=make: make(secret).replay_entry(odd) for make in (HOTP, TOTP)),
        lambda: TOTP(secret).qr_png(odd),
        lambda: parse_uri(odd),
        lambda: RecoveryCodes.generate(odd),
        lambda: RecoveryCodes.from_text(odd),
        lambda: RecoveryCodes.generate()[1].redeem(odd),
        lambda: ReplayGuard("memory").accept(odd, 1),
        lambda: ReplayGuard("memory").accept("key", odd),
        lambda: ReplayGuard(odd),
        lambda: PASETOv4(odd, "70" * 32),
        lambda: PASETOv4("local", odd),
        lambda: PASETOv4.key("public", odd),
        lambda: PASETOv4("public", None, public_key=odd),
        lambda: paseto.encode(odd),
        lambda: paseto.encode({}, odd),
        lambda: paseto.encode({}, implicit_assertion=odd),
        lambda: paseto.decode(odd),
        lambda: paseto.make_payload(odd),
        lambda: paseto.make_payload(1, odd),
        *(lambda name=name: make_client(**{"client_id": "id", **client, name: odd}) for name in CLIENT_KEYS),
        lambda: github.get_authorization_url(odd),
        lambda: github.get_authorization_url([odd]),
        lambda: github.get_authorization_url([], state=odd),
        lambda: github.get_authorization_url([], **{odd: "x"}),
        lambda: github.fetch_token("code", code_verifier=odd),
        lambda: _jam.read_config(odd),
        lambda: _jam.read_config("missing.toml", odd),
        *(lambda call=call: call(odd) for call in UTILS),
        lambda: utils.check_password("password", odd),
        lambda: utils.check_password("password", "00" * 16, odd),
        lambda: utils.check_password("password", "00" * 16, "00" * 16, odd),
        lambda: utils.basic_auth_encode("login", odd),
    ):
        with contextlib.suppress(JamError, TypeError):
            call()


JWT_KEYS = [
    "alg",
    "secret",
    "secret_key",
    "private_key",
    "public_key",
    "password",
    "issuer",
    "audience",
    "leeway",
    "expire",
]
DECODE_KEYS = ["public_key", "check_exp", "audience", "issuer", "leeway"]
CLIENT_KEYS = [
    "client_id",
    "client_secret",
    "auth_url",
    "token_url",
    "redirect_url",
    "issuer",
    "provider",
    "client_authentication",
    "timeout",
]

UTILS: list[Callable[..., Any]] = [
    utils.generate_symmetric_key,
    utils.generate_otp_key,
    utils.hash_password,
    utils.password_needs_rehash,
    utils.basic_auth_decode,
    utils.basic_auth_encode,
]


class Serializer:
    """Answers with whatever it was made of, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def dumps(self, _: Any) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    loads = dumps


@pytest.mark.parametrize("failure", [ValueError("a secret"), RecursionError(), KeyError("a"), UnicodeError()])
def test_a_serializer_that_fails_is_a_typed_error_with_its_cause(failure: Exception) -> None:
    serializer: Any = Serializer(failure)
    jwt, paseto = JWT("HS256", SECRET, serializer=serializer), PASETOv4("local", "70" * 32, serializer=serializer)
    for call, error in (
        (lambda: jwt.encode({}), JamValidationError),
        (lambda: jwt.decode(sign(b"{}")), JamJWTMalformed),
        (lambda: paseto.encode({}), JamValidationError),
        (lambda: paseto.decode(PASETOv4("local", "70" * 32).encode({})), JamPASETOInvalidTokenFormat),
    ):
        with pytest.raises(error) as raised:
            call()
        assert raised.value.__cause__ is failure
        assert "a secret" not in str(raised.value)


def test_what_ends_the_program_passes_a_serializer() -> None:
    serializer: Any = Serializer(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        JWT("HS256", SECRET, serializer=serializer).encode({})


@pytest.mark.parametrize("answer", [None, 1, [], "\ud800", bytearray(b"{}"), object()])
def test_a_serializer_that_gives_no_bytes_is_told(answer: Any) -> None:
    serializer: Any = Serializer(answer)
    for module in (
        JWT("HS256", SECRET, serializer=serializer),
        PASETOv4("local", "70" * 32, serializer=serializer),
    ):
        with pytest.raises(JamValidationError):
            module.encode({})


@pytest.mark.parametrize("payload", [b'{"exp":1,"exp":4102444800}', b'{"exp":NaN}', b"[", b"\xff", b"[" * 100_000])
def test_attack_26_the_json_serializer_is_as_strict(payload: bytes) -> None:
    with pytest.raises(JamJWTMalformed):
        JWT("HS256", SECRET, serializer=JsonEncoder).decode(sign(payload))


def test_a_configuration_that_changes_while_it_is_read_does_no_harm(face: Face) -> None:
    section: dict[str, Any] = {"alg": "HS256", "secret": SECRET}

    class Growing:
        def __fspath__(self) -> str:
            section.update({f"key {number}": 1 for number in range(100)})
            return "path"

    section["issuer"] = Growing()
    assert face.jam({"jwt": section}).target.jwt is not None


def test_a_payload_that_shares_one_text_very_often_has_a_largest_size() -> None:
    large = "x" * 1_000_000
    for payload in ({"a": [large] * 1_000}, dict.fromkeys(map(str, range(1_000)), large)):
        with pytest.raises(JamValidationError, match="more than 67108864 bytes"):
            JWT("HS256", SECRET).encode(payload)


def test_threads_may_change_a_payload_while_it_is_encoded() -> None:
    payload: dict[str, Any] = {"list": list(range(100)), "dict": {}}
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.is_set():
            number += 1
            payload[f"key {number % 50}"] = number
            payload.pop(f"key {(number + 25) % 50}", None)
            payload["list"].append(number)
            del payload["list"][:1]
            payload["dict"] = {"a": payload["dict"]} if number % 40 else {}

    threads = [threading.Thread(target=change) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        jwt, paseto = JWT("HS256", SECRET), PASETOv4("local", "70" * 32)
        for _ in range(500):
            assert isinstance(jwt.decode(jwt.encode(payload)), dict)
            assert isinstance(paseto.decode(paseto.encode(payload))[0], dict)
    finally:
        done.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "EdDSA", "v4.local", "v4.public"])
def test_no_changed_token_is_accepted(face: Face, algorithm: str) -> None:
    section: dict[str, Any] = {"jwt": {"alg": algorithm, **options_for(algorithm)}} if algorithm[0] != "v" else {}
    if not section:
        version, purpose = algorithm.split(".")
        key = "70" * 32 if purpose == "local" else pair_for("EdDSA").private
        section = {"paseto": {"version": version, "purpose": purpose, "key": key}}
    jam = face.Jam(section)
    create, verify = (jam.jwt.encode, jam.jwt.decode) if "jwt" in section else (jam.paseto.encode, jam.paseto.decode)
    token = create({"sub": "1", "exp": FAR, "x": [1.5, None]} if "jwt" in section else {"sub": "1"})
    assert verify(token)
    dice = random.Random(7)
    for _ in range(10_000):
        changed = change(dice, token)
        if changed != token:
            with pytest.raises(JamError):
                verify(changed)


def change(dice: random.Random, text: str) -> str:
    """The text with one to three characters replaced, put in or taken out, or with its end cut off."""
    for _ in range(dice.randint(1, 3)):
        place = dice.randrange(len(text) or 1)
        kind = dice.randrange(10)
        middle = "" if kind < 3 else dice.choice("Aa0-_.=+/ \n\0é\ud800😀w")
        text = text[:place] + middle + ("" if kind == 9 else text[place + (kind < 7) :])
    return text


@pytest.mark.parametrize("verb", ["add", "check", "delete"])
def test_odd_tokens_of_a_list_raise_a_clear_error_or_work(face: Face, verb: str) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "black", "backend": "memory"}}})
    tokens = face.drive(jam.target.jwt.list)
    for odd in ODD_VALUES:
        try:
            assert getattr(tokens, verb)(odd) in (None, False)
        except (JamError, TypeError):
            continue


def test_odd_configurations_raise_a_clear_error_or_work(
    face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = {
        "jwt": "alg secret private_key public_key password expire issuer audience leeway list custom_module",
        "session": "session_type default_ttl absolute_ttl is_session_crypt session_aes_secret id_factory redis_uri",
        "otp": "type digits digest interval replay_guard custom_module",
        "paseto": "version purpose key public_key",
        "oauth2": "providers",
    }
    good: dict[str, dict[str, Any]] = {
        "jwt": {"alg": "HS256", "secret": SECRET},
        "session": {"session_type": "memory"},
        "otp": {},
        "paseto": {"version": "v4", "purpose": "local", "key": "70" * 32},
        "oauth2": {"providers": {}},
    }
    for section, names in keys.items():
        for name in names.split():
            for odd in ODD_VALUES:
                try:
                    face.jam({section: {**good[section], name: odd}})
                except (JamError, TypeError):
                    continue
        for odd in ODD_VALUES:
            try:
                face.jam({section: odd})
            except (JamError, TypeError):
                continue
