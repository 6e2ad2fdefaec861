"""JSON Web Signatures from Python: the examples of the RFCs, the vectors, exchange with other libraries, attacks."""

from __future__ import annotations

import base64
import copy
import hmac
import json
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import jam.aio.replay_guard
import jam.jose
import jam.jwt
import jam.otp.replay_guard
import jam.paseto
import jwt as pyjwt
import pytest
from faces import Face
from jam.exceptions import (
    JamConfigurationMissingSection,
    JamError,
    JamJWTEmptyPrivateKey,
    JamJWTEmptySecretKey,
    JamJWTInvalidSignature,
    JamJWTMalformed,
    JamJWTUnsupportedAlgorithm,
    JamKeyNotFound,
    JamKeyWeak,
    JamKeyWrongKind,
    JamValidationError,
)
from jam.jose import JWK, JWS, JWT, BaseJWS, JWKSet
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet, OctKey, OKPKey, import_key
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jws as jwcrypto_jws
from keys import ALGORITHMS, HMAC, SECRET, pair_for

RFC = json.loads((Path(__file__).parents[2] / "crates/jam/tests/rfc/signatures.json").read_text(encoding="utf-8"))
VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "jose"
EVERY = pytest.mark.parametrize("algorithm", [*ALGORITHMS, "Ed25519"])
PAYLOADS = [b"", b"hello", bytes(range(256)), "\u20ac.\n".encode()]


def encode(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def header_of(token: str) -> dict[str, Any]:
    return json.loads(decode(token.split(".")[0]))


def private_key(algorithm: str) -> str | bytes:
    return SECRET.encode() if algorithm in HMAC else pair_for(algorithm).private


def public_key(algorithm: str) -> str | bytes:
    return SECRET.encode() if algorithm in HMAC else pair_for(algorithm).public


# The examples of the RFCs


class Example:
    """One signature of an example, with its key."""

    def __init__(self, example: dict[str, Any], signature: dict[str, Any]) -> None:
        self.source: str = example["source"]
        self.payload: bytes = example["payload"].encode()
        self.detached: bool = example.get("detached", False)
        self.b64: bool = example.get("b64", True)
        self.repeatable: bool = example.get("repeatable", False)
        self.refused: bool = "refused" in signature
        self.unprotected: dict[str, Any] | None = signature.get("header")
        self.members = {name: signature[name] for name in ("protected", "header", "signature") if name in signature}
        self.jws = JWS(signature["alg"], RFC["keys"][signature["key"]])

    @property
    def shown(self) -> str:
        return encode(self.payload) if self.b64 else self.payload.decode()


EXAMPLES = [Example(example, signature) for example in RFC["examples"] for signature in example["signatures"]]
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.source.replace(" ", "_"))


@each_example
def test_every_example_of_the_rfcs_verifies_in_every_form(example: Example) -> None:
    flattened = {"payload": example.shown, **example.members}
    general = {"payload": example.shown, "signatures": [example.members]}
    detached = {"signatures": [example.members]}
    if example.refused:
        # attacks 7 and 21: what names the algorithm is not signed
        for form in (flattened, general):
            with pytest.raises(JamJWTMalformed):
                example.jws.verify_json(form)
        with pytest.raises(JamJWTMalformed):
            example.jws.verify_json(detached, payload=example.payload)
        return
    for form in (flattened, general, json.dumps(flattened), json.dumps(general)):
        verified = example.jws.verify_json(form)
        assert verified.payload == example.payload
        assert list(verified.signatures) == [0]
    assert example.jws.verify_json(detached, payload=example.payload).header["alg"] == example.jws.alg
    protected, signature = example.members["protected"], example.members["signature"]
    if example.b64:
        assert example.jws.verify(f"{protected}.{example.shown}.{signature}").payload == example.payload
    verified = example.jws.verify(f"{protected}..{signature}", payload=example.payload)
    assert (verified.payload, verified.header) == (example.payload, json.loads(decode(protected)))
    with pytest.raises(JamJWTInvalidSignature):
        example.jws.verify(f"{protected}..{signature}", payload=b"changed")


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if example.repeatable and not example.refused],
    ids=lambda example: example.source.replace(" ", "_"),
)
def test_what_depends_on_no_random_number_comes_out_byte_for_byte(example: Example) -> None:
    shown = {} if example.detached else {"payload": example.shown}
    options: dict[str, Any] = {"detached": example.detached, "b64": example.b64}
    sign_json: Callable[..., Any] = example.jws.sign_json
    signed = sign_json(example.payload, unprotected=example.unprotected, **options)
    assert signed == {**shown, **example.members}
    signed = sign_json(example.payload, unprotected=example.unprotected, signers=[], **options)
    assert signed == {**shown, "signatures": [example.members]}
    if example.unprotected is None:
        part = "" if example.detached else example.shown
        token = example.jws.sign(example.payload, detached=example.detached, b64=example.b64)
        assert token == f"{example.members['protected']}.{part}.{example.members['signature']}"


