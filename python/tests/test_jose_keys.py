"""`jam.jose.JWK` and `JWKSet`: every form of every kind of key, against three other libraries, and what is refused."""

from __future__ import annotations

import base64
import copy
import functools
import json
import os
import pickle
from pathlib import Path
from typing import Any

import jwcrypto.jwk
import jwcrypto.jws
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jam.exceptions import (
    JamError,
    JamJWTEmptySecretKey,
    JamJWTInvalidSignature,
    JamKeyError,
    JamKeyMalformed,
    JamKeyNotFound,
    JamKeyWeak,
    JamKeyWrongKind,
    JamValidationError,
)
from jam.jose import JWK, JWS, JWKSet, SkippedKey
from jam.jwt import JWT
from joserfc.jwk import import_key

PASSWORD = "correct horse battery staple"
KINDS = {
    "RSA": ("RSA", None),
    "P-256": ("EC", "P-256"),
    "P-384": ("EC", "P-384"),
    "P-521": ("EC", "P-521"),
    "secp256k1": ("EC", "secp256k1"),
    "Ed25519": ("OKP", "Ed25519"),
    "X25519": ("OKP", "X25519"),
}
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
ML_DSA = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}


@functools.cache
def made_by_jam(kind: str) -> JWK:
    kty, crv = KINDS[kind]
    return JWK.generate(kty, crv=crv)


@functools.cache
def made_by_cryptography(kind: str) -> Any:
    curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "secp256k1": ec.SECP256K1()}
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return x25519.X25519PrivateKey.generate() if kind == "X25519" else ec.generate_private_key(curves[kind])


def public_bytes(key: Any) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_bytes(key: Any) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


@EVERY_KIND
def test_a_key_survives_every_form(kind: str) -> None:
    key = made_by_jam(kind)
    assert key.is_private
    for same in (
        JWK.from_dict(key.to_dict(private=True)),
        JWK.from_json(key.to_json(private=True)),
        JWK.from_json(key.to_json(private=True).encode()),
        JWK.from_pem(key.to_pem(private=True)),
        JWK.from_pem(key.to_pem(private=True, password=PASSWORD), PASSWORD),
        JWK.from_pem(key.to_pem(private=True, password=PASSWORD).encode(), password=PASSWORD.encode()),
        JWK.from_der(key.to_der(private=True)),
        JWK.from_der(key.to_der(private=True, password=PASSWORD), PASSWORD),
    ):
        assert same == key
        assert same.to_dict(private=True) == key.to_dict(private=True)
    for half in (key.public(), JWK.from_dict(key.to_dict()), JWK.from_pem(key.to_pem()), JWK.from_der(key.to_der())):
        assert not half.is_private
        assert half != key
        assert half == key.public()
        assert half.to_dict() == key.to_dict()
        for forbidden in (half.to_dict, half.to_json, half.to_pem, half.to_der):
            with pytest.raises(JamKeyWrongKind):
                forbidden(private=True)


@EVERY_KIND
def test_cryptography_reads_what_jam_writes(kind: str) -> None:
    key = made_by_jam(kind)
    theirs: Any = serialization.load_pem_private_key(key.to_pem(private=True).encode(), None)
    assert private_bytes(theirs) == key.to_der(private=True)
    encrypted = key.to_pem(private=True, password=PASSWORD).encode()
    assert encrypted.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    opened: Any = serialization.load_pem_private_key(encrypted, PASSWORD.encode())
    assert private_bytes(opened) == private_bytes(theirs)
    encrypted_der: Any = serialization.load_der_private_key(
        key.to_der(private=True, password=PASSWORD), PASSWORD.encode()
    )
    assert private_bytes(encrypted_der) == private_bytes(theirs)
    public: Any = serialization.load_pem_public_key(key.to_pem().encode())
    assert public_bytes(public) == public_bytes(theirs.public_key()) == key.to_der()


