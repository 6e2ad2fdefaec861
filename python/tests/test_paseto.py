"""PASETO version 4: the official vectors, pyseto, and what must be refused."""

from __future__ import annotations

import base64
import json
import os
import pickle
import re
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import pyseto
import pytest
from jam import Jam
from jam.encoders import JsonEncoder
from jam.exceptions import (
    JamError,
    JamPASETOError,
    JamPASETOExpired,
    JamPASETOInvalidED25519Key,
    JamPASETOInvalidPurpose,
    JamPASETOInvalidSymmetricKey,
    JamPASETOInvalidTokenFormat,
    JamPASETOKeyVerificationError,
    JamPASETONotYetValid,
    JamValidationError,
)
from jam.paseto import PASETOv4
from jam.utils import generate_ed25519_keypair, generate_symmetric_key

SHARED = bytes(range(0x70, 0x90))
SEED = bytes.fromhex("b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774")
PUBLIC = bytes.fromhex("1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2")
VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "paseto"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def local() -> PASETOv4:
    return PASETOv4.key("local", SHARED)


def public() -> PASETOv4:
    return PASETOv4.key("public", SEED + PUBLIC)


def vectors() -> list[dict[str, Any]]:
    files = [VECTORS / "v4.json", VECTORS / "v4-extra.json"]
    return [case for file in files if file.exists() for case in json.loads(file.read_text())["tests"]]


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
@pytest.mark.parametrize("case", vectors(), ids=lambda case: case["name"])
def test_the_official_vectors_hold(case: dict[str, Any]) -> None:
    # attack 49, fault 20
    if "key" in case:
        paseto = PASETOv4.key("local", bytes.fromhex(case["key"]))
    else:
        paseto = PASETOv4.key("public", case["secret-key-pem"])
    implicit = case["implicit-assertion"]
    if case["expect-fail"]:
        with pytest.raises(JamPASETOError):
            paseto.decode(case["token"], check_exp=False, implicit_assertion=implicit)
        return
    payload, footer = paseto.decode(case["token"], check_exp=False, implicit_assertion=implicit)
    assert payload == json.loads(case["payload"])
    expected: Any = case["footer"] or None
    if expected is not None and expected.startswith("{"):
        expected = json.loads(expected)
    assert footer == expected
    with pytest.raises(JamPASETOExpired):
        paseto.decode(case["token"], implicit_assertion=implicit)
    if "key" not in case:
        assert paseto.encode(payload, case["footer"], implicit_assertion=implicit) == case["token"]


FOOTERS: list[Any] = [None, {"kid": "1"}, "plain text", b"\xff\x00"]


@pytest.mark.parametrize("footer", FOOTERS)
@pytest.mark.parametrize("implicit", [b"", "assertion", b"\xff"])
def test_pyseto_and_jam_read_each_others_tokens(footer: Any, implicit: str | bytes) -> None:
    pair = generate_ed25519_keypair()
    shared = generate_symmetric_key()
    raw = base64.urlsafe_b64decode(shared + "=")
    wire = footer or b""
    if isinstance(footer, dict):
        wire = json.dumps(footer, separators=(",", ":"))
    payload = {"user_id": 1, "name": "Änn", "exp": "2999-01-01T00:00:00+00:00"}
    their_shared = pyseto.Key.new(4, "local", raw)
    keys: list[tuple[PASETOv4, Any, Any]] = [
        (PASETOv4.key("local", shared), their_shared, their_shared),
        (
            PASETOv4.key("public", pair["private"]),
            pyseto.Key.new(4, "public", pair["private"]),
            pyseto.Key.new(4, "public", pair["public"]),
        ),
    ]
    for ours, signs, verifies in keys:
        token = ours.encode(payload, footer, implicit_assertion=implicit)
        theirs = pyseto.decode(verifies, token, implicit_assertion=implicit)
        assert isinstance(theirs.payload, bytes)
        assert json.loads(theirs.payload) == payload
        assert theirs.footer == (wire.encode() if isinstance(wire, str) else wire)
        token = pyseto.encode(signs, payload, wire, implicit, serializer=json).decode()
        assert ours.decode(token, implicit_assertion=implicit) == (payload, footer)