def test_the_examples_were_all_seen() -> None:
    assert len(EXAMPLES) == 20
    assert [example.source for example in EXAMPLES if example.refused] == [
        "RFC 7520 section 4.7",
        "RFC 7520 section 4.8",
    ]


# The vectors

# Labelled valid and yet refused, with the reason.
REFUSED = {
    346: "the key is for PS256, the token says PS384",
    347: "the key's alg is no registered algorithm",
    350: "the key is for PS256, the token says PS384",
    351: "the key's alg is no registered algorithm",
    372: "a character outside of base64url in the header",
    373: "a character outside of base64url in the payload",
}
# The text of case 357 with the other label.
CONTRADICTORY = {367, 370}


@pytest.mark.skipif(not VECTORS.exists(), reason="no test vectors")
def test_wycheproof_agrees() -> None:
    overrides = json.loads((VECTORS / "overrides.json").read_text())["json_web_signature_test.json"]
    assert {int(case) for case in overrides["skip"]} == CONTRADICTORY
    assert {int(case) for case in overrides["reject"]} == REFUSED.keys()
    seen = 0
    for group in json.loads((VECTORS / "json_web_signature_test.json").read_text())["testGroups"]:
        key = group.get("public") or group["private"]
        for case in group["tests"]:
            if case["tcId"] in CONTRADICTORY:
                continue
            expected = case["result"] == "valid" and case["tcId"] not in REFUSED
            # One group is of JSON, which no compact token is.
            token = case["jws"] if isinstance(case["jws"], str) else json.dumps(case["jws"])
            assert verifies(key, token) == expected, f"{case['tcId']}: {case['comment']}"
            seen += 1
    assert seen == 399


def verifies(key: dict[str, Any], token: str) -> bool:
    try:
        algorithm = key["alg"] if "alg" in key else header_of(token)["alg"]
        JWS(algorithm, key).verify(token)
    except JamError:
        return False
    return True


# Exchange with other libraries


def joserfc_key(algorithm: str) -> Any:
    if algorithm in HMAC:
        return OctKey.import_key(SECRET)
    if algorithm in ("EdDSA", "Ed25519"):
        return OKPKey.import_key(pair_for(algorithm).private)
    return import_key(pair_for(algorithm).private, "EC" if algorithm.startswith("ES") else "RSA")


def jwcrypto_key(algorithm: str) -> jwcrypto_jwk.JWK:
    if algorithm in HMAC:
        return jwcrypto_jwk.JWK(kty="oct", k=encode(SECRET))
    return jwcrypto_jwk.JWK.from_pem(pair_for(algorithm).private.encode())


@EVERY
@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_joserfc_and_jam_read_each_other(algorithm: str, payload: bytes) -> None:
    key, jws = joserfc_key(algorithm), JWS(algorithm, private_key(algorithm))
    token = jws.sign(payload, {"typ": "x"})
    assert joserfc_jws.deserialize_compact(token, key, algorithms=[algorithm]).payload == payload
    theirs = joserfc_jws.serialize_compact({"alg": algorithm, "typ": "x"}, payload, key, algorithms=[algorithm])
    verified = JWS(algorithm, public_key(algorithm)).verify(theirs)
    assert (verified.payload, verified.header) == (payload, {"alg": algorithm, "typ": "x"})

    for signed in (jws.sign_json(payload, unprotected={"cty": "x"}), jws.sign_json(payload, signers=[])):
        value: Any = signed
        assert joserfc_jws.deserialize_json(value, key, algorithms=[algorithm]).payload == payload
    member: Any = {"protected": {"alg": algorithm}, "header": {"cty": "x"}}
    for members in (member, [member]):
        theirs: Any = joserfc_jws.serialize_json(members, payload, key, algorithms=[algorithm])
        assert jws.verify_json(theirs).payload == payload


