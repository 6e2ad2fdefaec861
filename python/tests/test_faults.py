"""The faults of jamlib that touch these parts, each by its row: what was wrong there is right here."""

from __future__ import annotations

import base64
import json
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from conftest import Store
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from faces import Face
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamJWTExpired,
    JamJWTInBlackList,
    JamJWTInvalidClaim,
    JamValidationError,
)
from jam.jwt import JWT
from jam.utils import check_password, generate_aes_key, hash_password
from keys import SECRET, pair_for, rsa_pair

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def with_black_list(face: Face) -> Any:
    return face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": {"type": "black", "backend": "memory"}}})


@pytest.mark.parametrize("claims", [{"jti": "1"}, {}], ids=["jti", "hash"])
def test_row_1_another_spelling_of_a_token_does_not_escape_the_black_list(face: Face, claims: dict[str, Any]) -> None:
    jam = with_black_list(face)
    token = jam.jwt_create_token(claims)
    face.drive(jam.target.jwt.list).add(token)
    last = BASE64URL.index(token[-1])
    # The last character of 32 bytes carries two bits of no meaning.
    others = [token[:-1] + BASE64URL[last ^ bits] for bits in (1, 2, 3)]
    for other in (token + "!!!!", token + "=", token + "\n", " " + token, token + ".", *others):
        with pytest.raises(JamError):
            jam.jwt_verify_token(other)
    with pytest.raises(JamJWTInBlackList):
        jam.jwt_verify_token(token)


def test_row_5_issuer_audience_and_not_before_are_validated(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "issuer": "me", "audience": "you"}})
    good = {"iss": "me", "aud": "you"}
    assert jam.jwt_verify_token(jam.jwt_create_token(good)) == good
    for wrong in ({"iss": "them"}, {"aud": "them"}, {"nbf": int(time.time()) + 60}):
        with pytest.raises(JamError):
            jam.jwt_verify_token(jam.jwt_create_token({**good, **wrong}))


@pytest.mark.parametrize("exp", ["never", "4102444800", None, [], {}, True])
def test_row_6_an_expiry_of_another_type_is_refused(face: Face, exp: Any) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}})
    token = pyjwt.api_jws.PyJWS().encode(json.dumps({"exp": exp}).encode(), SECRET, "HS256")
    with pytest.raises(JamJWTInvalidClaim):
        jam.jwt_verify_token(token)


def test_row_6_an_expiry_of_zero_is_kept_and_the_second_of_expiry_is_too_late(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}})
    payload = jam.jwt_make_payload(exp=0)
    assert payload["exp"] == payload["iat"]
    for exp in (0, int(time.time())):
        with pytest.raises(JamJWTExpired):
            jam.jwt_verify_token(jam.jwt_create_token({"exp": exp}))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_row_8_key_text_is_never_taken_for_a_file_name(
    face: Face, algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret of thirty-two bytes or more").write_text("another secret of thirty-two bytes")
    token = face.jam({"jwt": {"alg": "HS256", "secret": "secret of thirty-two bytes or more"}}).jwt_create_token({})
    assert pyjwt.decode(token, "secret of thirty-two bytes or more", algorithms=["HS256"]) == {}
    (tmp_path / "key.pem").write_text(pair_for(algorithm).private)
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": algorithm, "private_key": "key.pem"}})


def test_row_9_no_secret_is_in_a_message(face: Face) -> None:
    broken = pair_for("RS256").private.replace("MII", "MIJ")
    for config in (
        {"jwt": {"alg": "RS256", "private_key": broken}},
        {"jwt": {"alg": "ES256", "private_key": pair_for("RS256").private}},
        {"jwt": {"alg": "RS256", "secret": SECRET}},
        {"paseto": {"version": "v4", "purpose": "local", "key": SECRET}},
        {"session": {"session_type": "memory", "is_session_crypt": True, "session_aes_secret": SECRET}},
        {"session": {"session_type": "redis", "redis_uri": f"http://user:{SECRET}@localhost"}},
    ):
        with pytest.raises(JamError) as raised:
            face.jam(config)
        shown = str(raised.value) + repr(raised.value) + repr(raised.value.details)
        for secret in (SECRET, broken[60:100], pair_for("RS256").private[60:100]):
            assert secret not in shown


def test_row_10_an_empty_secret_public_material_and_small_keys_are_refused(face: Face) -> None:
    for section in (
        {"alg": "HS256", "secret": ""},
        {"alg": "HS256", "secret": b""},
        {"alg": "HS256", "secret": pair_for("RS256").public},
        {"alg": "RS256", "private_key": rsa_pair(1024).private},
        {"alg": "RS256", "public_key": rsa_pair(1024).public},
    ):
        with pytest.raises(JamError):
            face.jam({"jwt": section})


def test_row_12_a_payload_does_not_override_what_is_explicit(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET, "issuer": "configured"}})
    for data in ({"exp": 5}, {"iss": "another"}):
        with pytest.raises(JamValidationError, match=next(iter(data))):
            jam.jwt_make_payload(exp=60, data=data)
    with pytest.raises(JamValidationError, match="iss"):
        jam.jwt_make_payload(60, iss="another")
    payload = jam.jwt_make_payload(exp=60, data={"alg": "none", "iss": "configured"})
    header = jam.jwt_create_token({**payload, "header": {"alg": "none"}}).split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "typ": "JWT"}