def test_pyseto_reads_the_keys_in_paserk_form() -> None:
    for purpose, paserk in [
        ("local", f"k4.local.{base64url(SHARED)}"),
        ("public", f"k4.secret.{base64url(SEED + PUBLIC)}"),
        ("public", f"k4.public.{base64url(PUBLIC)}"),
    ]:
        theirs = pyseto.Key.from_paserk(paserk)
        assert theirs.purpose == purpose
        ours = local() if purpose == "local" else public()
        token = ours.encode({"a": 1})
        assert pyseto.decode(theirs, token, deserializer=json).payload == {"a": 1}
        assert PASETOv4.key(purpose, paserk).decode(token) == ({"a": 1}, None)  # pyright: ignore[reportArgumentType]


def test_keys_are_read_in_every_form() -> None:
    token = local().encode({})
    forms: list[str | bytes] = [
        SHARED,
        SHARED.hex(),
        SHARED.hex().upper(),
        base64url(SHARED),
        base64url(SHARED) + "=",
        base64url(SHARED).encode(),
        f"k4.local.{base64url(SHARED)}",
    ]
    for form in forms:
        assert PASETOv4.key("local", form).decode(token) == ({}, None)
    pair = generate_ed25519_keypair()
    token = PASETOv4.key("public", pair["private"].encode()).encode({})
    assert PASETOv4("public", public_key=pair["public"]).decode(token) == ({}, None)
    assert PASETOv4.key("public", pair["public"]).decode(token) == ({}, None)
    assert PASETOv4("public", pair["private"], public_key=pair["public"]).decode(token) == ({}, None)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "secret",
        "a" * 32,
        b"short",
        SHARED + b"\0",
        SEED + PUBLIC,
        f"k4.public.{base64url(PUBLIC)}",
        f"k3.local.{base64url(SHARED)}",
        f"k4.local.{base64url(SHARED)}=",
        generate_ed25519_keypair()["public"],
        generate_ed25519_keypair()["private"],
        "\ud800",
    ],
)
def test_what_is_no_local_key_is_refused(key: str | bytes) -> None:
    # attack 47
    with pytest.raises((JamPASETOInvalidSymmetricKey, JamValidationError)) as caught:
        PASETOv4.key("local", key)
    if len(key) > 8:
        assert str(key) not in str(caught.value)


@pytest.mark.parametrize(
    "key",
    [
        SEED,
        PUBLIC,
        SEED + SEED,
        f"k4.local.{base64url(SHARED)}",
        f"k2.secret.{base64url(SEED + PUBLIC)}",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "file",
    ],
)
def test_what_is_no_key_pair_is_refused(key: str | bytes) -> None:
    # attack 47, fault 8
    with pytest.raises(JamPASETOInvalidED25519Key):
        PASETOv4.key("public", key)


def test_keys_that_do_not_belong_together_are_refused() -> None:
    one, two = generate_ed25519_keypair(), generate_ed25519_keypair()
    with pytest.raises(JamPASETOInvalidED25519Key):
        PASETOv4("public", one["private"], public_key=two["public"])
    with pytest.raises(JamPASETOInvalidED25519Key):
        PASETOv4("public", public_key=one["private"])
    with pytest.raises(JamPASETOInvalidED25519Key):
        PASETOv4("public")
    with pytest.raises(JamPASETOInvalidPurpose):
        PASETOv4.key("secret", SHARED)  # pyright: ignore[reportArgumentType]
    with pytest.raises(JamPASETOInvalidED25519Key):
        PASETOv4("public", public_key=one["public"]).encode({})


def test_tokens_of_another_version_or_purpose_are_refused() -> None:
    # attack 47
    token = local().encode({})
    with pytest.raises(JamPASETOInvalidPurpose):
        public().decode(token)
    with pytest.raises(JamPASETOInvalidPurpose):
        local().decode(public().encode({}))
    for version in ("v1", "v2", "v3", "V4", ""):
        with pytest.raises(JamPASETOInvalidTokenFormat):
            local().decode(token.replace("v4", version))


def test_a_token_has_one_spelling() -> None:
    # attacks 27, 28 and 31, fault 1
    token = local().encode({}, "x")
    start, footer = token.rsplit(".", 1)
    bad = [
        "", "." * 10**6, "v4.local.", "a.b.c", f"{token}=", f"{token} ", f" {token}", f"{token}.", f"{start}.",
        f"{start}\n.{footer}", f"{start}.eB", f"{token}.{footer}", "\ud800", f"{token}\0", "ü" * 10,
    ]  # fmt: skip
    for text in bad:
        with pytest.raises(JamPASETOInvalidTokenFormat):
            local().decode(text)
    for other in (b"v4", None, 1):
        with pytest.raises(JamValidationError, match="token must be a str"):
            local().decode(other)  # pyright: ignore[reportArgumentType]