@EVERY
@pytest.mark.parametrize("b64", [True, False])
def test_jwcrypto_and_jam_read_each_other(algorithm: str, b64: bool) -> None:
    key, jws = jwcrypto_key(algorithm), JWS(algorithm, private_key(algorithm))
    header: dict[str, Any] = {"alg": algorithm} if b64 else {"alg": algorithm, "b64": False, "crit": ["b64"]}
    for payload in ("", "hello", "text"):
        theirs = jwcrypto_jws.JWS(payload.encode() if b64 else payload)
        theirs.add_signature(key, algorithm, json.dumps(header))
        if payload or b64:
            assert jws.verify(theirs.serialize(compact=True)).payload == payload.encode()
            assert jws.verify_json(theirs.serialize()).payload == payload.encode()
        texts = [json.dumps(jws.sign_json(payload, b64=b64))]
        if b64:
            # The other library reads no compact token with a payload that is not encoded.
            texts.append(jws.sign(payload))
        for text in texts:
            ours = jwcrypto_jws.JWS()
            ours.allowed_algs = [algorithm]
            ours.deserialize(text, key)
            assert ours.payload in (payload.encode(), payload)
    theirs = jwcrypto_jws.JWS(b"$.02")
    theirs.add_signature(key, algorithm, json.dumps(header))
    theirs.detach_payload()
    assert jws.verify(theirs.serialize(compact=True), payload=b"$.02").payload == b"$.02"
    ours = jwcrypto_jws.JWS()
    ours.allowed_algs = [algorithm]
    ours.deserialize(jws.sign(b"$.02", detached=True, b64=b64))
    ours.verify(key, detached_payload=b"$.02")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_and_jam_read_each_other(algorithm: str) -> None:
    peer, jws = pyjwt.PyJWS(), JWS(algorithm, private_key(algorithm))
    for payload in PAYLOADS:
        assert peer.decode(jws.sign(payload), public_key(algorithm), algorithms=[algorithm]) == payload
        assert jws.verify(peer.encode(payload, private_key(algorithm), algorithm)).payload == payload
        token = jws.sign(payload, detached=True, b64=False)
        key = public_key(algorithm)
        assert peer.decode(token, key, algorithms=[algorithm], detached_payload=payload) == payload
        theirs = peer.encode(
            payload, private_key(algorithm), algorithm, headers={"crit": ["b64"]}, is_payload_detached=True
        )
        assert jws.verify(theirs, payload=payload).payload == payload


def test_joserfc_verifies_what_several_signed_and_jam_what_it_signed() -> None:
    keys = {name: JWS(name, private_key(name)) for name in ("HS256", "ES256", "PS256")}
    signed: Any = keys["HS256"].sign_json(b"deed", signers=[keys["ES256"], keys["PS256"]])
    ring = KeySet([joserfc_key(name) for name in keys])
    by_algorithm = dict(zip(keys, ring.keys, strict=True))

    def choose(signature: Any) -> Any:
        return by_algorithm[signature.headers()["alg"]]

    assert joserfc_jws.deserialize_json(signed, choose, algorithms=list(keys)).payload == b"deed"
    for place, (name, jws) in enumerate(keys.items()):
        verified = jws.verify_json(signed)
        assert verified.signatures == {place: {"alg": name}}
        assert verified.header == {"alg": name}


# Keys


def test_keys_come_in_every_form() -> None:
    key = JWK.generate("EC", alg="ES256")
    forms: list[Any] = [
        key,
        key.to_dict(private=True),
        key.to_json(private=True),
        key.to_pem(private=True),
        [key],
        (key.to_dict(private=True),),
    ]
    public: list[Any] = [key.public(), key.to_dict(), key.to_json(), key.to_pem(), [key.to_pem()]]
    public += [JWKSet([key]), {"keys": [key.to_dict()]}, json.dumps({"keys": [key.to_dict()]})]
    token = JWS("ES256", key).sign(b"x")
    for form in forms:
        jws = JWS("ES256", form)
        assert jws.verify(jws.sign(b"x")).payload == jws.verify(token).payload == b"x"
    for form in public:
        jws = JWS("ES256", form)
        assert jws.verify(token).payload == b"x"
        with pytest.raises((JamJWTEmptyPrivateKey, JamKeyWrongKind)):
            jws.sign(b"x")