def test_row_13_no_key_is_made_from_what_anybody_knows() -> None:
    import jam.utils

    assert not [name for name in dir(jam.utils) if "from_string" in name]


@pytest.mark.parametrize("name", ["json", "sqlite"])
def test_row_16_files_are_for_their_owner(face: Face, name: str, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    face.jam({"session": {"session_type": name, f"{name}_path": str(path)}}).session_create("user", {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_row_17_a_password_hash_says_how_it_was_made() -> None:
    stored = hash_password("pass word")
    assert stored.startswith("$argon2id$")
    assert stored != hash_password("pass word")
    assert check_password("pass word", stored) is True
    assert check_password("pass worD", stored) is False


@pytest.mark.parametrize("algorithm", ["PS256", "PS384", "PS512"])
def test_row_18_the_salt_is_as_long_as_the_hash(algorithm: str) -> None:
    pair = pair_for(algorithm)
    assert isinstance(pair.key, rsa.RSAPrivateKey)
    signed, _, signature = JWT(algorithm, private_key=pair.private).encode({}).rpartition(".")
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[algorithm[2:]]
    pair.key.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        signed.encode(),
        padding.PSS(padding.MGF1(digest), salt_length=digest.digest_size),
        digest,
    )


def test_row_21_any_type_is_read_and_duplicates_and_nan_are_not(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}})
    for kind in ("at+jwt", "jwt", "JOSE", None):
        token = pyjwt.encode({"a": 1}, SECRET, algorithm="HS256", headers={"typ": kind})
        assert jam.jwt_verify_token(token) == {"a": 1}
    sign = pyjwt.api_jws.PyJWS().encode
    for payload in (b'{"a": 1, "a": 2}', b'{"a": NaN}'):
        with pytest.raises(JamError):
            jam.jwt_verify_token(sign(payload, SECRET, "HS256"))


def test_row_24_configured_lifetimes_hold(face: Face, stores: list[Store]) -> None:
    made = [face.jam({"session": store.session(default_ttl=1)}) for store in stores]
    ids = [jam.session_create("user", {}) for jam in made]
    time.sleep(1.3)
    assert [jam.session_get(session_id) for jam, session_id in zip(made, ids, strict=True)] == [None] * len(stores)


@pytest.mark.parametrize("session_key", ["a:b", "a:b:c", "{a}", "sessions", " ", "", "ключ", "\r\nDEL x", "*"])
def test_row_25_any_text_is_an_owner_and_an_empty_session_a_session(face: Face, store: Store, session_key: str) -> None:
    jam = face.jam({"session": store.session()})
    session_id = jam.session_create(session_key, {})
    assert jam.session_get(session_id) == {}
    jam.session_update(session_id, {"a": 1})
    assert jam.session_get(session_id) == {"a": 1}
    assert len(jam.session_list(session_key)) == 1
    jam.session_clear(session_key)
    assert jam.session_get(session_id) is None
    with pytest.raises(JamError):
        jam.session_update(session_id, {"a": 2})
    assert jam.session_get(session_id) is None


def test_row_26_a_garbage_id_of_encrypted_sessions_is_no_session(face: Face, store: Store) -> None:
    jam = face.jam({"session": store.session(is_session_crypt=True, session_aes_secret=generate_aes_key())})
    session_id = jam.session_create("user", {})
    for garbage in ("J$_garbage", "garbage", session_id[:-1], session_id + "A", ""):
        assert jam.session_get(garbage) is None


def test_row_28_lists_do_not_block_the_event_loop(own_redis: Any) -> None:
    """The loop goes on while a list waits for a server that does not answer."""
    import asyncio
    import os
    import signal

    from jam.aio import Jam

    async def use() -> int:
        section = {"type": "black", "backend": "redis", "redis_uri": own_redis.uri}
        jam = Jam({"jwt": {"alg": "HS256", "secret": SECRET, "list": section}})
        token = await jam.jwt_create_token({"a": 1})
        assert await jam.jwt_verify_token(token) == {"a": 1}
        os.kill(own_redis.pid, signal.SIGSTOP)
        waiting = asyncio.create_task(jam.jwt_verify_token(token))
        turns = 0
        while not waiting.done() and turns < 20:
            await asyncio.sleep(0.01)
            turns += 1
        os.kill(own_redis.pid, signal.SIGCONT)
        assert await waiting == {"a": 1}
        await jam.aclose()
        return turns

    assert asyncio.run(use()) == 20


def test_row_30_a_broken_section_fails_and_the_dict_stays(face: Face) -> None:
    config = {"jwt": {"alg": "HS256", "secret": SECRET, "unknown": 1}}
    with pytest.raises(JamConfigurationError, match=r"jwt\.unknown"):
        face.jam(config)
    assert config == {"jwt": {"alg": "HS256", "secret": SECRET, "unknown": 1}}


def test_row_30_one_part_does_not_ask_for_what_another_needs() -> None:
    program = "import sys; sys.modules['redis'] = None; sys.modules['cryptography'] = None\n"
    program += (
        "import jam, jam.aio, jam.sessions, jam.aio.sessions, jam.jwt.lists, jam.oauth2, jam.paseto; print('yes')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "yes\n"


def test_row_31_a_token_is_verified_without_a_list_and_without_an_expiry(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}})
    assert jam.jwt_verify_token(jam.jwt_create_token({"a": 1})) == {"a": 1}
    assert jam.jwt_verify_token(jam.jwt_create_token({"a": 1}), True, True) == {"a": 1}
