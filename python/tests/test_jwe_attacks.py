"""The attacks on encrypted tokens, each by its number, through the class and through both facades."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from faces import Face
from jam.exceptions import (
    JamError,
    JamJWEDecryptionError,
    JamJWEError,
    JamJWEMalformed,
    JamJWEUnsupportedAlgorithm,
    JamJWTValidationError,
    JamKeyError,
    JamKeyWeak,
    JamKeyWrongKind,
    JamValidationError,
)
from jam.jose import JWE, JWK
from jam.jwt import JWT

SECRET = bytes(range(32))
PLAINTEXT = b"sixteen letters."


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def with_part(token: str, place: int, part: bytes | str) -> str:
    parts = token.split(".")
    parts[place] = part if isinstance(part, str) else encode(part)
    return ".".join(parts)


def with_header(token: str, **changes: Any) -> str:
    header = json.loads(decode(token.split(".")[0]))
    header.update(changes)
    return with_part(token, 0, json.dumps({name: value for name, value in header.items() if value is not ...}).encode())


@pytest.fixture
def jam(face: Face) -> Any:
    return face.jam({"jose": {"jwe": {"alg": "dir", "enc": "A256GCM", "secret": encode(SECRET)}}})


@pytest.fixture
def decrypt(jam: Any) -> Callable[..., Any]:
    """Decrypts with `dir` and A256GCM through one of the facades."""
    return jam.jwe_decrypt


@pytest.fixture
def token(jam: Any) -> str:
    return jam.jwe_encrypt(PLAINTEXT)


def test_attack_24_encrypted_and_signed_tokens_have_entries_of_their_own(face: Face) -> None:
    # Anybody can encrypt to a public key: that is no signature.
    key = JWK.generate("RSA")
    encrypted = JWE("RSA-OAEP-256", "A256GCM", key.public()).encrypt(b'{"sub": "admin"}')
    jam = face.jam(
        {
            "jwt": {"alg": "RS256", "private_key": key.to_pem(private=True)},
            "jose": {"jwe": {"alg": "RSA-OAEP-256", "enc": "A256GCM", "private_key": key.to_pem(private=True)}},
        }
    )
    with pytest.raises(JamJWTValidationError):
        jam.jwt_verify_token(encrypted)
    with pytest.raises(JamJWEMalformed):
        jam.jwe_decrypt(jam.jwt_create_token({"sub": "admin"}))
    with pytest.raises(JamError):
        JWT("RS256", public_key=key.to_pem()).decode(encrypted)


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"dir","enc":"A256GCM","alg":"A256KW"}',
        b'{"alg":"dir","enc":"A256GCM","\\u0061lg":"A256KW"}',
        b'{"alg":"dir","enc":"A256GCM"} x',
        b'{"alg":"dir"}',
        b'{"enc":"A256GCM"}',
        b'{"alg":["dir"],"enc":"A256GCM"}',
        b'{"alg":"dir","enc":"A256GCM","kid":7}',
        b'{"alg":"dir","enc":"A256GCM","zip":true}',
        b'{"alg":"dir","enc":"A256GCM","crit":["x"],"x":1}',
        b'{"alg":"dir","enc":"A256GCM","crit":[]}',
        b'{"alg":"dir","enc":"A256GCM","crit":["alg"]}',
        b'{"alg":"dir","enc":"A256GCM","x":"\\ud800"}',
        b'{"alg":"dir","enc":"A256GCM","x":"\x00"}',
        b"\xef\xbb\xbf" + b'{"alg":"dir","enc":"A256GCM"}',
        b"\xff",
        b"[]",
        b"",
        b"[" * 100_000,
    ],
    ids=lambda header: repr(header[:40]),
)
def test_attack_19_and_26_and_30_and_31_a_header_has_one_reading(
    decrypt: Callable[..., Any], token: str, header: bytes
) -> None:
    with pytest.raises(JamJWEMalformed):
        decrypt(with_part(token, 0, header))


def test_attack_27_one_token_has_one_spelling(decrypt: Callable[..., Any], token: str) -> None:
    for place, part in enumerate(token.split(".")):
        for change in ("=", "!", " ", "\n", "+", "/", "é", "\0"):
            for changed in (part + change, part[:1] + change + part[1:]):
                with pytest.raises(JamJWEError):
                    decrypt(with_part(token, place, changed))
        if len(part) % 4:
            with pytest.raises(JamJWEError):
                decrypt(with_part(token, place, part[:-1] + chr(ord(part[-1]) + 1)))


def test_attack_28_and_29_the_size_comes_first(decrypt: Callable[..., Any], jam: Any) -> None:
    for text in ("." * 1_000_000, "a.b.c.d.", "....", ".....", "", "a" * (100 << 20), "." * 4 + "a" * (100 << 20)):
        with pytest.raises(JamJWEMalformed):
            decrypt(text)
    patient = JWE("dir", "A256GCM", SECRET, max_length=1 << 20)
    long = patient.encrypt(bytes(300_000))
    with pytest.raises(JamJWEMalformed):
        decrypt(long)
    assert patient.decrypt(long).plaintext == bytes(300_000)
    # What could not be read again is not made.
    with pytest.raises(JamValidationError, match="262144"):
        jam.jwe_encrypt(bytes(300_000))
    with pytest.raises(JamValidationError, match="262144"):
        JWE("dir", "A256GCM", SECRET).encrypt_json(bytes(300_000))
    assert decrypt(jam.jwe_encrypt(bytes(196_000))).plaintext == bytes(196_000)


@pytest.mark.parametrize("count", [0, 1, -1, 999, 1_000_001, 2**31 - 1, 2**64, 1e300, 1000.5, "1000", True, None, ...])
def test_attack_38_and_fault_7_a_token_does_not_say_how_long_its_reader_works(face: Face, count: Any) -> None:
    section = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "secret": "a password", "allow_pbes2": True, "p2c": 1000}
    jam = face.jam({"jose": {"jwe": section}})
    token = jam.jwe_encrypt(PLAINTEXT)
    assert jam.jwe_decrypt(token).plaintext == PLAINTEXT
    with pytest.raises(JamJWEMalformed):
        jam.jwe_decrypt(with_header(token, p2c=count))


def test_attack_38_and_fault_7_passwords_have_to_be_asked_for() -> None:
    password = "correct horse battery staple"
    with pytest.raises(JamValidationError):
        JWE("PBES2-HS256+A128KW", "A128GCM", password)
    for empty in ("", b""):
        with pytest.raises(JamKeyWeak):
            JWE("PBES2-HS256+A128KW", "A128GCM", empty, allow_pbes2=True)
    with pytest.raises(JamKeyWrongKind):
        JWE("PBES2-HS256+A128KW", "A128GCM", JWK.generate("RSA").to_pem(), allow_pbes2=True)
    with pytest.raises(JamValidationError):
        JWE("PBES2-HS256+A128KW", "A128GCM", password, allow_pbes2=True, p2c=999)
    more = JWE("PBES2-HS256+A128KW", "A128GCM", password, allow_pbes2=True, p2c=8192)
    token = more.encrypt(PLAINTEXT)
    assert more.decrypt(token).plaintext == PLAINTEXT
    with pytest.raises(JamJWEMalformed):
        JWE("PBES2-HS256+A128KW", "A128GCM", password, allow_pbes2=True, p2c=8191, max_p2c=8191).decrypt(token)
    for salt in ("", encode(bytes(7)), encode(bytes(257)), encode(bytes(1 << 17)), 8, "?", ...):
        with pytest.raises(JamJWEMalformed):
            more.decrypt(with_header(token, p2s=salt))


def test_attack_38_what_could_not_be_read_is_not_written() -> None:
    def jwe(**limits: Any) -> JWE:
        return JWE("PBES2-HS256+A128KW", "A128GCM", "a password", allow_pbes2=True, **limits)

    for limits in ({"p2c": 2000, "max_p2c": 1999}, {"p2c": 1_000_001}, {"max_p2c": 599_999}, {"max_p2c": 10_000_001}):
        with pytest.raises(JamValidationError):
            jwe(**limits)
    assert jwe(p2c=2000, max_p2c=2000).decrypt(jwe(p2c=2000).encrypt(PLAINTEXT)).plaintext == PLAINTEXT


def test_attack_38_a_token_that_does_not_say_which_password_it_is_of_costs_no_more() -> None:
    passwords = [f"password {number}" for number in range(8)]

    def jwe(passwords: Any) -> JWE:
        return JWE("PBES2-HS256+A128KW", "A128GCM", passwords, allow_pbes2=True, p2c=1000, max_p2c=2000)

    assert jwe(passwords).decrypt(jwe(passwords[1]).encrypt(PLAINTEXT)).plaintext == PLAINTEXT
    with pytest.raises(JamJWEMalformed, match="kid"):
        jwe(passwords).decrypt(jwe(passwords[2]).encrypt(PLAINTEXT))
    named = [JWK.from_secret(password.encode()).replace(kid=password) for password in passwords]
    assert jwe(named).decrypt(jwe(named[7]).encrypt(PLAINTEXT)).plaintext == PLAINTEXT


def test_attack_39_a_bomb_is_refused_by_default_and_stopped_early_where_it_is_not(decrypt: Callable[..., Any]) -> None:
    compressing = JWE("dir", "A256GCM", SECRET, compress=True)
    with pytest.raises(JamValidationError, match="1048576"):
        compressing.encrypt(b"a" * (100 << 20))
    bomb = JWE("dir", "A256GCM", SECRET, compress=True, max_plaintext=100 << 20).encrypt(b"a" * (100 << 20))
    assert len(bomb) < 256 * 1024
    with pytest.raises(JamJWEUnsupportedAlgorithm):
        decrypt(bomb)
    for reader in (compressing, JWE("dir", "A256GCM", SECRET, max_plaintext=(100 << 20) - 1)):
        with pytest.raises(JamJWEMalformed):
            reader.decrypt(bomb)
    for zip_name in ("GZIP", "def", ""):
        with pytest.raises(JamJWEUnsupportedAlgorithm):
            compressing.decrypt(with_header(bomb, zip=zip_name))


@pytest.mark.parametrize("alg", ["ECDH-ES", "ECDH-ES+A128KW"])
def test_attack_40_an_ephemeral_key_lies_on_the_readers_curve(alg: str) -> None:
    nist, edwards = JWK.generate("EC"), JWK.generate("OKP", crv="X25519")
    good = JWK.generate("EC").to_dict()
    x, y = good["x"], good["y"]
    for_nist: list[Any] = [
        {"kty": "EC", "crv": "P-256", "x": encode(b"\1" * 32), "y": encode(b"\1" * 32)},
        {"kty": "EC", "crv": "P-256", "x": encode(bytes(32)), "y": encode(bytes(32))},
        {"kty": "EC", "crv": "P-256", "x": x},
        {"kty": "EC", "crv": "P-256", "x": x, "y": x},
        {"kty": "EC", "crv": "P-256", "x": x, "y": [y]},
        {"kty": "EC", "crv": "P-256", "x": encode(b"\0" + decode(x)), "y": y},
        {"kty": "EC", "crv": "P-384", "x": x, "y": y},
        {"kty": "EC", "crv": "secp256k1", "x": x, "y": y},
        {"kty": "OKP", "crv": "X25519", "x": x},
        {"kty": "oct", "k": x},
        {},
        [],
        None,
        "epk",
        ...,
    ]
    small_order = [
        bytes(32),
        b"\1" + bytes(31),
        bytes.fromhex("ec" + "ff" * 30 + "7f"),
        bytes.fromhex("ed" + "ff" * 30 + "7f"),
    ]
    small_order.append(bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))
    for_edwards: list[Any] = [{"kty": "OKP", "crv": "X25519", "x": encode(point)} for point in small_order]
    for_edwards += [
        {"kty": "OKP", "crv": "X25519", "x": encode(bytes(31))},
        {"kty": "EC", "crv": "P-256", "x": x, "y": y},
    ]
    for key, ephemeral in ((nist, for_nist), (edwards, for_edwards)):
        ours = JWE(alg, "A128GCM", key)
        token = ours.encrypt(PLAINTEXT)
        for epk in ephemeral:
            with pytest.raises(JamJWEMalformed):
                ours.decrypt(with_header(token, epk=epk))
        with pytest.raises(JamJWEDecryptionError):
            ours.decrypt(with_header(token, apu=encode(b"another")))
    for point in small_order:
        with pytest.raises(JamKeyError):
            JWK.from_dict({"kty": "OKP", "crv": "X25519", "x": encode(point)})


def test_attack_41_of_a_decryption_that_fails_nothing_is_told(face: Face) -> None:
    with pytest.raises(JamJWEUnsupportedAlgorithm):
        JWE("RSA1_5", "A128GCM", JWK.generate("RSA"))
    key = JWK.generate("RSA")
    section = {"alg": "RSA-OAEP-256", "enc": "A128CBC-HS256", "private_key": key.to_pem(private=True)}
    jam = face.jam({"jose": {"jwe": section}})
    token = jam.jwe_encrypt(PLAINTEXT)
    of_another_length = JWE("RSA-OAEP-256", "A128GCM", key).encrypt(PLAINTEXT).split(".")[1]
    changed = [with_part(token, 1, part) for part in (bytes(256), b"\xff" * 256, bytes(255), bytes(257), b"")]
    changed += [with_part(token, 1, of_another_length), with_part(token, 1, jam.jwe_encrypt(b"").split(".")[1])]
    changed += [with_part(token, place, bytes(16)) for place in (2, 3, 4)]
    told: set[tuple[type[Exception], str]] = set()
    for text in changed:
        with pytest.raises(JamJWEDecryptionError) as refusal:
            jam.jwe_decrypt(text)
        told.add((type(refusal.value), str(refusal.value)))
    assert len(told) == 1


@pytest.mark.parametrize("enc", ["A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"])
def test_attack_42_every_part_has_its_exact_length(enc: str) -> None:
    ours = JWE("A128KW", enc, bytes(16))
    token = ours.encrypt(PLAINTEXT)
    for place in (2, 3, 4):
        whole = decode(token.split(".")[place])
        for part in (*(whole[:length] for length in range(len(whole))), whole + b"\0"):
            with pytest.raises(JamJWEDecryptionError):
                ours.decrypt(with_part(token, place, part))


def test_attack_43_keys_and_encrypted_keys_of_any_length_are_no_panic(decrypt: Callable[..., Any], token: str) -> None:
    for alg, length in (("dir", 16), ("A128KW", 16), ("A192GCMKW", 24)):
        for wrong in (length_ for length_ in range(70) if length_ != length):
            with pytest.raises(JamKeyWrongKind):
                JWE(alg, "A128GCM", bytes(wrong))
    for alg in ("A128KW", "A128GCMKW"):
        ours = JWE(alg, "A128GCM", bytes(16))
        for length in range(60):
            with pytest.raises(JamJWEDecryptionError):
                ours.decrypt(with_part(ours.encrypt(PLAINTEXT), 1, bytes(length)))
    ours = JWE("A128GCMKW", "A128GCM", bytes(16))
    for name in ("iv", "tag"):
        for value in (..., None, 12, "?", [], {}):
            with pytest.raises(JamJWEMalformed):
                ours.decrypt(with_header(ours.encrypt(PLAINTEXT), **{name: value}))
        with pytest.raises(JamJWEDecryptionError):
            ours.decrypt(with_header(ours.encrypt(PLAINTEXT), **{name: ""}))
    with pytest.raises(JamJWEMalformed):
        decrypt(with_part(token, 1, bytes(40)))


@pytest.mark.parametrize(
    "alg", ["dir", "A128KW", "A128GCMKW", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "PBES2-HS256+A128KW"]
)
def test_attack_44_nothing_is_used_twice(alg: str) -> None:
    key = bytes(16)
    if alg.startswith("RSA"):
        key = JWK.generate("RSA")
    elif alg.startswith("ECDH"):
        key = JWK.generate("OKP", crv="X25519")
    options: dict[str, Any] = {"allow_pbes2": True, "p2c": 1000} if alg.startswith("PBES2") else {}
    ours = JWE(alg, "A128GCM", key, **options)
    tokens = [ours.encrypt(PLAINTEXT).split(".") for _ in range(20)]
    for place in range(2, 5):
        assert len({token[place] for token in tokens}) == 20
    if alg not in ("dir", "ECDH-ES"):
        assert len({token[1] for token in tokens}) == 20
    headers = [json.loads(decode(token[0])) for token in tokens]
    for name in ("epk", "iv", "tag", "p2s"):
        if name in headers[0]:
            assert len({json.dumps(header[name]) for header in headers}) == 20


def test_fault_11_the_header_chooses_nothing(decrypt: Callable[..., Any], token: str) -> None:
    for alg in ("A256KW", "RSA-OAEP", "ECDH-ES", "PBES2-HS256+A128KW", "RSA1_5", "none", "HS256", ""):
        with pytest.raises(JamJWEUnsupportedAlgorithm):
            decrypt(with_header(token, alg=alg))
    for enc in ("A128GCM", "A128CBC-HS256", "none", ""):
        with pytest.raises(JamJWEUnsupportedAlgorithm):
            decrypt(with_header(token, enc=enc))


def test_no_message_tells_the_key_or_the_plaintext(decrypt: Callable[..., Any], token: str) -> None:
    generator = random.Random(7)
    for _ in range(2_000):
        place = generator.randrange(len(token))
        changed = token[:place] + chr(generator.randrange(33, 127)) + token[place + 1 :]
        if changed == token:
            continue
        with pytest.raises(JamJWEError) as refusal:
            decrypt(changed)
        message = str(refusal.value) + repr(refusal.value) + repr(refusal.value.details)
        assert encode(SECRET)[:8] not in message
        assert "sixteen" not in message
        assert token[40:50] not in message