def test_the_newest_key_signs_and_all_verify() -> None:
    old, new = JWK.generate("OKP", alg="EdDSA"), JWK.generate("OKP", alg="EdDSA").replace(kid="new")
    before, between = JWS("EdDSA", old), JWS("EdDSA", [new, old])
    token = between.sign(b"x")
    assert header_of(token) == {"alg": "EdDSA", "kid": "new"}
    assert between.verify(before.sign(b"y")).payload == b"y"
    assert JWS("EdDSA", new).verify(token).payload == b"x"
    with pytest.raises(JamJWTInvalidSignature):
        before.verify(token)
    assert header_of(JWS("EdDSA", [old, new]).sign(b""))["kid"] == old.thumbprint()


def test_attack_17_and_18_among_several_keys_the_id_names_one() -> None:
    keys = [JWK.generate("EC", alg="ES256").replace(kid=kid) for kid in ("1", "2")]
    ring, impostor = JWS("ES256", keys), JWS("ES256", keys[1].replace(kid="1"))
    assert ring.verify(JWS("ES256", keys[1]).sign(b"x")).payload == b"x"
    for token in (
        impostor.sign(b"x"),
        JWS("ES256", keys[1].replace(kid="../../dev/null")).sign(b"x"),
        JWS("ES256", keys[1].replace(kid="*")).sign(b"x"),
    ):
        with pytest.raises(JamJWTInvalidSignature):
            ring.verify(token)
    with pytest.raises(JamValidationError, match="kid"):
        JWS("ES256", [keys[0], keys[1].replace(kid="1")])
    with pytest.raises(JamValidationError):
        JWS("ES256", [keys[0], keys[0]])
    # Of a set, a name that two keys have names none.
    with pytest.raises(JamKeyNotFound):
        JWS("ES256", JWKSet([keys[0], keys[1].replace(kid="1")]))
    with pytest.raises(JamKeyNotFound):
        JWS("RS256", JWKSet(keys))
    with pytest.raises(JamKeyNotFound):
        JWS("ES256", [])


def test_attack_6_what_a_key_says_of_itself_binds() -> None:
    key = JWK.generate("RSA", size=2048)
    for bound in (key.replace(alg="PS256"), key.replace(use="enc"), key.replace(key_ops=["encrypt"])):
        with pytest.raises(JamKeyWrongKind):
            JWS("RS256", bound)
    verifies_only = JWS("HS256", {"kty": "oct", "k": encode("x" * 32), "key_ops": ["verify"]})
    assert verifies_only.verify(JWS("HS256", b"x" * 32).sign(b"x")).payload == b"x"
    with pytest.raises(JamKeyWrongKind, match='"key_ops" do not include "sign"'):
        verifies_only.sign(b"x")
    with pytest.raises(JamJWTEmptyPrivateKey, match="the newest key is a public one"):
        JWS("RS256", key.public()).sign(b"x")
    # RFC 9864: one key, two names, and no token of one name under the other.
    pair = JWK.generate("OKP", crv="Ed25519")
    for own, other in (("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")):
        with pytest.raises(JamJWTUnsupportedAlgorithm):
            JWS(other, pair).verify(JWS(own, pair).sign(b"x"))
        with pytest.raises(JamKeyWrongKind):
            JWS(other, pair.replace(alg=own))


def test_attack_8_and_9_a_weak_secret_is_refused_unless_it_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    for algorithm, length in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
        assert JWS(algorithm, b"x" * length)
        with pytest.raises(JamKeyWeak, match=str(length)):
            JWS(algorithm, b"x" * (length - 1))
        with pytest.raises(JamKeyWeak):
            JWS(algorithm, [b"x" * length, b"short"])
        with pytest.raises(JamJWTEmptySecretKey):
            JWS(algorithm, b"", allow_short_secret=True)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "jam"):
        jws = JWS("HS256", b"secret", allow_short_secret=True)
    assert len(caplog.records) == 1
    assert jws.verify(jws.sign(b"x")).payload == b"x"


def test_attack_2_to_4_a_public_key_is_no_secret() -> None:
    pem = pair_for("RS256").public
    for key in (pem, pem.encode(), JWK.from_pem(pem).to_json().encode(), {"kty": "oct", "k": encode(pem)}):
        with pytest.raises(JamError):
            JWS("HS256", key, allow_short_secret=True)
    forged = f"{encode(json.dumps({'alg': 'HS256'}))}.{encode('x')}"
    forged = f"{forged}.{encode(hmac.digest(pem.encode(), forged.encode(), 'sha256'))}"
    with pytest.raises(JamJWTUnsupportedAlgorithm):
        JWS("RS256", pem).verify(forged)