@EVERY_KIND
def test_jam_reads_what_cryptography_writes(kind: str) -> None:
    theirs = made_by_cryptography(kind)
    key = JWK.from_der(private_bytes(theirs))
    assert key.public() == JWK.from_der(public_bytes(theirs.public_key()))
    text = theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    assert JWK.from_pem(text, PASSWORD) == key
    for wrong in (None, "", "wrong"):
        with pytest.raises(JamKeyMalformed):
            JWK.from_pem(text, wrong)
    if isinstance(theirs, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        for encoding, read in ((Encoding.PEM, JWK.from_pem), (Encoding.DER, JWK.from_der)):
            old = theirs.private_bytes(encoding, PrivateFormat.TraditionalOpenSSL, NoEncryption())
            assert read(old) == key


@EVERY_KIND
def test_joserfc_reads_what_jam_writes_and_the_other_way_round(kind: str) -> None:
    key = made_by_jam(kind)
    theirs: Any = import_key(key.to_dict(private=True))
    assert theirs.thumbprint() == key.thumbprint()
    assert JWK.from_dict(theirs.as_dict(private=True)) == key
    assert JWK.from_pem(theirs.as_pem(private=True)) == key
    assert JWK.from_pem(theirs.as_pem(private=True, password=PASSWORD), PASSWORD) == key
    assert JWK.from_dict(theirs.as_dict(private=False)) == key.public()
    from_pem: Any = import_key(key.to_pem(private=True), theirs.key_type)
    assert from_pem.thumbprint() == key.thumbprint()


@EVERY_KIND
def test_jwcrypto_reads_what_jam_writes_and_the_other_way_round(kind: str) -> None:
    key = made_by_jam(kind).replace(kid="2026")
    theirs = jwcrypto.jwk.JWK.from_json(key.to_json(private=True))
    assert theirs.thumbprint() == key.thumbprint()
    assert theirs.thumbprint_uri() == key.thumbprint_uri()
    assert JWK.from_json(theirs.export_private()).to_dict(private=True) == key.to_dict(private=True)
    assert JWK.from_json(theirs.export_public()).to_dict() == key.to_dict()
    assert JWK.from_pem(theirs.export_to_pem(private_key=True, password=None)) == key
    assert JWK.from_pem(theirs.export_to_pem(private_key=True, password=PASSWORD.encode()), PASSWORD) == key
    read = jwcrypto.jwk.JWK.from_pem(key.to_pem(private=True, password=PASSWORD).encode(), PASSWORD.encode())
    assert read.thumbprint() == key.thumbprint()


@pytest.mark.parametrize("alg", ML_DSA)
def test_ml_dsa_keys_are_the_same_everywhere(alg: str) -> None:
    try:
        key = JWK.generate("AKP", alg=alg)
    except JamValidationError:
        pytest.skip("this build has no ML-DSA; its feature is ml-dsa")
    assert (key.kty, key.alg, key.crv) == ("AKP", alg, None)
    assert sorted(key.to_dict(private=True)) == ["alg", "kty", "priv", "pub"]
    theirs = jwcrypto.jwk.JWK.from_json(key.to_json(private=True))
    assert theirs.thumbprint() == key.thumbprint()
    assert JWK.from_json(theirs.export_private()) == key
    loaded: Any = serialization.load_pem_private_key(
        key.to_pem(private=True, password=PASSWORD).encode(), PASSWORD.encode()
    )
    assert private_bytes(loaded) == key.to_der(private=True)
    assert public_bytes(loaded.public_key()) == key.to_der()
    made = ML_DSA[alg].generate()
    assert JWK.from_der(private_bytes(made)).public() == JWK.from_der(public_bytes(made.public_key()))
    token = JWT(alg, private_key=key.to_pem(private=True)).encode({"user": 1})
    verifier = jwcrypto.jws.JWS()
    verifier.allowed_algs = [alg]
    verifier.deserialize(token, theirs)
    assert json.loads(verifier.payload) == {"user": 1}
    signer = jwcrypto.jws.JWS(b'{"user":2}')
    signer.add_signature(theirs, alg, json.dumps({"alg": alg}))
    assert JWT(alg, public_key=key.to_pem()).decode(signer.serialize(compact=True)) == {"user": 2}


def test_a_symmetric_key_is_the_same_everywhere() -> None:
    key = JWK.generate("oct", size=512)
    assert key.is_private
    assert key == JWK.from_dict(key.to_dict(private=True))
    theirs: Any = import_key(key.to_dict(private=True))
    assert theirs.thumbprint() == key.thumbprint() == jwcrypto.jwk.JWK(**key.to_dict(private=True)).thumbprint()
    assert JWK.from_secret(theirs.raw_value) == key
    for forbidden in (key.public, key.to_dict, key.to_json, key.to_pem, key.to_der):
        with pytest.raises(JamKeyWrongKind):
            forbidden()
    for forbidden in (key.to_pem, key.to_der):
        with pytest.raises(JamKeyWrongKind):
            forbidden(private=True)


def test_a_key_says_what_it_is_for() -> None:
    key = JWK.generate("EC", alg="ES384").replace(kid="2026", use="sig", key_ops=["sign", "verify"])
    assert (key.kty, key.crv, key.alg, key.kid, key.use) == ("EC", "P-384", "ES384", "2026", "sig")
    assert key.key_ops == ["sign", "verify"]
    assert key.public().key_ops == ["verify"]
    assert key.replace(kid="2027").kid == "2027"
    assert key.replace(kid="2027").alg == "ES384"
    assert key.replace(key_ops="sign").public().key_ops == ["verify"]
    # None takes a statement away; what is left out stays.
    silent = key.replace(kid=None, alg=None, use=None, key_ops=None)
    assert (silent.alg, silent.kid, silent.use, silent.key_ops) == (None, None, None, None)
    assert silent == key
    assert key.replace(kid=None).alg == "ES384"
    assert key.replace().kid == key.replace(kid=...).kid == "2026"  # pyright: ignore[reportArgumentType]
    bare = JWK.generate("oct")
    assert (bare.crv, bare.alg, bare.kid, bare.use, bare.key_ops) == (None, None, None, None, None)
    assert key.to_dict() == {**key.to_dict(), "alg": "ES384", "kid": "2026", "use": "sig", "key_ops": ["verify"]}


@pytest.mark.parametrize(
    "statements",
    [
        {"use": "enc", "key_ops": ["sign"]},
        {"use": "sig", "key_ops": ["deriveKey"]},
        {"use": "enc", "alg": "ES256"},
        {"use": "sig", "alg": "ECDH-ES"},
        {"alg": "ES256", "key_ops": ["wrapKey"]},
        {"alg": "ES384"},
        {"alg": "HS256"},
        {"alg": "RSA-OAEP"},
    ],
)
def test_attack_6_what_a_key_says_about_its_use_agrees(statements: dict[str, Any]) -> None:
    # RFC 7517 section 4.3
    key = JWK.generate("EC")
    with pytest.raises(JamKeyMalformed):
        key.replace(**statements)
    members = {**key.to_dict(private=True), "kid": "2026", **statements}
    with pytest.raises(JamKeyMalformed):
        JWK.from_dict(members)
    assert [skipped.kid for skipped in JWKSet.from_dict({"keys": [members]}).skipped] == ["2026"]


def test_a_key_that_names_no_use_is_found_by_what_it_says_and_is() -> None:
    ec, secret = JWK.generate("EC"), JWK.generate("oct")
    for key, uses in (
        (ec, ["sig", "enc"]),
        (ec.replace(use="sig"), ["sig"]),
        (ec.replace(alg="ES256"), ["sig"]),
        (ec.replace(alg="ECDH-ES"), ["enc"]),
        (secret.replace(key_ops=["verify"]), ["sig"]),
        (secret.replace(key_ops=["decrypt"]), ["enc"]),
        (JWK.generate("OKP"), ["sig"]),
        (JWK.generate("OKP", crv="X25519"), ["enc"]),
    ):
        for use in ("sig", "enc", "tls"):
            if use in uses:
                assert JWKSet([key]).find(use=use) == key
            else:
                with pytest.raises(JamKeyNotFound):
                    JWKSet([key]).find(use=use)


def test_new_keys_are_what_was_asked_for() -> None:
    assert len(JWK.generate("oct", alg="HS512").to_dict(private=True)["k"]) == 86
    assert JWK.generate("oct", alg="HS512").alg == "HS512"
    assert JWK.generate("OKP").crv == "Ed25519"
    loaded: Any = serialization.load_pem_public_key(JWK.generate("RSA", size=3072).to_pem().encode())
    assert loaded.key_size == 3072
    assert JWK.generate("EC") != JWK.generate("EC")
    wrong: dict[str, Any]
    for wrong in (
        {"kty": "DSA"},
        {"kty": "EC", "crv": "P-224"},
        {"kty": "EC", "size": 256},
        {"kty": "RSA", "size": 1024},  # attack 10
        {"kty": "RSA", "size": -1},
        {"kty": "RSA", "size": 2**64},
        {"kty": "RSA", "crv": "P-256"},
        {"kty": "oct", "size": 8},
        {"kty": "oct", "alg": "HS256", "size": 128},
        {"kty": "EC", "alg": "EdDSA"},
        {"kty": "\ud800"},
    ):
        with pytest.raises(JamValidationError):
            JWK.generate(**wrong)


def test_thumbprints_are_those_of_rfc_8037() -> None:
    # Appendix A.3
    key = JWK.from_dict({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    assert key.thumbprint() == key.thumbprint("sha256") == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.thumbprint_uri() == f"urn:ietf:params:oauth:jwk-thumbprint:sha-256:{key.thumbprint()}"
    assert {len(key.thumbprint(name)) for name in ("sha384", "sha-384")} == {64}
    for wrong in ("sha1", "md5", ""):
        with pytest.raises(JamValidationError):
            key.thumbprint(wrong)


@pytest.mark.parametrize("shown", [repr, str, lambda key: f"{[key]}"])
@EVERY_KIND
def test_attack_74_nothing_shows_a_secret(kind: str, shown: Any) -> None:
    key = made_by_jam(kind)
    secrets = set(key.to_dict(private=True).items()) - set(key.to_dict().items())
    assert secrets
    assert not any(secret in shown(key) for _, secret in secrets)
    assert shown(JWKSet([key])).count("1 keys") == 1


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_attack_74_a_key_does_not_leave_its_object(copied: Any) -> None:
    key = JWK.generate("EC")
    for value in (key, key.public(), JWKSet([key])):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            copied(value)


def test_attack_74_errors_do_not_quote_the_key() -> None:
    members = made_by_jam("P-256").to_dict(private=True)
    for broken in ({**members, "x": members["y"]}, {**members, "d": members["d"] + "!"}, {**members, "kid": 5}):
        with pytest.raises(JamKeyError) as caught:
            JWK.from_dict(broken)
        assert not any(text in str(caught.value) for text in (members["x"], members["y"], members["d"]))


@EVERY_KIND
def test_attack_15_halves_of_two_keys_are_no_key(kind: str) -> None:
    kty, crv = KINDS[kind]
    with pytest.raises(JamKeyMalformed):
        JWK.from_dict({**made_by_jam(kind).to_dict(private=True), **JWK.generate(kty, crv=crv).to_dict()})


def test_attack_10_weak_rsa_keys_are_refused() -> None:
    weak: Any = rsa.generate_private_key(65537, 1024)
    for read, form in ((JWK.from_der, private_bytes(weak)), (JWK.from_der, public_bytes(weak.public_key()))):
        with pytest.raises(JamKeyWeak):
            read(form)
    strong = made_by_jam("RSA").to_dict()
    for changed in ({"e": "AQ"}, {"e": "Ag"}, {"e": ""}, {"n": strong["n"][:172]}):
        with pytest.raises(JamKeyError):
            JWK.from_dict({**strong, **changed})


def test_attack_8_an_empty_secret_is_refused() -> None:
    for made in (
        lambda: JWK.from_dict({"kty": "oct", "k": ""}),
        lambda: JWK.from_secret(b""),
        lambda: JWKSet([b""]),
        lambda: JWS("HS256", b""),
    ):
        with pytest.raises(JamJWTEmptySecretKey):
            made()


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"kty": None},
        {"kty": "oct"},
        {"kty": "oct", "k": b"bytes"},
        {"kty": "oct", "k": "AA=="},
        {"kty": "oct", "k": "AAAA", "use": ["sig"]},
        {"kty": "oct", "k": "AAAA", "key_ops": "sign"},
        {"kty": "oct", "k": "AAAA", "key_ops": ["sign", "sign"]},
        {"kty": "oct", "k": "AAAA", 1: 2},
        {"kty": "oct", "k": "AAAA", "x": "\ud800"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        [],
        None,
        "text",
    ],
    ids=repr,
)
def test_members_that_are_no_key_are_refused(members: Any) -> None:
    with pytest.raises(JamError):
        JWK.from_dict(members)


def test_texts_that_are_no_key_are_refused() -> None:
    deep = '{"kty":"oct","k":"AAAA","x":' + "[" * 100_000
    for text in (
        "",
        "{}",
        "null",
        "[]",
        "\ud800",
        b"\xff",
        '{"kty":"oct","kty":"oct","k":"AAAA"}',
        deep,
        " " * 100_000,
    ):
        with pytest.raises(JamError):
            JWK.from_json(text)
    for text in ("", "secret", "/etc/hostname", "-----BEGIN PUBLIC KEY-----", "\ud800", b"\xff", "{}"):
        with pytest.raises(JamError):
            JWK.from_pem(text)
    for data in (b"", b"\x30", b"\x30\x80" * 1000, b"0" * 100_000):
        with pytest.raises(JamKeyMalformed):
            JWK.from_der(data)


def test_arguments_of_a_wrong_type_are_type_errors() -> None:
    key: Any = JWK.generate("EC")
    for call in (
        lambda: JWK.from_json(1),  # pyright: ignore[reportArgumentType]
        lambda: JWK.from_pem(None),  # pyright: ignore[reportArgumentType]
        lambda: JWK.from_pem(key.to_pem(), 5),  # pyright: ignore[reportArgumentType]
        lambda: JWK.from_der("text"),  # pyright: ignore[reportArgumentType]
        lambda: JWK.from_secret("text"),  # pyright: ignore[reportArgumentType]
        lambda: JWK.generate(None),  # pyright: ignore[reportArgumentType]
        lambda: JWK.generate("RSA", size="2048"),  # pyright: ignore[reportArgumentType]
        lambda: key.thumbprint(256),
        lambda: key.replace(kid=1),
        lambda: JWK(),
        lambda: JWKSet(None),  # pyright: ignore[reportArgumentType]
        lambda: JWKSet([1]),  # pyright: ignore[reportArgumentType]
        lambda: JWKSet([]).find(alg=1),  # pyright: ignore[reportArgumentType]
    ):
        with pytest.raises(TypeError):
            call()
    # The message names the argument.
    for call, name in (
        (lambda: JWK.from_der("text"), "data: expected bytes, not str"),  # pyright: ignore[reportArgumentType]
        (lambda: JWK.from_secret("text"), "secret: expected bytes, not str"),  # pyright: ignore[reportArgumentType]
        (lambda: JWK.from_pem(5), "text: expected bytes or str, not int"),  # pyright: ignore[reportArgumentType]
        (lambda: JWK.generate("RSA", size=True), "size: expected int, not bool"),
    ):
        with pytest.raises(TypeError, match=f"^{name}$"):
            call()
    with pytest.raises(JamValidationError):
        key.to_pem(password=PASSWORD)
    with pytest.raises(JamKeyWeak):
        key.to_pem(private=True, password="")


def test_a_dict_is_taken_as_it_is_and_stays_so() -> None:
    members = made_by_jam("P-256").to_dict(private=True)
    before = json.dumps(members)
    key = JWK.from_dict(members)
    members["kid"] = "changed"
    assert key.kid is None
    del members["kid"]
    assert json.dumps(members) == before
    assert len({key, JWK.from_dict(members), key.public()}) == 2


class TestSets:
    def test_a_set_survives_its_forms(self) -> None:
        keys = [made_by_jam(kind).replace(kid=kind) for kind in KINDS]
        whole = JWKSet(keys)
        assert len(whole) == len(KINDS)
        assert list(whole) == keys
        assert list(JWKSet.from_dict(whole.to_dict())) == [key.public() for key in keys]
        assert list(JWKSet.from_json(whole.to_json(private=True))) == keys
        assert [key["kid"] for key in whole.to_dict()["keys"]] == list(KINDS)
        theirs = jwcrypto.jwk.JWKSet.from_json(whole.to_json(private=True))
        assert JWKSet.from_json(theirs.export(private_keys=True)).to_dict() != {}

    def test_keys_come_in_every_form(self) -> None:
        key = made_by_jam("P-256")
        secret = JWK.from_secret(b"s" * 32)
        mixed = JWKSet([key, key.to_dict(), key.to_json(), key.to_pem(), b"s" * 32])
        assert list(mixed) == [key, key.public(), key.public(), key.public(), secret]
        with pytest.raises(JamKeyWrongKind):
            mixed.to_dict()

    def test_a_key_that_cannot_be_used_is_skipped_and_named(self) -> None:
        good = made_by_jam("Ed25519").replace(kid="good").to_dict()
        read = JWKSet.from_dict({"keys": [{"kty": "EC", "crv": "P-224", "kid": "bad"}, good, 5], "more": 1})
        assert list(read) == [JWK.from_dict(good)]
        first, second = read.skipped
        assert isinstance(first, SkippedKey)
        assert (first.index, first.kid, first.kty, first.error_code) == (0, "bad", "EC", "key.wrong_kind")
        assert "P-256" in first.reason
        assert (second.index, second.kid, second.kty) == (2, None, None)

    def test_attack_17_a_name_is_opaque_text(self) -> None:
        named = JWKSet([made_by_jam("P-256").replace(kid="2026")])
        assert named.find("2026") == named.find(kid="2026", alg="ES256", use="sig") == made_by_jam("P-256")
        for unknown in ("", "*", "2026 ", "2026\0", "../../dev/null", "' OR 1=1", "x" * 1_000_000):
            with pytest.raises(JamKeyNotFound):
                named.find(unknown)
        for no_text in ("\ud800", 2026, ["2026"], {"kid": "2026"}, b"2026"):
            with pytest.raises(JamValidationError):
                named.find(no_text)  # pyright: ignore[reportArgumentType]

    def test_attack_18_two_keys_that_fit_are_none(self) -> None:
        one, two = JWK.generate("EC"), JWK.generate("EC")
        same = JWKSet([one.replace(kid="a"), two.replace(kid="a"), made_by_jam("RSA").replace(kid="a")])
        for question in ({"kid": "a"}, {"kid": "a", "alg": "ES256"}, {"alg": "ES256"}, {}):
            with pytest.raises(JamKeyNotFound):
                same.find(**question)
        assert same.find(kid="a", alg="PS256").kty == "RSA"
        by_use = JWKSet([one.replace(use="sig"), two.replace(use="enc")])
        assert by_use.find(use="sig") == by_use.find(alg="ES256") == one
        assert by_use.find(use="enc") == two

    @pytest.mark.parametrize(
        "text", ["", "[]", "{}", '{"keys":{}}', '{"keys":[],"keys":[]}', '{"keys":' + "[" * 100_000]
    )
    def test_what_is_no_set_is_refused(self, text: str) -> None:
        with pytest.raises(JamKeyMalformed):
            JWKSet.from_json(text)

    def test_a_set_has_bounds(self) -> None:
        key = {"kty": "oct", "k": "AAAA"}
        assert len(JWKSet.from_dict({"keys": [key] * 1000})) == 1000
        with pytest.raises(JamKeyMalformed):
            JWKSet.from_dict({"keys": [key] * 1001})
        with pytest.raises(JamValidationError):
            JWKSet([JWK.from_secret(b"s")] * 1001)
        with pytest.raises(JamKeyMalformed):
            JWKSet.from_json('{"keys":[],"x":"' + "x" * 2**20 + '"}')


VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "jose"
ACCEPTED = {1: "a set may hold keys of several types (RFC 7517 section 5); the algorithm belongs to the key"}
"""Cases that are refused by the policy of the suite and hold here, with the reason."""


def wycheproof_cases() -> list[Any]:
    path = VECTORS / "json_web_key_test.json"
    if not path.exists():
        return [pytest.param(None, None, marks=pytest.mark.skip(reason=f"no vectors at {path}"))]
    groups = json.loads(path.read_bytes())["testGroups"]
    cases = [(group.get("public") or group["private"], case) for group in groups for case in group["tests"]]
    assert len(cases) == 26
    return [pytest.param(*case, id=str(case[1]["tcId"])) for case in cases]


def header_of(token: str) -> dict[str, Any]:
    encoded = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))


