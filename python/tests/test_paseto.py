"""PASETO, versions 1 to 4: the official vectors, pyseto, and what must be refused."""

from __future__ import annotations

import base64
import functools
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
from jam.aio import Jam as AsyncJam
from jam.encoders import JsonEncoder
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamPASETOError,
    JamPASETOExpired,
    JamPASETOInvalidED25519Key,
    JamPASETOInvalidPurpose,
    JamPASETOInvalidRSAKey,
    JamPASETOInvalidSecp384r1Key,
    JamPASETOInvalidSymmetricKey,
    JamPASETOInvalidTokenFormat,
    JamPASETOKeyVerificationError,
    JamPASETONotYetValid,
    JamValidationError,
)
from jam.paseto import PASERK, BasePASETO, PASETOv1, PASETOv2, PASETOv3, PASETOv4, Purpose
from jam.utils import (
    generate_ecdsa_p384_keypair,
    generate_ed25519_keypair,
    generate_rsa_key_pair,
    generate_symmetric_key,
)

SHARED = bytes(range(0x70, 0x90))
SEED = bytes.fromhex("b4cbfb43df4ce210727d953e4a713307fa19bb7d9f85041438d9e11b942a3774")
PUBLIC = bytes.fromhex("1eb9dbbbbc047c03fd70604e0071f0987e16b28b757225c11f00415d0e20b1a2")
VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "paseto"

CLASSES: dict[str, type[PASETOv1 | PASETOv2 | PASETOv3 | PASETOv4]] = {
    "v1": PASETOv1,
    "v2": PASETOv2,
    "v3": PASETOv3,
    "v4": PASETOv4,
}
PURPOSES: tuple[Purpose, Purpose] = ("local", "public")
KINDS = [(version, purpose) for version in CLASSES for purpose in PURPOSES]
KEY_ERRORS = {
    "v1": JamPASETOInvalidRSAKey,
    "v2": JamPASETOInvalidED25519Key,
    "v3": JamPASETOInvalidSecp384r1Key,
    "v4": JamPASETOInvalidED25519Key,
}
ASSERTING = ("v3", "v4")
"""The versions that know an implicit assertion."""


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@functools.cache
def pair(version: str) -> dict[str, str]:
    """The PEM texts of one key pair for each version."""
    if version == "v1":
        return generate_rsa_key_pair(2048)
    return generate_ecdsa_p384_keypair() if version == "v3" else generate_ed25519_keypair()


@functools.cache
def maker(version: str, purpose: Purpose) -> BasePASETO:
    """One maker of tokens of each kind."""
    return CLASSES[version].key(purpose, SHARED if purpose == "local" else pair(version)["private"])


def peers(version: str, purpose: Purpose) -> tuple[Any, Any]:
    """Pyseto's keys for the same tokens: that makes and that reads."""
    number = int(version[1])
    if purpose == "local":
        key = pyseto.Key.new(number, "local", SHARED)
        return key, key
    pem = pair(version)
    return pyseto.Key.new(number, "public", pem["private"]), pyseto.Key.new(number, "public", pem["public"])


def local() -> PASETOv4:
    return PASETOv4.key("local", SHARED)


def public() -> PASETOv4:
    return PASETOv4.key("public", SEED + PUBLIC)