# Attacks on the forms


def sign_anything(protected: str, payload: str) -> dict[str, Any]:
    """A flattened object of any protected header with a MAC that holds."""
    header = encode(protected)
    signature = encode(hmac.digest(SECRET.encode(), f"{header}.{payload}".encode(), "sha256"))
    return {"payload": payload, "protected": header, "signature": signature}


HS256 = JWS("HS256", SECRET.encode())
GOOD = sign_anything('{"alg":"HS256"}', "e30")


@pytest.mark.parametrize(
    ("protected", "more"),
    [
        ('{"alg":"HS256"}', {"header": {"alg": "HS256"}}),
        ('{"alg":"HS256"}', {"header": {"alg": "none"}}),
        ('{"kid":"1"}', {"header": {"alg": "HS256"}}),
        ("{}", {"header": {"alg": "HS256"}}),
        ('{"alg":"HS256","typ":"a"}', {"header": {"typ": "b"}}),
        ('{"alg":"HS256"}', {"header": {"kid": 1}}),
        ('{"alg":"HS256"}', {"header": []}),
        # attacks 19 and 20
        ('{"alg":"HS256"}', {"header": {"crit": ["b64"]}}),
        ('{"alg":"HS256"}', {"header": {"b64": False}}),
        ('{"alg":"HS256","crit":["x"],"x":1}', {}),
        ('{"alg":"HS256","crit":[]}', {}),
        ('{"alg":"HS256","crit":["alg"]}', {}),
        ('{"alg":"HS256","crit":["b64","b64"],"b64":true}', {}),
        ('{"alg":"HS256","crit":["b64"]}', {}),
        ('{"alg":"HS256","b64":false}', {}),
        ('{"alg":"HS256","crit":["b64"],"b64":"false"}', {}),
    ],
)
def test_attack_7_19_and_20_only_a_protected_header_that_is_understood_counts(
    protected: str, more: dict[str, Any]
) -> None:
    signed = sign_anything(protected, "e30")
    with pytest.raises(JamJWTMalformed):
        HS256.verify_json({**signed, **more})
    if not more:
        with pytest.raises(JamJWTMalformed):
            HS256.verify(f"{signed['protected']}.{signed['payload']}.{signed['signature']}")


def test_attack_20_a_payload_is_in_the_token_or_beside_it() -> None:
    assert HS256.verify_json(GOOD).payload == b"{}"
    for b64 in (True, False):
        token = HS256.sign(b"hello", b64=b64)
        for payload in (b"hello", b"", "hello"):
            with pytest.raises(JamJWTMalformed):
                HS256.verify(token, payload=payload)
            with pytest.raises(JamJWTMalformed):
                HS256.verify_json(HS256.sign_json(b"hello", b64=b64), payload=payload)
        detached = HS256.sign(b"hello", detached=True, b64=b64)
        assert HS256.verify(detached, payload="hello").payload == b"hello"
        with pytest.raises(JamJWTMalformed, match="detached"):
            HS256.verify(detached)
        with pytest.raises(JamJWTMalformed):
            HS256.verify_json(HS256.sign_json(b"hello", detached=True, b64=b64))
    for payload in (b"$.02", b"\n", "\u20ac"):
        with pytest.raises(JamValidationError):
            HS256.sign(payload, b64=False)
        assert HS256.verify(HS256.sign(payload, b64=False, detached=True), payload=payload)
    with pytest.raises(JamValidationError):
        HS256.sign_json(b"\xff", b64=False)
    assert HS256.verify_json(HS256.sign_json("\u20ac.", b64=False)).payload == "\u20ac.".encode()


