"""JSON Web Encryption: the examples of the RFCs, the vectors, and exchange with other libraries in both directions."""

from __future__ import annotations

import base64
import functools
import hmac
import json
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from faces import Face
from jam.exceptions import (
    JamConfigurationError,
    JamConfigurationMissingSection,
    JamError,
    JamJWEDecryptionError,
    JamJWEMalformed,
    JamJWEUnsupportedAlgorithm,
    JamKeyError,
    JamKeyNotFound,
    JamKeyWrongKind,
    JamValidationError,
)
from jam.jose import JWE, JWK, JWS, JWT, BaseJWE, DecryptedJWE, JWKSet
from joserfc import jwe as joserfc_jwe
from joserfc import jwk as joserfc_jwk
from joserfc.jwe import FlattenedJSONEncryption, GeneralJSONEncryption, JWERegistry
from jwcrypto import jwe as jwcrypto_jwe
from jwcrypto import jwk as jwcrypto_jwk

VECTORS = Path(os.environ.get("JAM_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "jose"
EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "crates" / "jam" / "tests" / "rfc" / "encryption.json").read_text(encoding="utf-8")
)

SHARED = ("dir", "A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW")
OAEP = ("RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512")
AGREED = ("ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW")
PASSWORD = ("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW")
CURVES = ("P-256", "P-384", "P-521", "X25519")
CONTENT_KEYS = {
    "A128CBC-HS256": 32,
    "A192CBC-HS384": 48,
    "A256CBC-HS512": 64,
    "A128GCM": 16,
    "A192GCM": 24,
    "A256GCM": 32,
}
OFFERED_BY_PEERS = (*SHARED, "RSA-OAEP", "RSA-OAEP-256", *AGREED, *PASSWORD)
PLAINTEXT = "Über allen Gipfeln ist Ruh".encode()


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@functools.cache
def rsa_key() -> JWK:
    return JWK.generate("RSA")


@functools.cache
def agreement_key(curve: str) -> JWK:
    return JWK.generate("OKP" if curve == "X25519" else "EC", crv=curve)


def key_for(alg: str, enc: str, curve: str | None) -> JWK:
    if alg in OAEP:
        return rsa_key()
    if curve is not None:
        return agreement_key(curve)
    if alg in PASSWORD:
        return JWK.from_secret(b"correct horse battery staple")
    length = CONTENT_KEYS[enc] if alg == "dir" else int(alg[1:4]) // 8
    return JWK.from_secret(bytes(range(length)))


def cases(alg: str) -> Iterator[tuple[str, str | None]]:
    """Every content encryption, and where keys are agreed on, every curve."""
    for enc in CONTENT_KEYS:
        for curve in CURVES if alg in AGREED else (None,):
            yield enc, curve


def jam_jwe(alg: str, enc: str, key: Any, **options: Any) -> JWE:
    if alg in PASSWORD:
        options = {"allow_pbes2": True, "p2c": 1000, **options}
    return JWE(alg, enc, key, **options)


class Joserfc:
    """joserfc, with everything allowed that it has."""

    def __init__(self, alg: str, enc: str, key: JWK) -> None:
        self.alg, self.enc = alg, enc
        self.registry = JWERegistry(algorithms=[alg, enc, "DEF"])
        self.key: Any = joserfc_jwk.import_key(key.to_dict(private=True))

    def encrypt(self, plaintext: bytes, **header: Any) -> str:
        protected = {"alg": self.alg, "enc": self.enc, **header}
        return joserfc_jwe.encrypt_compact(protected, plaintext, self.key, registry=self.registry)

    def decrypt(self, token: str) -> bytes:
        plaintext = joserfc_jwe.decrypt_compact(token, self.key, registry=self.registry).plaintext
        assert plaintext is not None
        return plaintext

    def encrypt_json(self, plaintext: bytes, aad: bytes) -> dict[str, Any]:
        message = FlattenedJSONEncryption({"enc": self.enc}, plaintext, None, aad)
        message.add_recipient({"alg": self.alg}, self.key)
        return dict(joserfc_jwe.encrypt_json(message, None, registry=self.registry))

    def decrypt_json(self, message: dict[str, Any]) -> bytes:
        plaintext = joserfc_jwe.decrypt_json(message, self.key, registry=self.registry).plaintext  # type: ignore[arg-type]
        assert plaintext is not None
        return plaintext