def vectors() -> list[Any]:
    files = [("v1", "v1"), ("v2", "v2"), ("v3", "v3"), ("v4", "v4"), ("v4", "v4-extra")]
    cases: list[Any] = []
    for version, name in files:
        file = VECTORS / f"{name}.json"
        if file.exists():
            tests = json.loads(file.read_text())["tests"]
            cases += [pytest.param(version, case, id=case["name"]) for case in tests]
    return cases


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
def test_every_official_vector_is_driven() -> None:
    assert len(vectors()) == 64


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
@pytest.mark.parametrize(("version", "case"), vectors())
def test_the_official_vectors_hold(version: str, case: dict[str, Any]) -> None:
    # attack 49, fault 20
    make = CLASSES[version]
    if "key" in case:
        makers: list[Any] = [make.key("local", bytes.fromhex(case["key"]))]
    else:
        forms = [(case["secret-key"], case["public-key"])]
        forms += [(case["secret-key-pem"], case["public-key-pem"])] if "secret-key-pem" in case else []
        makers = [make("public", private, public_key=public) for private, public in forms]
        makers += [make("public", public_key=public) for _, public in forms]
    # The files of versions 1 and 2 name assertions, too, which their tokens are not bound to.
    implicit = case["implicit-assertion"] if version in ASSERTING else None
    if case["expect-fail"]:
        for paseto in makers:
            with pytest.raises(JamPASETOError):
                paseto.decode(case["token"], check_exp=False, implicit_assertion=implicit)
        return
    footer = case["footer"] or None
    expected = (json.loads(case["payload"]), json.loads(footer) if footer and footer.startswith("{") else footer)
    made = makers[0].encode(expected[0], case["footer"], implicit_assertion=implicit)
    for paseto in makers:
        for token in (case["token"], made):
            assert paseto.decode(token, check_exp=False, implicit_assertion=implicit) == expected
            with pytest.raises(JamPASETOExpired):
                paseto.decode(token, implicit_assertion=implicit)
    # The others have a random nonce or salt, or had a random number (ECDSA) that is none here (RFC 6979).
    if "key" not in case and version in ("v2", "v4"):
        assert made == case["token"]


FOOTERS: list[Any] = [None, {"kid": "1"}, "plain text", b"\xff\x00"]


@pytest.mark.parametrize(
    ("version", "purpose", "implicit"),
    [
        (*kind, implicit)
        for kind in KINDS
        for implicit in (b"", "assertion", b"\xff")
        if not implicit or kind[0] in ASSERTING
    ],
)
@pytest.mark.parametrize("footer", FOOTERS)
def test_pyseto_and_jam_read_each_others_tokens(
    version: str, purpose: Purpose, footer: Any, implicit: str | bytes
) -> None:
    wire = footer or b""
    if isinstance(footer, dict):
        wire = json.dumps(footer, separators=(",", ":"))
    payload = {"user_id": 1, "name": "Änn", "exp": "2999-01-01T00:00:00+00:00"}
    ours, (makes, reads) = maker(version, purpose), peers(version, purpose)
    token = ours.encode(payload, footer, implicit_assertion=implicit)
    theirs = pyseto.decode(reads, token, implicit_assertion=implicit)
    assert isinstance(theirs.payload, bytes)
    assert json.loads(theirs.payload) == payload
    assert theirs.footer == (wire.encode() if isinstance(wire, str) else wire)
    token = pyseto.encode(makes, payload, wire, implicit, serializer=json).decode()
    assert ours.decode(token, implicit_assertion=implicit) == (payload, footer)


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_old_versions_refuse_an_implicit_assertion(version: str, purpose: Purpose) -> None:
    paseto = maker(version, purpose)
    token = paseto.encode({})
    for assertion in ("x", b"x"):
        with pytest.raises(JamValidationError, match="implicit assertion"):
            paseto.encode({}, implicit_assertion=assertion)
        with pytest.raises(JamValidationError, match="implicit assertion"):
            paseto.decode(token, implicit_assertion=assertion)
    assert paseto.decode(paseto.encode({}, implicit_assertion=""), implicit_assertion=b"") == ({}, None)


def test_ecdsa_and_ed25519_tokens_do_not_depend_on_a_random_generator() -> None:
    for version in ("v2", "v3", "v4"):
        paseto = maker(version, "public")
        assert paseto.encode({"a": 1}) == paseto.encode({"a": 1})
    for version in CLASSES:
        # attack 44
        assert maker(version, "local").encode({"a": 1}) != maker(version, "local").encode({"a": 1})