def bad_objects() -> list[Any]:
    entry = {"protected": GOOD["protected"], "signature": GOOD["signature"]}
    text = json.dumps(GOOD)
    token = HS256.sign(b"{}")
    return [
        {},
        {"payload": "e30", "signatures": []},
        {"payload": "e30", "signatures": {}},
        {"payload": "e30", "signatures": [1]},
        {"payload": "e30", "signatures": [{}]},
        {"payload": "e30", "signatures": [entry, {"protected": GOOD["protected"]}]},
        {"payload": "e30", "signatures": [entry] * 33},
        {**GOOD, "signatures": [entry]},
        {name: value for name, value in GOOD.items() if name != "signature"},
        {name: value for name, value in GOOD.items() if name != "protected"},
        {name: value for name, value in GOOD.items() if name != "payload"},
        {**GOOD, "payload": 1},
        {**GOOD, "protected": {"alg": "HS256"}},
        {**GOOD, "protected": ""},
        {**GOOD, "protected": encode('{"alg":"HS256","alg":"HS256"}')},
        {**GOOD, "protected": encode("[" * 100_000)},
        {**GOOD, "signature": None},
        {**GOOD, "signature": GOOD["signature"] + "="},
        # attacks 23, 26, 29, 30 and 31
        {token: 1},
        token,
        "",
        "[]",
        "null",
        text.replace("{", '{"payload":"e30",', 1),
        text.replace("{", '{"\\u0073ignature":"",', 1),
        text + text,
        " " * 300_000 + text,
        '{"x":' + "[" * 100_000,
        "\ud800",
        "\ufeff" + text,
    ]


@pytest.mark.parametrize("number", range(30))
def test_attack_21_and_23_what_is_no_signed_object_is_refused(number: int) -> None:
    with pytest.raises(JamJWTMalformed):
        HS256.verify_json(bad_objects()[number])
    assert HS256.verify_json({**GOOD, "unknown": 1}).payload == b"{}"


def test_attack_22_the_answer_names_the_signatures_that_hold() -> None:
    alice, bob = JWS("EdDSA", JWK.generate("OKP", alg="EdDSA")), JWS("ES256", JWK.generate("EC", alg="ES256"))
    signed = alice.sign_json(b"deed", {"typ": "deed"}, unprotected={"note": "anybody wrote this"}, signers=[bob])
    assert alice.verify_json(signed).signatures == {0: {"alg": "EdDSA", "typ": "deed"}}
    assert bob.verify_json(signed).signatures == {1: {"alg": "ES256", "typ": "deed"}}
    signed["signatures"][0]["signature"] = signed["signatures"][1]["signature"]
    with pytest.raises(JamJWTInvalidSignature):
        alice.verify_json(signed)
    verified = bob.verify_json(signed)
    assert (verified.payload, verified.signatures) == (b"deed", {1: {"alg": "ES256", "typ": "deed"}})
    with pytest.raises(JamJWTUnsupportedAlgorithm):
        HS256.verify_json(signed)
    # Two of one ring.
    both = [JWK.generate("EC", alg="ES256").replace(kid=kid) for kid in ("1", "2")]
    signed = JWS("ES256", both[0]).sign_json(b"deed", signers=[JWS("ES256", both[1])])
    assert [header["kid"] for header in JWS("ES256", both).verify_json(signed).signatures.values()] == ["1", "2"]


def test_attack_24_a_token_of_five_parts_is_no_signature() -> None:
    for token in ("a.b.c.d.e", ".".join(["e30"] * 5), "." * 1_000_000, "", "a.b", HS256.sign(b"") + ".x.y"):
        with pytest.raises(JamJWTMalformed):
            HS256.verify(token)


def test_a_signer_cannot_contradict_its_key() -> None:
    jws = JWS("HS256", {"kty": "oct", "k": encode("x" * 32), "kid": "mine"})
    bad: list[dict[str, Any]] = [{"alg": "none"}, {"kid": "yours"}, {"crit": ["b64"]}, {"b64": False}, {"typ": 1}]
    for header in bad:
        with pytest.raises(JamValidationError):
            jws.sign(b"", header)
        with pytest.raises(JamValidationError):
            jws.sign_json(b"", header)
    for header in ({"alg": "HS256"}, {"crit": []}, {"kid": "yours"}, {"b64": True}):
        with pytest.raises(JamValidationError):
            jws.sign_json(b"", unprotected=header)
    with pytest.raises(JamValidationError):
        jws.sign_json(b"", {"x": 1}, unprotected={"x": 1})
    assert header_of(jws.sign(b"", {"x": 1.5, "typ": "a"})) == {"alg": "HS256", "kid": "mine", "typ": "a", "x": 1.5}


class Wrong:
    """Arguments of types that a program gives by mistake."""

    of_sign: ClassVar[list[Any]] = [1, None, [b"x"], bytearray(b"x"), {}]