class Jwcrypto:
    """jwcrypto, with everything allowed that it has."""

    def __init__(self, alg: str, enc: str, key: JWK) -> None:
        self.alg, self.enc = alg, enc
        self.key: Any = jwcrypto_jwk.JWK(**key.to_dict(private=True))

    def encrypt(self, plaintext: bytes, **header: Any) -> str:
        # Without p2c it iterates a password 8192 times.
        protected = json.dumps({"alg": self.alg, "enc": self.enc, **header})
        return jwcrypto_jwe.JWE(plaintext, protected, recipient=self.key).serialize(compact=True)

    def decrypt(self, token: str) -> bytes:
        message = jwcrypto_jwe.JWE()
        message.deserialize(token, self.key)
        return message.payload

    def encrypt_json(self, plaintext: bytes, aad: bytes) -> dict[str, Any]:
        protected = json.dumps({"enc": self.enc})
        header = json.dumps({"alg": self.alg})
        message = jwcrypto_jwe.JWE(plaintext, protected, aad=aad)
        message.add_recipient(self.key, header)
        return json.loads(message.serialize())

    def decrypt_json(self, message: dict[str, Any]) -> bytes:
        return self.decrypt(json.dumps(message))


PEERS: dict[str, Callable[[str, str, JWK], Joserfc | Jwcrypto]] = {"joserfc": Joserfc, "jwcrypto": Jwcrypto}


@pytest.mark.parametrize("peer_name", PEERS)
@pytest.mark.parametrize("alg", OFFERED_BY_PEERS)
def test_fault_19_tokens_are_exchanged_in_both_directions(peer_name: str, alg: str) -> None:
    for enc, curve in cases(alg):
        key = key_for(alg, enc, curve)
        ours, peer = jam_jwe(alg, enc, key), PEERS[peer_name](alg, enc, key)
        case = f"{alg} {enc} {curve}"
        for plaintext in (PLAINTEXT, b"x" * 4096):
            assert ours.decrypt(peer.encrypt(plaintext)).plaintext == plaintext, case
            assert peer.decrypt(ours.encrypt(plaintext)) == plaintext, case
        assert ours.decrypt_json(peer.encrypt_json(PLAINTEXT, b"for all")).plaintext == PLAINTEXT, case
        assert peer.decrypt_json(ours.encrypt_json(PLAINTEXT, aad=b"for all")) == PLAINTEXT, case