@pytest.mark.parametrize("version", CLASSES)
def test_keys_are_read_in_every_form(version: str) -> None:
    make, name = CLASSES[version], version.replace("v", "k")
    token = maker(version, "local").encode({})
    forms: list[Any] = [
        SHARED,
        SHARED.hex(),
        SHARED.hex().upper(),
        base64url(SHARED),
        base64url(SHARED) + "=",
        base64url(SHARED).encode(),
        f"{name}.local.{base64url(SHARED)}",
        PASERK(f"{name}.local.{base64url(SHARED)}"),
        [SHARED],
        (SHARED.hex(),),
    ]
    for form in forms:
        assert make.key("local", form).decode(token) == ({}, None)

    pem = pair(version)
    key = PASERK.from_key(version, "public", pem["private"])
    token = maker(version, "public").encode({})
    for form in (pem["private"], pem["private"].encode(), key, key.to_text(), key.public(), pem["public"]):
        assert make.key("public", form).decode(token) == ({}, None)
    data = base64.urlsafe_b64decode(key.to_text().rsplit(".", 1)[1] + "===")
    for form in (data, base64url(data), data.hex()):
        assert make.key("public", form).decode(token) == ({}, None)
    public_data = base64.urlsafe_b64decode(key.public().to_text().rsplit(".", 1)[1] + "===")
    for form in (pem["public"], key.public(), key.public().to_text(), public_data, base64url(public_data)):
        assert make("public", public_key=form).decode(token) == ({}, None)
        assert make("public", pem["private"], public_key=form).decode(token) == ({}, None)
        with pytest.raises(KEY_ERRORS[version]):
            make("public", public_key=form).encode({})


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
        f"k0.local.{base64url(SHARED)}",
        f"k4.local.{base64url(SHARED)}=",
        f"k4.lid.{base64url(SHARED)}",
        *(pair(version)[half] for version in CLASSES for half in ("private", "public")),
        "\ud800",
    ],
)
@pytest.mark.parametrize("version", CLASSES)
def test_what_is_no_local_key_is_refused(version: str, key: str | bytes) -> None:
    # attack 47
    with pytest.raises((JamPASETOInvalidSymmetricKey, JamValidationError)) as caught:
        CLASSES[version].key("local", key)
    if len(key) > 8:
        assert str(key) not in str(caught.value)


def test_a_key_carries_version_and_purpose() -> None:
    # attack 47: every key against every class that it is not for, and every token against every maker
    keys = {
        (version, purpose): PASERK.from_key(
            version, purpose, SHARED if purpose == "local" else pair(version)["private"]
        )
        for version, purpose in KINDS
    }
    for (version, purpose), key in keys.items():
        token = maker(version, purpose).encode({})
        for other_version, other_purpose in KINDS:
            if (other_version, other_purpose) == (version, purpose):
                continue
            expected = JamPASETOInvalidSymmetricKey if other_purpose == "local" else KEY_ERRORS[other_version]
            for form in (key, key.to_text()):
                with pytest.raises(expected):
                    CLASSES[other_version].key(other_purpose, form)
            other = maker(other_version, other_purpose)
            with pytest.raises((JamPASETOInvalidPurpose, JamPASETOInvalidTokenFormat)):
                other.decode(token)
            renamed = f"{other_version}.{other_purpose}.{token.split('.')[2]}"
            with pytest.raises((JamPASETOKeyVerificationError, JamPASETOInvalidTokenFormat)):
                other.decode(renamed)


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


@pytest.mark.parametrize("version", CLASSES)
def test_keys_that_do_not_belong_together_are_refused(version: str) -> None:
    make, error = CLASSES[version], KEY_ERRORS[version]
    one, other = pair(version), PASERK.generate(version, "public")
    with pytest.raises(error):
        make("public", one["private"], public_key=other.public())
    with pytest.raises(error):
        make("public", public_key=one["private"])
    with pytest.raises(error):
        make("public")
    with pytest.raises(JamPASETOInvalidSymmetricKey):
        make("local")
    with pytest.raises(JamPASETOInvalidSymmetricKey):
        make("local", SHARED, public_key=one["public"])
    with pytest.raises(JamPASETOInvalidPurpose):
        make.key("secret", SHARED)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("bits", [3072, 4096])