def test_footer_and_assertion_are_authenticated() -> None:
    # attack 48
    for paseto in (local(), public()):
        token = paseto.encode({"a": 1}, "footer", implicit_assertion="assertion")
        start, _ = token.rsplit(".", 1)
        for text, assertion in [
            (token, None),
            (token, b"other"),
            (start, "assertion"),
            (f"{start}.{base64url(b'Footer')}", "assertion"),
        ]:
            with pytest.raises(JamPASETOKeyVerificationError):
                paseto.decode(text, implicit_assertion=assertion)
        assert paseto.decode(token, implicit_assertion=b"assertion") == ({"a": 1}, "footer")


def test_footers_are_limited_in_size_and_depth() -> None:
    # attack 48
    paseto = local()
    deep: dict[str, Any] = {}
    for _ in range(20):
        deep = {"a": deep}
    for footer in ("x" * 8193, b"x" * 2**20, deep, '{"a":' * 1000, {"a": "x" * 8192}):
        with pytest.raises(JamValidationError):
            paseto.encode({}, footer)
    token = pyseto.encode(pyseto.Key.new(4, "local", SHARED), b"{}", json.dumps(deep)).decode()
    with pytest.raises(JamPASETOInvalidTokenFormat):
        paseto.decode(token)
    with pytest.raises(JamPASETOInvalidTokenFormat):
        paseto.decode(f"{token}.{'A' * 2**20}")
    assert paseto.decode(paseto.encode({}, "x" * 8192)) == ({}, "x" * 8192)


@pytest.mark.parametrize("text", ["123", "[1]", "null", '"quoted"', "{broken", '{"a":1,"a":2}', " "])
def test_a_footer_that_is_no_json_object_stays_text(text: str) -> None:
    assert local().decode(local().encode({}, text)) == ({}, text)


def test_payloads_that_are_no_objects_are_refused() -> None:
    # attacks 26 and 35
    key = pyseto.Key.new(4, "local", SHARED)
    for payload in (b"[]", b"1", b"null", b"", b"\xff", b'{"a":1,"a":2}', b"[" * 10_000, b'{"exp":NaN}'):
        token = pyseto.encode(key, payload).decode()
        for check_exp in (True, False):
            with pytest.raises(JamPASETOInvalidTokenFormat):
                local().decode(token, check_exp=check_exp)
    unwritable: list[Any] = [[], "x", None, 1, {"a": object()}, {1: 1}, {"a": float("nan")}, {"a": "\ud800"}]
    for payload in unwritable:
        with pytest.raises(JamValidationError):
            local().encode(payload)
    with pytest.raises(JamValidationError):
        local().encode({"a": "x" * 2**19})


PAST: list[Any] = [
    "2022-01-01T00:00:00Z",
    "2022-01-01t00:00:00.5+05:30",
    f"2022-01-01T00:00:00.{'1234567890' * 4}+00:00",
    0,
    -1,
    1.9,
    -1e300,
]
FUTURE: list[Any] = ["9999-12-31T23:59:59Z", 2**62, 2**64 - 1, 1e300]
MALFORMED: list[Any] = [
    "2022-01-01",
    "2022-01-01T00:00:00",
    "2022-01-01 00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2022-02-30T00:00:00Z",
    "9999999999",
    "never",
    "",
    True,
    None,
    [],
    {},
]


@pytest.mark.parametrize("paseto", [local(), public()], ids=["local", "public"])
def test_times_are_checked_by_one_rule_each(paseto: PASETOv4) -> None:
    # attacks 32, 33 and 50, faults 4 and 6
    for exp in PAST:
        with pytest.raises(JamPASETOExpired):
            paseto.decode(paseto.encode({"exp": exp}))
        assert paseto.decode(paseto.encode({"exp": exp}), check_exp=False) == ({"exp": exp}, None)
        assert paseto.decode(paseto.encode({"nbf": exp})) == ({"nbf": exp}, None)
    for exp in FUTURE:
        assert paseto.decode(paseto.encode({"exp": exp})) == ({"exp": exp}, None)
        with pytest.raises(JamPASETONotYetValid):
            paseto.decode(paseto.encode({"nbf": exp}))
    for exp in MALFORMED:
        for claim in ("exp", "nbf"):
            with pytest.raises(JamPASETOError) as caught:
                paseto.decode(paseto.encode({claim: exp}))
            assert caught.value.error_code == "paseto.invalid_claim"
            assert caught.value.details == {"claim": claim}
    assert paseto.decode(paseto.encode({})) == ({}, None)