def open_content(enc: str, key: bytes, iv: bytes, aad: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """RFC 7518 section 5, with another library."""
    if enc.endswith("GCM"):
        return AESGCM(key).decrypt(iv, ciphertext + tag, aad)
    half = len(key) // 2
    text = aad + iv + ciphertext + (len(aad) * 8).to_bytes(8, "big")
    assert hmac.compare_digest(hmac.digest(key[:half], text, f"sha{half * 16}")[:half], tag)
    decryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()


def seal_content(enc: str, key: bytes, iv: bytes, aad: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
    if enc.endswith("GCM"):
        sealed = AESGCM(key).encrypt(iv, plaintext, aad)
        return sealed[:-16], sealed[-16:]
    half = len(key) // 2
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key[half:]), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()
    text = aad + iv + ciphertext + (len(aad) * 8).to_bytes(8, "big")
    return ciphertext, hmac.digest(key[:half], text, f"sha{half * 16}")[:half]


@pytest.mark.parametrize("enc", CONTENT_KEYS)
@pytest.mark.parametrize("alg", OAEP)
def test_oaep_is_exchanged_with_the_primitives_of_another_library(alg: str, enc: str) -> None:
    # The peers do not offer the two longer hashes.
    digest = {"RSA-OAEP": hashes.SHA1(), "256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
    algorithm = digest[alg if alg == "RSA-OAEP" else alg[-3:]]
    oaep = rsa_padding.OAEP(rsa_padding.MGF1(algorithm), algorithm, None)
    private = rsa.generate_private_key(65537, 2048)
    numbers = private.private_numbers()
    size = {"n": numbers.public_numbers.n, "e": numbers.public_numbers.e, "d": numbers.d, "p": numbers.p}
    size |= {"q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    members = {name: encode(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in size.items()}
    ours = JWE(alg, enc, {"kty": "RSA", **members})

    header, wrapped, iv, ciphertext, tag = ours.encrypt(PLAINTEXT).split(".")
    key = private.decrypt(decode(wrapped), oaep)
    assert open_content(enc, key, decode(iv), header.encode(), decode(ciphertext), decode(tag)) == PLAINTEXT

    key, vector = os.urandom(CONTENT_KEYS[enc]), os.urandom(12 if enc.endswith("GCM") else 16)
    header = encode(json.dumps({"alg": alg, "enc": enc}).encode())
    parts = (
        private.public_key().encrypt(key, oaep),
        vector,
        *seal_content(enc, key, vector, header.encode(), PLAINTEXT),
    )
    assert ours.decrypt(".".join((header, *map(encode, parts)))).plaintext == PLAINTEXT


@pytest.mark.parametrize("peer_name", PEERS)
def test_compressed_tokens_and_parties_are_exchanged_too(peer_name: str) -> None:
    key = agreement_key("P-256")
    ours = JWE("ECDH-ES+A128KW", "A256GCM", key, compress=True, apu="Alice", apv=b"Bob")
    peer = PEERS[peer_name]("ECDH-ES+A128KW", "A256GCM", key)
    text = b"the same again and again, " * 100
    token = ours.encrypt(text)
    assert len(token) < 600
    assert peer.decrypt(token) == text
    decrypted = ours.decrypt(peer.encrypt(text, zip="DEF", apu=encode(b"Bob"), apv=encode(b"Alice")))
    assert decrypted.plaintext == text
    assert decrypted.header["apu"] == encode(b"Bob")


def test_messages_for_several_are_exchanged_too() -> None:
    enc = "A128CBC-HS256"
    keys = {"RSA-OAEP-256": rsa_key(), "ECDH-ES+A256KW": agreement_key("X25519"), "A192KW": JWK.from_secret(bytes(24))}
    ours = [JWE(alg, enc, key) for alg, key in keys.items()]
    message = ours[0].encrypt_json(PLAINTEXT, aad="for all", recipients=ours[1:])
    imported: dict[str, Any] = {alg: joserfc_jwk.import_key(key.to_dict(private=True)) for alg, key in keys.items()}
    registry = JWERegistry(algorithms=[*keys, enc])
    # joserfc asks for the keys of all recipients, and takes what each of them decrypts.
    theirs: Any = joserfc_jwe.decrypt_json(message, lambda one: imported[one.headers()["alg"]], registry=registry)  # type: ignore[arg-type]
    assert theirs.plaintext == PLAINTEXT
    for place, (alg, key) in enumerate(keys.items()):
        assert Jwcrypto(alg, enc, key).decrypt_json(message) == PLAINTEXT
        assert ours[place].decrypt_json(message).recipient == place

    theirs = GeneralJSONEncryption({"enc": enc}, PLAINTEXT, {"jku": "https://server.example"}, b"for all")
    for alg, key in imported.items():
        theirs.add_recipient({"alg": alg}, key)
    sealed: dict[str, Any] = dict(joserfc_jwe.encrypt_json(theirs, None, registry=registry))
    for place, one in enumerate(ours):
        decrypted = one.decrypt_json(json.dumps(sealed))
        assert (decrypted.plaintext, decrypted.recipient, decrypted.aad) == (PLAINTEXT, place, b"for all")
        assert decrypted.protected == {"enc": enc}
        assert decrypted.header["jku"] == "https://server.example"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["name"])
def test_the_examples_of_the_rfcs_decrypt_in_every_form(example: dict[str, Any]) -> None:
    alg, enc = example["alg"], example["enc"]
    if alg == "RSA1_5":  # attack 41
        with pytest.raises(JamJWEUnsupportedAlgorithm):
            JWE(alg, enc, example["key"])
        return
    ours = JWE(alg, enc, example["key"], allow_pbes2=True, max_plaintext=10_000)
    plaintext = example["plaintext"].encode()
    if "compact" in example:
        assert ours.decrypt(example["compact"]).plaintext == plaintext
    for form in ("flattened", "general"):
        if form in example:
            for message in (example[form], json.dumps(example[form])):
                decrypted = ours.decrypt_json(message)
                assert decrypted.plaintext == plaintext
                assert decrypted.recipient == example.get("recipient", 0)
                assert decrypted.aad == example.get("aad", "").encode()


NOT_OFFERED = {100, 101, 102, 103, 104, 105, 112, 128}
"""Cases that are labelled valid, of RSA1_5, which is not offered."""


def test_wycheproof_agrees() -> None:
    path = VECTORS / "json_web_encryption_test.json"
    if not path.exists():
        pytest.skip(f"no test vectors {path.name}")
    seen = 0
    for group in json.loads(path.read_text(encoding="utf-8"))["testGroups"]:
        for case in group["tests"]:
            expected = None
            if case["result"] == "valid" and case["tcId"] not in NOT_OFFERED:
                expected = bytes.fromhex(case["pt"])
            try:
                found = decrypt_case(group["private"], case["jwe"])
            except JamError:
                found = None
            assert found == expected, f"case {case['tcId']}: {case['comment']}"
            seen += 1
    assert seen == 139


def decrypt_case(key: dict[str, Any], token: Any) -> bytes:
    # One key is for the content itself, and named by that.
    alg = "dir" if key["alg"] in CONTENT_KEYS else key["alg"]
    accepted = [key["alg"]] if alg == "dir" else list(CONTENT_KEYS)
    ours = JWE(alg, accepted[0], key, accept_enc=accepted, max_plaintext=1 << 20)
    return (ours.decrypt(token) if isinstance(token, str) else ours.decrypt_json(token)).plaintext


def test_a_token_shows_its_header_and_hides_its_plaintext() -> None:
    ours = JWE("dir", "A256GCM", JWK.from_secret(bytes(32)).replace(kid="2026"))
    decrypted = ours.decrypt(ours.encrypt(b"the plaintext", {"cty": "text/plain", "x": [1, None, {"y": 1.5}]}))
    expected = {"alg": "dir", "enc": "A256GCM", "kid": "2026", "cty": "text/plain", "x": [1, None, {"y": 1.5}]}
    assert decrypted.header == decrypted.protected == expected
    assert (decrypted.plaintext, decrypted.aad, decrypted.recipient) == (b"the plaintext", b"", 0)
    assert isinstance(decrypted, DecryptedJWE)
    assert repr(decrypted) == "<jam.jose.DecryptedJWE dir A256GCM, 13 bytes>"
    assert repr(ours) == "<jam.jose.JWE dir A256GCM>"
    assert (ours.alg, ours.enc) == ("dir", "A256GCM")
    with pytest.raises(TypeError):  # attack 74
        pickle.dumps(ours)


def test_keys_come_in_every_form() -> None:
    key = agreement_key("P-256")
    token = JWE("ECDH-ES", "A128GCM", key.public()).encrypt(PLAINTEXT)
    for form in (key, key.to_dict(private=True), key.to_json(private=True), key.to_pem(private=True), [key]):
        assert JWE("ECDH-ES", "A128GCM", form).decrypt(token).plaintext == PLAINTEXT
    public = JWE("ECDH-ES", "A128GCM", key.to_pem())
    with pytest.raises(JamKeyWrongKind):
        public.decrypt(token)
    for form in ("correct horse", b"correct horse", ["correct horse"], JWK.from_secret(b"correct horse")):
        token = jam_jwe("PBES2-HS256+A128KW", "A128GCM", form).encrypt(PLAINTEXT)
        assert jam_jwe("PBES2-HS256+A128KW", "A128GCM", "correct horse").decrypt(token).plaintext == PLAINTEXT


def test_an_old_key_still_decrypts_beside_a_new_one() -> None:
    old, new = JWK.from_secret(bytes(32)), JWK.from_secret(bytes([7]) * 32)
    token = JWE("A256KW", "A256GCM", old).encrypt(PLAINTEXT)
    both = JWE("A256KW", "A256GCM", [new, old])
    assert both.decrypt(token).plaintext == PLAINTEXT
    assert both.decrypt(both.encrypt(PLAINTEXT)).header["kid"] == new.thumbprint()
    with pytest.raises(JamJWEDecryptionError):
        JWE("A256KW", "A256GCM", new).decrypt(token)
    with pytest.raises(JamValidationError):  # attack 18
        JWE("A256KW", "A256GCM", [old.replace(kid="one"), new.replace(kid="one")])
    with pytest.raises(JamValidationError):
        JWE("A256KW", "A256GCM", [old, old])
    with pytest.raises(JamKeyNotFound):
        JWE("A256KW", "A256GCM", [])


def test_the_thumbprint_of_a_password_is_in_no_token() -> None:
    # It could be guessed from without any iterations.
    both = jam_jwe("PBES2-HS256+A128KW", "A128GCM", ["new password", "old password"])
    token = both.encrypt(PLAINTEXT)
    assert "kid" not in json.loads(decode(token.split(".")[0]))
    assert both.decrypt(jam_jwe("PBES2-HS256+A128KW", "A128GCM", "old password").encrypt(b"x")).plaintext == b"x"


def test_a_set_of_keys_decrypts_with_the_one_that_is_named() -> None:
    keys = [JWK.generate("EC", crv="P-256").replace(kid=name, use="enc") for name in ("one", "two")]
    foreign = [JWK.generate("EC").replace(kid="signs", use="sig"), JWK.from_secret(bytes(32))]
    ours = JWE("ECDH-ES", "A128GCM", JWKSet([*keys, *foreign]))
    for key in keys:
        assert ours.decrypt(JWE("ECDH-ES", "A128GCM", key).encrypt(PLAINTEXT)).plaintext == PLAINTEXT
    with pytest.raises(JamKeyNotFound):
        JWE("RSA-OAEP", "A128GCM", JWKSet(keys))


def test_a_set_of_keys_reads_only() -> None:
    # As in JWS and JWT: in a set no key is the newest.
    own = JWK.generate("EC", crv="P-256").replace(kid="one", use="enc")
    for codec, make in (
        (JWE("ECDH-ES", "A128GCM", JWKSet([own])), lambda jwe: jwe.encrypt(PLAINTEXT)),
        (JWE("ECDH-ES", "A128GCM", JWKSet([own])), lambda jwe: jwe.encrypt_json(PLAINTEXT)),
        (JWT("ECDH-ES", JWKSet([own]), enc="A128GCM"), lambda jwt: jwt.encode({})),
        (JWS("ES256", JWKSet([own.replace(use="sig")])), lambda jws: jws.sign(PLAINTEXT)),
        (JWS("ES256", JWKSet([own.replace(use="sig")])), lambda jws: jws.sign_json(PLAINTEXT)),
        (JWT("ES256", JWKSet([own.replace(use="sig")])), lambda jwt: jwt.encode({})),
    ):
        with pytest.raises(JamKeyWrongKind, match=r"a set of keys \w+ only"):
            make(codec)
    # Of published keys one encrypts when it is named.
    published = JWKSet([own.public(), JWK.generate("EC").replace(kid="signs", use="sig").public()])
    token = JWE("ECDH-ES", "A128GCM", published.find(use="enc", alg="ECDH-ES")).encrypt(PLAINTEXT)
    assert JWE("ECDH-ES", "A128GCM", own).decrypt(token).plaintext == PLAINTEXT
    with pytest.raises(JamKeyNotFound, match="to encrypt, give the key itself"):
        JWE("ECDH-ES", "A128GCM", published)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"alg": 1}, TypeError),
        ({"enc": None}, TypeError),
        ({"key": 1}, TypeError),
        ({"key": None}, TypeError),
        ({"max_length": "1"}, TypeError),
        ({"apu": 1}, TypeError),
        ({"accept_enc": 1}, TypeError),
        ({"alg": "RSA1_5"}, JamJWEUnsupportedAlgorithm),
        ({"alg": "none"}, JamJWEUnsupportedAlgorithm),
        ({"enc": "A512GCM"}, JamJWEUnsupportedAlgorithm),
        ({"accept_enc": ["A256GCM", "x"]}, JamJWEUnsupportedAlgorithm),
        ({"accept_enc": "A128CBC-HS256"}, JamValidationError),
        ({"max_length": -1}, JamValidationError),
        ({"max_plaintext": 2**200}, JamValidationError),
        ({"p2c": 5000}, JamValidationError),
        ({"apu": "Alice"}, JamValidationError),
        ({"key": bytes(31)}, JamKeyWrongKind),
        ({"key": b""}, JamKeyWrongKind),
        ({"key": {"kty": "oct"}}, JamKeyError),
        ({"key": {}}, JamKeyError),
        ({"key": "text"}, JamValidationError),
        ({"key": ["text"]}, JamValidationError),
        ({"alg": "ECDH-ES", "key": "text"}, JamKeyError),
    ],
    ids=str,
)
def test_what_cannot_be_used_shows_at_once(options: dict[str, Any], error: type[Exception]) -> None:
    arguments = {"alg": "dir", "enc": "A256GCM", "key": bytes(32)} | options
    with pytest.raises(error):
        JWE(**arguments)