def test_version_1_signs_with_2048_bits_only(bits: int) -> None:
    rsa = generate_rsa_key_pair(bits)
    for key in (rsa["private"], rsa["public"]):
        with pytest.raises(JamPASETOInvalidRSAKey, match="2048"):
            PASETOv1.key("public", key)


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_what_is_too_large_or_too_deep_is_refused(version: str, purpose: Purpose) -> None:
    # attacks 29 and 30
    paseto, (makes, _) = maker(version, purpose), peers(version, purpose)
    header, large = f"{version}.{purpose}.", "A" * 20_000_000
    for token in (large, f"{header}{large}", f"{large}.{purpose}.AAAA", f"{paseto.encode({})}.{large}"):
        with pytest.raises(JamPASETOInvalidTokenFormat):
            paseto.decode(token)
    for deep in (b"[" * 100_000, b'{"a":' * 30_000, b'{"a":' + b"[" * 1_000 + b"]" * 1_000 + b"}"):
        token = pyseto.encode(makes, deep).decode()
        with pytest.raises(JamPASETOInvalidTokenFormat):
            paseto.decode(token)


def test_versions_are_names_in_lower_case() -> None:
    token = local().encode({})
    for version in ("v0", "v5", "V4", "", "k4"):
        with pytest.raises(JamPASETOInvalidTokenFormat):
            local().decode(token.replace("v4", version))
    for version in ("v0", "v5", "4", "", "k4"):
        with pytest.raises(JamConfigurationError, match=r"paseto\.version"):
            Jam(config={"paseto": {"version": version, "purpose": "local", "key": SHARED}})


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_a_token_has_one_spelling(version: str, purpose: Purpose) -> None:
    # attacks 27, 28 and 31, fault 1
    paseto = maker(version, purpose)
    token = paseto.encode({}, "x")
    start, footer = token.rsplit(".", 1)
    bad = [
        "", "." * 10**6, f"{version}.{purpose}.", "a.b.c", f"{token}=", f"{token} ", f" {token}", f"{token}.",
        f"{start}.", f"{start}\n.{footer}", f"{start}.eB", f"{token}.{footer}", "\ud800", f"{token}\0", "ü" * 10,
    ]  # fmt: skip
    for text in bad:
        with pytest.raises(JamPASETOInvalidTokenFormat):
            paseto.decode(text)
    for other in (b"v4", None, 1):
        with pytest.raises(JamValidationError, match="token must be a str"):
            paseto.decode(other)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_footer_and_assertion_are_authenticated(version: str, purpose: Purpose) -> None:
    # attack 48
    paseto = maker(version, purpose)
    assertion = "assertion" if version in ASSERTING else None
    token = paseto.encode({"a": 1}, "footer", implicit_assertion=assertion)
    start, _ = token.rsplit(".", 1)
    changed = [(start, assertion), (f"{start}.{base64url(b'Footer')}", assertion)]
    changed += [(token, None), (token, "other")] if assertion else []
    for text, other in changed:
        with pytest.raises(JamPASETOKeyVerificationError):
            paseto.decode(text, implicit_assertion=other)
    assert paseto.decode(token, implicit_assertion=assertion) == ({"a": 1}, "footer")


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
FUTURE: list[Any] = ["9999-12-31T23:59:59Z", 2**62, 2**64 - 1, 2**200, 1e300]
MALFORMED: list[Any] = [
    "2022-01-01",
    "2022-01-01T00:00:00",
    "2022-01-01 00:00:00Z",
    "10000-01-01T00:00:00Z",
    "2022-02-30T00:00:00Z",
    "9999999999",
    10**400,
    "never",
    "",
    True,
    None,
    [],
    {},
]


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_times_are_checked_by_one_rule_each(version: str, purpose: Purpose) -> None:
    # attacks 32, 33 and 50, faults 4 and 6
    paseto = maker(version, purpose)
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


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_no_key_is_shown_or_pickled(version: str, purpose: Purpose) -> None:
    # attack 74
    paseto = maker(version, purpose)
    assert repr(paseto) == f"<jam.paseto.PASETO{version} {purpose}>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(paseto)