def test_an_expired_forgery_is_a_forgery() -> None:
    # attack 37
    token = PASETOv4.key("local", generate_symmetric_key()).encode({"exp": 0})
    with pytest.raises(JamPASETOKeyVerificationError):
        local().decode(token)


def test_expiry_is_seen_within_the_second() -> None:
    # fault 6
    token = local().encode({"exp": time.time() + 0.05})
    local().decode(token)
    time.sleep(0.06)
    with pytest.raises(JamPASETOExpired):
        local().decode(token)


CONFIG = {"paseto": {"version": "v4", "purpose": "local", "key": SHARED.hex()}}


def test_a_payload_has_text_times_and_every_keyword_as_a_claim() -> None:
    # fault 20
    jam = Jam(config=CONFIG)
    before = int(time.time())
    payload = jam.paseto_make_payload(exp=3600, user_id=1, data={"a": 1})
    assert list(payload) == ["iat", "exp", "jti", "user_id", "data"]
    assert payload["data"] == {"a": 1}
    for claim in ("iat", "exp"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", payload[claim])
    assert before <= _unix(payload["iat"]) <= time.time()
    assert _unix(payload["exp"]) - _unix(payload["iat"]) == 3600
    assert uuid.UUID(payload["jti"]).version == 4
    assert "exp" not in jam.paseto_make_payload(user_id=1)
    with pytest.raises(JamPASETOExpired):
        jam.paseto_decode(jam.paseto_create(jam.paseto_make_payload(exp=0)))
    for exp in (10**30, 2**63 - 1, -(2**63), 10**12):
        with pytest.raises(JamValidationError):
            jam.paseto_make_payload(exp=exp)


def _unix(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_pyseto_accepts_the_times_of_a_payload() -> None:
    jam = Jam(config=CONFIG)
    payload = jam.paseto_make_payload(exp=60)
    theirs = pyseto.decode(pyseto.Key.new(4, "local", SHARED), jam.paseto_create(payload), deserializer=json)
    assert theirs.payload == payload


def test_the_facade_gives_payload_and_footer() -> None:
    # fault 31
    jam = Jam(config=CONFIG)
    payload = jam.paseto_make_payload(exp=60, user_id=1)
    token = jam.paseto_create(payload, {"kid": "1"}, implicit_assertion="a")
    assert jam.paseto_decode(token, implicit_assertion="a") == {"payload": payload, "footer": {"kid": "1"}}
    assert jam.paseto_decode(jam.paseto_create({"a": 1})) == {"payload": {"a": 1}, "footer": None}


class Tagged(JsonEncoder):
    """JSON with a mark before it."""

    @classmethod
    def dumps(cls, var: dict[str, Any]) -> bytes:
        return b"!" + super().dumps(var)

    @classmethod
    def loads(cls, var: str | bytes) -> dict[str, Any]:
        return super().loads(var[1:])


def test_a_serializer_replaces_json_in_the_payload() -> None:
    jam = Jam(config=CONFIG, serializer=Tagged)
    token = jam.paseto_create({"a": 1}, {"kid": "1"})
    assert pyseto.decode(pyseto.Key.new(4, "local", SHARED), token).payload == b'!{"a":1}'
    assert jam.paseto_decode(token) == {"payload": {"a": 1}, "footer": {"kid": "1"}}
    with pytest.raises(JamPASETOExpired):
        jam.paseto_decode(jam.paseto_create({"exp": 1}))


def test_no_key_is_shown_or_pickled() -> None:
    # attack 74
    for paseto in (local(), public()):
        assert repr(paseto) in ("<jam.paseto.PASETOv4 local>", "<jam.paseto.PASETOv4 public>")
        with pytest.raises(TypeError):
            pickle.dumps(paseto)


def test_a_subclass_is_made_by_its_own_key() -> None:
    class Mine(PASETOv4):
        pass

    assert type(Mine.key("local", SHARED)) is Mine


def test_every_refusal_is_jams_own() -> None:
    token = local().encode({"a": 1}, "footer")
    for index in range(len(token)):
        for replacement in ("A", ".", "=", "\x00", "é"):
            changed = token[:index] + replacement + token[index + 1 :]
            if changed == token:
                continue
            with pytest.raises(JamError):
                local().decode(changed)