def test_what_is_encrypted_is_bytes_under_a_header_of_ones_own() -> None:
    ours = JWE("dir", "A256GCM", bytes(32))
    wrong: Any
    for wrong in ("text", None, 1, bytearray(b"x")):
        with pytest.raises(TypeError):
            ours.encrypt(wrong)
    for wrong in ([], "x", 1):
        with pytest.raises(JamValidationError):
            ours.encrypt(b"", wrong)
    for name in ("zip", "crit", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c"):
        with pytest.raises(JamValidationError, match=name):
            ours.encrypt(b"", {name: "x"})
    for header in (
        {"alg": "A256KW"},
        {"enc": "A128GCM"},
        {"typ": 1},
        {"x": object()},
        {"x": float("nan")},
        {"x": "\ud800"},
    ):
        with pytest.raises(JamValidationError):
            ours.encrypt(b"", header)


def test_wrong_arguments_from_requests_are_errors_of_jam() -> None:
    ours = JWE("dir", "A256GCM", bytes(32))
    wrong: Any
    for wrong in (None, 1, b"bytes", [], object()):
        with pytest.raises(JamValidationError):
            ours.decrypt(wrong)
    for wrong in ("", "\ud800", "a.b.c.d.e", "....", "\0", "." * 1_000_000):
        with pytest.raises(JamJWEMalformed):
            ours.decrypt(wrong)
        with pytest.raises(JamJWEMalformed):
            ours.decrypt_json(wrong)
    for wrong in ({}, {"ciphertext": 1}, {"ciphertext": "", "recipients": []}):
        with pytest.raises(JamJWEMalformed):
            ours.decrypt_json(wrong)
    for wrong in (None, 1, [], {"x": object()}):
        with pytest.raises(JamValidationError):
            ours.decrypt_json(wrong)


SECRETS = [encode(bytes(range(32))), encode(bytes(range(1, 33)))]


@pytest.fixture
def configured(face: Face) -> Any:
    return face.jam({"jose": {"jwe": {"alg": "A256KW", "enc": "A256GCM", "secret": SECRETS}}})


def test_the_facades_encrypt_and_decrypt(face: Face, configured: Any) -> None:
    token = configured.jwe_encrypt(PLAINTEXT, {"cty": "text/plain"})
    decrypted = configured.jwe_decrypt(token)
    assert (decrypted.plaintext, decrypted.header["cty"]) == (PLAINTEXT, "text/plain")
    before = face.jam({"jose": {"jwe": {"alg": "A256KW", "enc": "A256GCM", "secret": SECRETS[1]}}})
    assert configured.jwe_decrypt(before.jwe_encrypt(PLAINTEXT)).plaintext == PLAINTEXT
    with pytest.raises(JamJWEDecryptionError):
        before.jwe_decrypt(token)
    for wrong in (None, 7, b"x"):
        with pytest.raises(JamValidationError):
            configured.jwe_decrypt(wrong)
    with pytest.raises(JamConfigurationMissingSection, match=r"jose\.jwe"):
        face.jam({}).jwe_encrypt(b"")


def test_a_section_takes_its_keys_in_every_form(face: Face) -> None:
    key = agreement_key("P-256")
    encrypted = key.to_pem(private=True, password="a password")
    algorithms = {"alg": "ECDH-ES+A128KW", "enc": "A128CBC-HS256"}
    public = face.jam({"jose": {"jwe": algorithms | {"public_key": key.to_dict()}}})
    token = public.jwe_encrypt(PLAINTEXT)
    with pytest.raises(JamKeyWrongKind):
        public.jwe_decrypt(token)
    for keys in (
        {"private_key": key.to_pem(private=True)},
        {"private_key": key.to_dict(private=True)},
        {"private_key": [JWK.generate("EC").to_pem(private=True), key.to_json(private=True)]},
        {"private_key": encrypted, "password": "a password"},
        {"private_key": key.to_pem(private=True), "public_key": agreement_key("P-384").to_pem()},
    ):
        assert face.jam({"jose": {"jwe": algorithms | keys}}).jwe_decrypt(token).plaintext == PLAINTEXT
    for secret in (
        bytes(16),
        encode(bytes(16)),
        encode(bytes(16)) + "==",
        JWK.from_secret(bytes(16)).to_dict(private=True),
    ):
        section = {"alg": "dir", "enc": "A128GCM", "secret": secret}
        token = face.jam({"jose": {"jwe": section}}).jwe_encrypt(PLAINTEXT)
        assert JWE("dir", "A128GCM", bytes(16)).decrypt(token).plaintext == PLAINTEXT
    section = {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "secret": "a password", "allow_pbes2": True, "p2c": 1000}
    jam = face.jam({"jose": {"jwe": section}})
    assert jam.jwe_decrypt(jam.jwe_encrypt(PLAINTEXT)).plaintext == PLAINTEXT


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"alg": "dir"}, "jose.jwe.enc"),
        ({"alg": "RSA1_5", "enc": "A128GCM"}, "jose.jwe.alg"),
        ({"alg": "dir", "enc": "A128GCM", "secrt": "x"}, 'jose.jwe.secrt: unknown key; did you mean "secret"?'),
        (
            {"alg": "dir", "enc": "A128GCM", "secret": "too short"},
            "jose.jwe.secret: dir needs a secret of exactly 16 bytes",
        ),
        ({"alg": "dir", "enc": "A128GCM"}, "jose.jwe.secret: dir needs secret"),
        ({"alg": "dir", "enc": "A128GCM", "private_key": "x"}, "jose.jwe.alg: dir works with secret"),
        ({"alg": "RSA-OAEP", "enc": "A128GCM", "private_key": "x"}, "jose.jwe.private_key: "),
        ({"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "secret": "x"}, "jose.jwe: PBES2"),
    ],
    ids=str,
)
def test_a_section_that_cannot_be_used_is_named(face: Face, section: dict[str, Any], message: str) -> None:
    with pytest.raises(JamError) as refusal:
        face.jam({"jose": {"jwe": section}})
    assert message in str(refusal.value)


class Reversing(BaseJWE):
    """Not a cipher."""

    def __init__(self, alg: str, depth: int) -> None:
        self.depth = depth

    def encrypt(self, plaintext: bytes, header: dict[str, Any] | None = None) -> str:
        return plaintext[::-1].decode()

    def decrypt(self, token: str) -> Any:
        return token[::-1].encode()


def test_a_class_of_ones_own_stands_in(face: Face) -> None:
    jam = face.jam({"jose": {"jwe": {"custom_module": Reversing, "alg": "mine", "depth": 2}}})
    assert jam.jwe_encrypt(b"abc") == "cba"
    assert jam.jwe_decrypt("cba") == b"abc"
    assert jam.target.jwe.depth == 2
    with pytest.raises(JamConfigurationError, match=r"jose\.jwe"):
        face.jam({"jose": {"jwe": {"custom_module": Reversing, "alg": "mine", "width": 2}}})