def test_a_subclass_is_made_by_its_own_key() -> None:
    class Mine(PASETOv4):
        pass

    assert type(Mine.key("local", SHARED)) is Mine


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_every_refusal_is_jams_own(version: str, purpose: Purpose) -> None:
    paseto = maker(version, purpose)
    token = paseto.encode({"a": 1}, "footer")
    for index in range(len(token)):
        for replacement in ("A", ".", "=", "\x00", "é"):
            changed = token[:index] + replacement + token[index + 1 :]
            if changed == token:
                continue
            with pytest.raises(JamError):
                paseto.decode(changed)


def kid_of(token: str) -> Any:
    """The `kid` in the footer of a token that nobody has opened."""
    footer = token.split(".")[3]
    return json.loads(base64.urlsafe_b64decode(footer + "==="))["kid"]


@pytest.mark.parametrize(("version", "purpose"), [kind for kind in KINDS if kind != ("v1", "public")])
def test_the_newest_key_makes_tokens_and_every_key_opens_them(version: str, purpose: Purpose) -> None:
    make = CLASSES[version]
    keys = [PASERK.generate(version, purpose) for _ in range(3)]
    ring = make(purpose, keys)
    token = ring.encode({"a": 1})
    assert kid_of(token) == keys[0].kid
    assert ring.decode(token) == ({"a": 1}, {"kid": keys[0].kid})
    assert make(purpose, keys[0]).decode(token)[0] == {"a": 1}
    with pytest.raises(JamPASETOKeyVerificationError):
        make(purpose, keys[1]).decode(token)
    for key in keys:
        old = make(purpose, key)
        assert "." not in old.encode({}).removeprefix(f"{version}.{purpose}.")
        for footer in (None, {"kid": "2026"}, {"kid": key.kid}, {"a": 1}, "text", b"\xff"):
            assert ring.decode(old.encode({}, footer)) == ({}, footer)
    with pytest.raises(JamPASETOKeyVerificationError):
        ring.decode(make(purpose, PASERK.generate(version, purpose)).encode({}))


def test_a_dict_footer_is_given_a_kid_and_other_footers_stay() -> None:
    keys = [PASERK.generate("v4", "local") for _ in range(2)]
    ring = PASETOv4("local", keys)
    kid = keys[0].kid
    footer = {"z": 1, "a": [1.5, None]}
    for given, expected in [
        (None, {"kid": kid}),
        ("", {"kid": kid}),
        ({}, {"kid": kid}),
        (footer, {"kid": kid, **footer}),
        ({"kid": "mine", "a": 1}, {"kid": "mine", "a": 1}),
        ({"kid": None}, {"kid": None}),
        ('{"a":1}', {"a": 1}),
        ("text", "text"),
        (b"\xff", b"\xff"),
    ]:
        assert ring.decode(ring.encode({}, given)) == ({}, expected)
    assert footer == {"z": 1, "a": [1.5, None]}


def test_a_kid_that_names_another_key_opens_with_none() -> None:
    # attack 17
    keys = [PASERK.generate("v4", "local") for _ in range(3)]
    ring = PASETOv4("local", keys[:2])
    for kid in (keys[0].kid, keys[2].kid, "k4.lid.", f"{keys[1].kid} "):
        with pytest.raises(JamPASETOKeyVerificationError):
            ring.decode(PASETOv4("local", keys[1]).encode({}, {"kid": kid}))
    for kid in ("../../dev/null", 1, None, ["k4.lid."], "k3.lid.x", "x" * 8000):
        assert ring.decode(PASETOv4("local", keys[1]).encode({}, {"kid": kid})) == ({}, {"kid": kid})


def test_attack_17_a_single_key_opens_no_token_that_names_another_key() -> None:
    # The rule of a list, and that of a JWT's key which has a name.
    own, other = PASERK.generate("v4", "local"), PASERK.generate("v4", "local")
    single = PASETOv4("local", own)
    for kid in (own.kid, "2026", None, PASERK.generate("v3", "local").kid):
        assert single.decode(single.encode({}, {"kid": kid})) == ({}, {"kid": kid})
    with pytest.raises(JamPASETOKeyVerificationError):
        single.decode(single.encode({}, {"kid": other.kid}))