def test_wrong_arguments_are_refused() -> None:
    for payload in Wrong.of_sign:
        with pytest.raises(TypeError):
            HS256.sign(payload)
        with pytest.raises(TypeError):
            HS256.sign_json(payload)
    anything: Any = HS256
    for call in (
        lambda: anything.sign(b"", [("typ", "x")]),
        lambda: anything.sign(b"", "typ"),
        lambda: anything.sign("\ud800"),
        lambda: anything.sign(b"", {"x": "\ud800"}),
        lambda: anything.sign(b"", {"x": float("nan")}),
        lambda: anything.verify(1),
        lambda: anything.verify(None),
        lambda: anything.verify(b"a.b.c"),
        lambda: anything.verify_json(1),
        lambda: anything.verify_json([GOOD]),
        lambda: anything.verify_json({**GOOD, "payload": "\ud800"}),
        lambda: anything.verify_json({1: 2}),
    ):
        with pytest.raises(JamValidationError):
            call()
    for token in ("\ud800", "a.b.\ud800"):
        with pytest.raises(JamJWTMalformed):
            HS256.verify(token)
    with pytest.raises(TypeError):
        anything.sign_json(b"", signers=[1])
    new: Any = JWS
    for arguments in ((1, b"x" * 32), ("HS256", 1), ("HS256", None), ("HS256",)):
        with pytest.raises(TypeError):
            new(*arguments)
    for name in ("none", "None", "NONE", "hs256", "HS256 ", "RSA1_5", "dir", ""):
        with pytest.raises(JamJWTUnsupportedAlgorithm):
            JWS(name, SECRET.encode())
    with pytest.raises(JamValidationError, match="bytes"):
        JWS("HS256", SECRET)


def test_attack_74_keys_stay_inside() -> None:
    secret = b"the-secret-that-must-not-show-anywhere"
    jws = JWS("HS256", secret)
    verified = jws.verify(jws.sign(secret))
    for shown in (repr(jws), repr(verified), str(vars(JWS).get("__dict__"))):
        assert "the-secret" not in shown
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(jws)


# The facades


def test_both_facades_sign_and_verify_any_bytes(face: Face) -> None:
    old, new = pair_for("ES256").private, JWK.generate("EC", alg="ES256").replace(kid="new")
    before = face.jam({"jose": {"jws": {"alg": "ES256", "private_key": old}}})
    jam = face.jam({"jose": {"jws": {"alg": "ES256", "private_key": [new.to_dict(private=True), old]}}})
    token = jam.jws_sign(b"\xff", {"cty": "application/octet-stream"})
    verified = jam.jws_verify(token)
    assert verified.payload == b"\xff"
    assert verified.header == {"alg": "ES256", "kid": "new", "cty": "application/octet-stream"}
    assert jam.jws_verify(before.jws_sign("text")).payload == b"text"
    assert isinstance(jam.target.jws, JWS)
    with pytest.raises(JamJWTInvalidSignature):
        before.jws_verify(token)
    with pytest.raises(JamJWTMalformed):
        jam.jws_verify("a.b")
    with pytest.raises(JamValidationError):
        jam.jws_verify(None)
    with pytest.raises(JamValidationError):
        jam.jws_sign(b"", {"alg": "none"})
    reader = face.jam({"jose": {"jws": {"alg": "ES256", "public_key": new.to_pem()}}})
    assert reader.jws_verify(token).payload == b"\xff"
    with pytest.raises(JamJWTEmptyPrivateKey):
        reader.jws_sign(b"")


def test_keys_of_jam_jose_are_keys_of_a_configuration(face: Face) -> None:
    key, secret = JWK.generate("EC", alg="ES256"), JWK.generate("oct", alg="HS256")
    for section in (
        {"alg": "ES256", "private_key": key},
        {"alg": "ES256", "private_key": [key], "public_key": key.public()},
        {"alg": "HS256", "secret": [secret, b"x" * 32]},
    ):
        jam = face.jam({"jwt": section, "jose": {"jws": section}})
        assert jam.jwt_verify_token(jam.jwt_create_token({"a": 1})) == {"a": 1}
        assert jam.jws_verify(jam.jws_sign(b"x")).payload == b"x"
    with pytest.raises(JamJWTEmptyPrivateKey):
        face.jam({"jwt": {"alg": "ES256", "public_key": key.public()}}).jwt_create_token({})
    with pytest.raises(JamError):
        face.jam({"jwt": {"alg": "ES256", "private_key": key.public()}}).jwt_create_token({})