@pytest.mark.parametrize(("members", "case"), wycheproof_cases())
def test_wycheproof_agrees_on_sets_of_keys(members: dict[str, Any], case: dict[str, Any]) -> None:
    def verify_with_the_key_that_is_found() -> bytes:
        header = header_of(case["jws"])
        key = JWKSet.from_dict(members).find(kid=header.get("kid"))
        return JWS(key.alg or header["alg"], key).verify(case["jws"]).payload

    def verify_with_the_set() -> bytes:
        return JWS(members["keys"][0]["alg"], JWKSet.from_dict(members)).verify(case["jws"]).payload

    for verify in (verify_with_the_key_that_is_found, verify_with_the_set):
        if case["result"] == "valid" or case["tcId"] in ACCEPTED:
            assert verify() == b"foo"
        else:
            with pytest.raises(JamError):
                verify()


@functools.cache
def public_key_texts() -> list[bytes]:
    pem, der = made_by_jam("RSA").to_pem().encode(), made_by_jam("RSA").to_der()
    one_line = b"".join(pem.splitlines()[1:-1])
    jwk = made_by_jam("RSA").to_json().encode()
    texts = [pem, b" " + pem, pem.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + pem, der, one_line, base64.b64encode(pem)]
    texts += [jwk, b'{"keys":[' + jwk + b"]}", base64.urlsafe_b64encode(jwk)]
    return [*texts, b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ user@host", b"\n" + jwk, made_by_jam("P-256").to_der()]


def test_attacks_2_to_4_the_text_of_a_public_key_is_no_secret() -> None:
    for text in public_key_texts():
        for key in (
            JWK.from_secret(text),
            text,
            {"kty": "oct", "k": base64.urlsafe_b64encode(text).decode().rstrip("=")},
        ):
            with pytest.raises(JamKeyWrongKind):
                JWS("HS256", key)


def test_attack_5_a_key_without_alg_takes_none_from_the_header() -> None:
    forged = JWS("HS256", b"s" * 64).sign(b"{}")
    for kind in KINDS:
        with pytest.raises(JamKeyWrongKind):
            JWS("HS256", made_by_jam(kind))
    with pytest.raises(JamError):
        JWS("RS256", made_by_jam("RSA")).verify(forged)


def test_attack_6_both_the_algorithm_and_the_key_must_agree() -> None:
    rsa_key = made_by_jam("RSA")
    for bound in (rsa_key.replace(alg="RS256"), rsa_key.replace(use="enc"), rsa_key.replace(key_ops=["encrypt"])):
        with pytest.raises(JamKeyWrongKind):
            JWS("PS256", bound)
    assert JWS("PS256", rsa_key.replace(alg="PS256", use="sig", key_ops=["sign"])).sign(b"")


def test_attack_9_a_secret_is_as_long_as_the_hash() -> None:
    for alg, length in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
        with pytest.raises(JamKeyWeak):
            JWS(alg, JWK.from_secret(b"s" * (length - 1)))
        assert JWS(alg, JWK.from_secret(b"s" * length)).sign(b"")
    with pytest.raises(JamJWTEmptySecretKey):
        JWS("HS256", JWK.from_secret(b""))


def test_attack_16_a_key_in_the_header_is_never_used() -> None:
    attacker, own = JWK.generate("EC"), JWK.generate("EC")
    for members in (
        {"jwk": attacker.to_dict()},
        {"jku": "https://attacker.example/keys"},
        {"x5u": "https://attacker.example/x"},
    ):
        token = JWS("ES256", attacker).sign(b"{}", members)
        with pytest.raises(JamJWTInvalidSignature):
            JWS("ES256", own).verify(token)


def test_attacks_17_and_18_the_name_in_a_token_finds_one_key_or_none() -> None:
    keys = [JWK.generate("EC").replace(kid=kid) for kid in ("a", "b", "b")]
    everyone = JWKSet([key.public() for key in keys])
    assert JWS("ES256", everyone).verify(JWS("ES256", keys[0]).sign(b"x")).payload == b"x"
    for signer in (keys[0].replace(kid="c"), keys[0].replace(kid="../a"), keys[0].replace(kid="b"), keys[1]):
        with pytest.raises(JamError):
            JWS("ES256", everyone).verify(JWS("ES256", signer).sign(b"x"))