def test_attack_18_a_key_stands_once_in_a_list() -> None:
    local, pair = PASERK.generate("v4", "local"), PASERK.generate("v4", "public")
    for twice in (
        lambda: PASETOv4("local", [local, local.to_text()]),
        lambda: PASETOv4("public", [pair, pair.public()]),
        lambda: PASETOv4("public", public_key=[pair.public(), pair.public()]),
    ):
        with pytest.raises(JamValidationError, match="the same key"):
            twice()
    # A public key beside its private half is no second one.
    both = PASETOv4("public", [pair], public_key=[pair.public(), pair.public()])
    assert both.decode(both.encode({})) == ({}, None)


def test_a_list_holds_keys_of_one_kind_and_not_too_many() -> None:
    # attack 47
    keys = [PASERK.generate("v4", "local") for _ in range(17)]
    assert PASETOv4("local", keys[:16]).decode(PASETOv4("local", keys[15]).encode({})) == ({}, None)
    with pytest.raises(JamValidationError, match="16"):
        PASETOv4("local", keys)
    for bad in ([keys[0], PASERK.generate("v4", "public")], [keys[0], "short"], [keys[0], ""], []):
        with pytest.raises(JamPASETOInvalidSymmetricKey):
            PASETOv4("local", bad)
    for odd in ([keys[0], None], [keys[0], 1], {"key": 1}, 1, [[SHARED]]):
        with pytest.raises(TypeError):
            PASETOv4("local", odd)  # pyright: ignore[reportArgumentType]


def test_public_keys_beside_a_private_one_verify_older_tokens() -> None:
    new, old = PASERK.generate("v4", "public"), PASERK.generate("v4", "public")
    token = PASETOv4("public", old).encode({"a": 1})
    signer = PASETOv4("public", new, public_key=[new.public(), old.public()])
    verifier = PASETOv4("public", public_key=[new.public(), old.public()])
    for paseto in (signer, verifier):
        assert paseto.decode(token) == ({"a": 1}, None)
        assert paseto.decode(signer.encode({"a": 1})) == ({"a": 1}, {"kid": new.kid})
    with pytest.raises(JamPASETOInvalidED25519Key):
        PASETOv4("public", new, public_key=[old.public(), new.public()])


@pytest.mark.parametrize(("version", "purpose"), KINDS)
def test_the_facade_makes_every_version_and_changes_keys(version: str, purpose: Purpose, tmp_path: Path) -> None:
    old = SHARED.hex() if purpose == "local" else pair(version)["private"]
    new = PASERK.generate(version, purpose)
    (tmp_path / "old.key").write_text(old)
    section: dict[str, Any] = {"version": version, "purpose": purpose}
    before = Jam(config={"paseto": {**section, "key": old}})
    after = Jam(config={"paseto": {**section, "key": [new.to_text(), f"file:{tmp_path / 'old.key'}"]}})
    payload = before.paseto_make_payload(exp=60, user_id=1)
    token = before.paseto_create(payload)
    assert token.startswith(f"{version}.{purpose}.")
    assert before.paseto_decode(token) == after.paseto_decode(token) == {"payload": payload, "footer": None}
    token = after.paseto_create(payload, {"a": 1})
    assert after.paseto_decode(token) == {"payload": payload, "footer": {"kid": new.kid, "a": 1}}
    with pytest.raises(JamPASETOKeyVerificationError):
        before.paseto_decode(token)


async def _decode(jam: AsyncJam, token: str) -> dict[str, Any]:
    return await jam.paseto_decode(token, implicit_assertion="x")


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_facades_refuse_what_old_versions_do_not_know(version: str) -> None:
    import asyncio

    config = {"paseto": {"version": version, "purpose": "local", "key": SHARED.hex()}}
    token = Jam(config=config).paseto_create({})
    with pytest.raises(JamValidationError, match="implicit assertion"):
        Jam(config=config).paseto_decode(token, implicit_assertion="x")
    with pytest.raises(JamValidationError, match="implicit assertion"):
        asyncio.run(_decode(AsyncJam(config=config), token))