def test_attack_16_keys_in_a_header_are_never_used() -> None:
    mine, theirs = JWK.generate("EC", alg="ES256"), JWK.generate("EC", alg="ES256")
    for name, value in (("jwk", theirs.to_dict()), ("jku", "https://attacker.example/keys"), ("x5c", ["AAAA"])):
        stranger = JWS("ES256", theirs)
        with pytest.raises(JamJWTInvalidSignature):
            JWS("ES256", mine).verify(stranger.sign(b"x", {name: value}))
        with pytest.raises(JamJWTInvalidSignature):
            JWS("ES256", mine).verify_json(stranger.sign_json(b"x", unprotected={name: value}))


def test_the_section_is_checked_when_the_facade_is_made(face: Face) -> None:
    for section, path in (
        ({}, "jose.jws.alg"),
        ({"alg": "HS256"}, "jose.jws"),
        ({"alg": "HS256", "secret": "short"}, "jose.jws"),
        ({"alg": "HS256", "secert": SECRET}, '"secret"'),
        ({"alg": "HS256", "secret": SECRET, "allow_short_secrets": True}, '"allow_short_secret"'),
        ({"alg": "HS256", "secret": SECRET, "private_key": "x"}, "jose.jws.alg"),
        ({"alg": "none", "secret": SECRET}, "jose.jws.alg"),
        ({"alg": "ES256", "private_key": pair_for("ES384").private}, "jose.jws"),
    ):
        with pytest.raises(JamError) as raised:
            face.jam({"jose": {"jws": section}})
        assert path in raised.value.message, raised.value.message
    jam = face.jam({"jose": {"jws": {"alg": "HS256", "secret": b"short", "allow_short_secret": True}}})
    assert jam.jws_verify(jam.jws_sign("")).payload == b""
    with pytest.raises(JamConfigurationMissingSection) as raised:
        face.jam({}).jws_sign(b"")
    assert raised.value.details == {"section": "jose.jws"}
    assert face.jam({}).target.jws is None


class Upside(BaseJWS):
    """Signs nothing, to be told apart."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def sign(self, payload: bytes | str, header: dict[str, Any] | None = None) -> str:
        return f"{self.prefix}{payload!r}"

    def verify(self, token: str) -> Any:
        return token.removeprefix(self.prefix)


def test_a_class_of_the_users_own_takes_the_place(face: Face) -> None:
    jam = face.jam({"jose": {"jws": {"custom_module": Upside, "prefix": "!"}}})
    assert jam.jws_sign("x") == "!'x'"
    assert jam.jws_verify("!x") == "x"
    with pytest.raises(JamError, match=r"jose\.jws"):
        face.jam({"jose": {"jws": {"custom_module": Upside, "suffix": "!"}}})
    for whole in (
        {"jose": {"jws": {"alg": "HS256", "secret": SECRET}, "jwt": {"alg": "HS256", "secret": SECRET}}},
        {"jose": {"jws": {"alg": "HS256", "secret": SECRET}}, "jwt": {"alg": "HS256", "secret": SECRET}},
    ):
        jam = face.jam(whole)
        assert jam.jws_verify(jam.jwt_create_token({"a": 1})).payload == b'{"a":1}'


def test_attack_33_a_number_in_a_header_is_the_one_that_was_written_or_none() -> None:
    for number in (2**64, -(2**63) - 1, 10**400, 1e300):
        for header in ({"n": number}, {"n": [{"n": number}]}):
            with pytest.raises(JamValidationError):
                HS256.sign(b"x", header)
            with pytest.raises(JamValidationError):
                HS256.sign_json(b"x", unprotected=header)
        protected = encode(json.dumps({"alg": "HS256", "n": number}))
        with pytest.raises(JamJWTMalformed):
            HS256.verify(f"{protected}..AAAA")
    header = {"most": 2**64 - 1, "least": -(2**63), "n": 1.5}
    assert HS256.verify(HS256.sign(b"x", header)).header == {"alg": "HS256", **header}


def test_a_call_that_lacks_an_argument_is_told_the_name_that_it_used() -> None:
    for jwt in (JWT, jam.jwt.JWT):
        made: Any = jwt("HS256", b"x" * 32)
        with pytest.raises(TypeError, match=r"^JWT\.encode\(\)"):
            made.encode({}, 60)
        new: Any = jwt
        with pytest.raises(TypeError, match=r"^JWT\."):
            new()


def test_the_modules_show_what_they_offer() -> None:
    for module in (jam.jose, jam.paseto, jam.otp, jam.otp.replay_guard, jam.aio.replay_guard):
        assert dir(module) == sorted(module.__all__)
        assert all(hasattr(module, name) for name in module.__all__)
