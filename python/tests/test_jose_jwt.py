"""JSON Web Tokens of `jam.jose`: signed, encrypted, or both; with other libraries, and under attack."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
import time
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from jam.exceptions import (
    JamError,
    JamJWEDecryptionError,
    JamJWEError,
    JamJWEMalformed,
    JamJWEUnsupportedAlgorithm,
    JamJWTExpired,
    JamJWTInvalidClaim,
    JamJWTInvalidSignature,
    JamJWTMalformed,
    JamJWTNotYetValid,
    JamJWTUnsupportedAlgorithm,
    JamKeyNotFound,
    JamKeyWeak,
    JamKeyWrongKind,
    JamValidationError,
)
from jam.jose import JWE, JWK, JWS, JWT, JWKSet
from jam.jwt import create_instance
from joserfc import jwt as joserfc_jwt
from joserfc.jwe import JWERegistry
from joserfc.jwk import OctKey, RSAKey
from jwcrypto import jwk as jwcrypto_jwk
from jwcrypto import jwt as jwcrypto_jwt
from keys import ALGORITHMS, HMAC, SECRET, pair_for

RFC = Path(__file__).parents[2] / "crates/jam/tests/rfc"
KEY = b"a secret of sixty-four bytes is long enough for each HMAC of all"
CLAIMS: dict[str, Any] = {"iss": "me", "aud": ["you"], "sub": "him", "exp": 4_102_444_800, "text": "ü \u2028 😀"}
EVERY = pytest.mark.parametrize("algorithm", [*ALGORITHMS, "Ed25519"])


def encode(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def header_of(token: str) -> dict[str, Any]:
    part = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def private_key(algorithm: str) -> str | bytes:
    return SECRET.encode() if algorithm in HMAC else pair_for(algorithm).private


def public_key(algorithm: str) -> str | bytes:
    return SECRET.encode() if algorithm in HMAC else pair_for(algorithm).public


# Signed


@EVERY
def test_every_algorithm_makes_what_it_reads(algorithm: str) -> None:
    token = JWT(algorithm, private_key(algorithm)).encode(CLAIMS)
    assert header_of(token) == {"alg": algorithm, "typ": "JWT"}
    reader = JWT(algorithm, public_key(algorithm))
    assert reader.decode(token) == CLAIMS
    assert reader.alg == algorithm
    assert reader.enc is None
    with pytest.raises(JamJWTInvalidSignature):
        reader.decode(token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBA"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_and_the_configured_codec_read_the_same(algorithm: str) -> None:
    token = JWT(algorithm, private_key(algorithm)).encode(CLAIMS)
    assert pyjwt.decode(token, public_key(algorithm), algorithms=[algorithm], audience="you") == CLAIMS
    theirs = pyjwt.encode(CLAIMS, private_key(algorithm), algorithm)
    assert JWT(algorithm, public_key(algorithm), audience="you").decode(theirs) == CLAIMS
    name = "secret" if algorithm in HMAC else "public_key"
    assert create_instance(algorithm, **{name: public_key(algorithm)}).decode(token) == CLAIMS


@EVERY
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_joserfc_and_jwcrypto_read_the_same(algorithm: str) -> None:
    jwk = JWK.from_secret(SECRET.encode()) if algorithm in HMAC else JWK.from_pem(pair_for(algorithm).private)
    members: Any = jwk.to_dict(private=True)
    theirs = joserfc_key(members)
    token = JWT(algorithm, jwk).encode(CLAIMS)
    assert joserfc_jwt.decode(token, theirs, algorithms=[algorithm]).claims == CLAIMS
    made = joserfc_jwt.encode({"alg": algorithm}, CLAIMS, theirs, algorithms=[algorithm])
    assert JWT(algorithm, jwk).decode(made) == CLAIMS
    other = jwcrypto_jwk.JWK(**members)
    assert json.loads(jwcrypto_jwt.JWT(jwt=token, key=other, algs=[algorithm]).claims) == CLAIMS
    made = jwcrypto_jwt.JWT(header={"alg": algorithm}, claims=CLAIMS)
    made.make_signed_token(other)
    assert JWT(algorithm, jwk).decode(made.serialize()) == CLAIMS


def joserfc_key(members: Any) -> Any:
    from joserfc.jwk import import_key

    return import_key(members)


# RFC 7519 section 3.1
def test_the_example_of_rfc_7519_is_read_and_has_expired() -> None:
    example = json.loads((RFC / "signatures.json").read_text(encoding="utf-8"))
    first, key = example["examples"][0], example["keys"]["rfc7515 oct"]
    signature = first["signatures"][0]
    token = f"{signature['protected']}.{encode(first['payload'])}.{signature['signature']}"
    jwt = JWT("HS256", key)
    assert jwt.decode(token, check_exp=False) == json.loads(first["payload"])
    with pytest.raises(JamJWTExpired):
        jwt.decode(token)


# RFC 7519 section 6.1, and appendix A.1 and A.2, whose RSA1_5 is not offered (attacks 1 and 41)
def test_the_examples_of_rfc_7519_that_protect_too_little_are_refused() -> None:
    with pytest.raises(JamJWTUnsupportedAlgorithm):
        JWT("HS256", KEY).decode("eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.")
    reader = JWT("RSA-OAEP", pair_for("RS256").private, enc="A128CBC-HS256")
    for header in ('{"alg":"RSA1_5","enc":"A128CBC-HS256"}', '{"alg":"RSA1_5","enc":"A128CBC-HS256","cty":"JWT"}'):
        with pytest.raises(JamJWEUnsupportedAlgorithm):
            reader.decode(f"{encode(header)}.AAAA.AAAA.AAAA.AAAA")
    with pytest.raises(JamJWEUnsupportedAlgorithm):
        JWT("RSA1_5", pair_for("RS256").private, enc="A128GCM")


def test_claims_are_held_against_the_rules() -> None:
    jwt = JWT("HS256", KEY, issuer="me", audience=["you", "them"], subject="him", required=["exp"], leeway=30)
    now = int(time.time())
    assert jwt.decode(jwt.encode(CLAIMS)) == CLAIMS
    for claims, error in (
        ({**CLAIMS, "iss": "other"}, JamJWTInvalidClaim),
        ({**CLAIMS, "aud": "other"}, JamJWTInvalidClaim),
        ({**CLAIMS, "sub": "her"}, JamJWTInvalidClaim),
        ({**CLAIMS, "sub": 1}, JamJWTInvalidClaim),
        ({**CLAIMS, "exp": None}, JamJWTInvalidClaim),
        ({name: CLAIMS[name] for name in ("iss", "aud", "sub")}, JamJWTInvalidClaim),
        ({**CLAIMS, "exp": now - 40}, JamJWTExpired),
        ({**CLAIMS, "nbf": now + 40}, JamJWTNotYetValid),
    ):
        with pytest.raises(error):
            jwt.decode(jwt.encode(claims))
    late = jwt.encode({**CLAIMS, "exp": now - 10})
    assert jwt.decode(late)["sub"] == "him"
    with pytest.raises(JamJWTExpired):
        jwt.decode(late, leeway=0)
    other = jwt.encode({**CLAIMS, "iss": "she", "aud": "her"})
    assert jwt.decode(other, issuer="she", audience="her", leeway=5)["iss"] == "she"
    with pytest.raises(JamJWTInvalidClaim) as raised:
        jwt.decode(other, issuer="she")
    assert raised.value.details == {"claim": "aud"}


def test_attack_25_types_are_kept_apart() -> None:
    access, proof = JWT("HS256", KEY, typ="at+jwt"), JWT("HS256", KEY, typ="application/dpop+jwt")
    token = access.encode({})
    assert header_of(token)["typ"] == "at+jwt"
    assert JWT("HS256", KEY).decode(token) == access.decode(token) == {}
    assert JWT("HS256", KEY, typ="dpop+JWT").decode(proof.encode({})) == {}
    for jwt, other in ((access, proof), (proof, access), (access, JWT("HS256", KEY))):
        with pytest.raises(JamJWTMalformed):
            jwt.decode(other.encode({}))
    nested = JWS("HS256", KEY).sign(token, {"cty": "JWT", "typ": "at+jwt"})
    with pytest.raises(JamJWTMalformed):
        access.decode(nested)


def test_the_newest_key_signs_and_all_verify() -> None:
    old, new = JWK.generate("EC", alg="ES256"), JWK.generate("EC", alg="ES256").replace(kid="new")
    between = JWT("ES256", [new, old])
    token = between.encode({"a": 1})
    assert header_of(token)["kid"] == "new"
    assert between.decode(JWT("ES256", old).encode({"a": 2})) == {"a": 2}
    published = JWKSet([new, old]).to_dict()
    for form in (published, json.dumps(published), JWKSet.from_dict(published)):
        reader = JWT("ES256", form)
        assert reader.decode(token) == {"a": 1}
        with pytest.raises(JamKeyWrongKind, match="a set of keys verifies only"):
            reader.encode({})
    with pytest.raises(JamJWTInvalidSignature):
        JWT("ES256", [old.public()]).decode(token)
    with pytest.raises(JamKeyNotFound):
        JWT("EdDSA", published)


def test_attack_9_a_short_secret_is_refused_unless_it_is_allowed(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(JamKeyWeak):
        JWT("HS256", b"secret")
    with caplog.at_level(logging.WARNING, "jam"):
        jwt = JWT("HS256", b"secret", allow_short_secret=True)
    assert len(caplog.records) == 1
    assert create_instance("HS256", secret="secret").decode(jwt.encode({"a": 1})) == {"a": 1}


# Encrypted

OAEP = "RSA-OAEP-256"


def encrypted() -> JWT:
    return JWT("dir", KEY[:32], enc="A256GCM")


def nested() -> JWT:
    return JWT("HS256", KEY, encryption=JWE("dir", "A256GCM", KEY[:32]))


def test_the_nested_example_of_rfc_7520_is_read() -> None:
    example = json.loads((RFC / "nested.json").read_text(encoding="utf-8"))
    encryption, signing = example["encryption"], example["signing"]
    jwe = JWE(encryption["alg"], encryption["enc"], encryption["key"])
    jwt = JWT(signing["alg"], signing["key"], encryption=jwe)
    assert jwt.decode(example["token"], check_exp=False) == example["claims"]
    with pytest.raises(JamJWTExpired):
        jwt.decode(example["token"])


def test_claims_come_back_and_are_nowhere_in_the_token() -> None:
    for jwt, header in (
        (encrypted(), {"alg": "dir", "enc": "A256GCM", "typ": "JWT"}),
        (nested(), {"alg": "dir", "enc": "A256GCM", "cty": "JWT"}),
    ):
        token = jwt.encode(CLAIMS)
        assert header_of(token) == header
        assert token.count(".") == 4
        assert jwt.decode(token) == CLAIMS
        assert jwt.enc == "A256GCM"
        with pytest.raises(JamJWEDecryptionError):
            JWT("dir", bytes(32), enc="A256GCM").decode(token)
        with pytest.raises(JamJWTMalformed):
            JWT("HS256", KEY).decode(token)


@pytest.mark.parametrize("algorithm", ["HS256", "ES256", "RS256"])
@pytest.mark.parametrize("management", ["dir", OAEP])
def test_tokens_are_signed_and_encrypted_with_any_keys(algorithm: str, management: str) -> None:
    key = KEY[:32] if management == "dir" else pair_for("RS256").private
    sender = KEY[:32] if management == "dir" else pair_for("RS256").public
    writer = JWT(algorithm, private_key(algorithm), encryption=JWE(management, "A256GCM", sender), typ="at+jwt")
    reader = JWT(algorithm, public_key(algorithm), encryption=JWE(management, "A256GCM", key), typ="at+jwt")
    assert reader.decode(writer.encode(CLAIMS)) == CLAIMS
    stranger = JWT(algorithm, private_key(algorithm), encryption=JWE(management, "A256GCM", sender))
    with pytest.raises(JamJWTMalformed):
        reader.decode(stranger.encode(CLAIMS))


def test_joserfc_and_jwcrypto_read_what_is_encrypted() -> None:
    pem = pair_for("RS256").private
    for alg, enc, key, theirs in (
        ("dir", "A128GCM", KEY[:16], OctKey.import_key(KEY[:16])),
        ("A256KW", "A256CBC-HS512", KEY[:32], OctKey.import_key(KEY[:32])),
        (OAEP, "A256GCM", pem, RSAKey.import_key(pem)),
    ):
        registry = JWERegistry(algorithms=[alg, enc])
        jwt = JWT(alg, key, enc=enc)
        assert joserfc_jwt.decode(jwt.encode(CLAIMS), theirs, registry=registry).claims == CLAIMS
        assert jwt.decode(joserfc_jwt.encode({"alg": alg, "enc": enc}, CLAIMS, theirs, registry=registry)) == CLAIMS
    # A signed token within: the other library makes and reads it in two steps.
    key = jwcrypto_jwk.JWK(kty="oct", k=encode(KEY[:32]))
    made = jwcrypto_jwt.JWT(
        header={"alg": "dir", "enc": "A256GCM", "cty": "JWT"}, claims=JWT("HS256", KEY).encode(CLAIMS)
    )
    made.make_encrypted_token(key)
    assert nested().decode(made.serialize()) == CLAIMS
    inner = jwcrypto_jwt.JWT(jwt=nested().encode(CLAIMS), key=key, expected_type="JWE").claims
    assert pyjwt.decode(inner, KEY, algorithms=["HS256"], audience="you") == CLAIMS


# fault 4
def test_claims_inside_are_held_against_the_rules_too() -> None:
    rules: dict[str, Any] = {"issuer": "me", "audience": "you", "required": ["exp"]}
    jwe = JWE("dir", "A256GCM", KEY[:32])
    for jwt in (JWT("dir", KEY[:32], enc="A256GCM", **rules), JWT("HS256", KEY, encryption=jwe, **rules)):
        assert jwt.decode(jwt.encode(CLAIMS)) == CLAIMS
        with pytest.raises(JamJWTExpired):
            jwt.decode(jwt.encode({**CLAIMS, "exp": 1}))
        assert jwt.decode(jwt.encode({**CLAIMS, "exp": 1}), check_exp=False)["exp"] == 1
        wrong: list[dict[str, Any]] = [{"iss": "other"}, {"aud": None}, {"exp": "never"}, {"exp": None}]
        for claims in wrong:
            with pytest.raises(JamJWTInvalidClaim):
                jwt.decode(jwt.encode({**CLAIMS, **claims}))


def test_attack_24_and_25_a_token_is_signed_inside_exactly_where_that_is_expected() -> None:
    plain, both = encrypted().encode(CLAIMS), nested().encode(CLAIMS)
    with pytest.raises(JamJWTMalformed):
        nested().decode(plain)
    with pytest.raises(JamJWTMalformed):
        encrypted().decode(both)
    signed = JWT("HS256", KEY).encode(CLAIMS)
    for jwt in (encrypted(), nested()):
        with pytest.raises(JamJWEMalformed):
            jwt.decode(signed)
    jwe = JWE("dir", "A256GCM", KEY[:32])
    stranger = JWT("HS256", bytes(range(32))).encode(CLAIMS)
    with pytest.raises(JamJWTInvalidSignature):
        nested().decode(jwe.encrypt(stranger.encode(), {"cty": "JWT"}))
    for content in (b"{}", b"\xff", b"", plain.encode()):
        with pytest.raises(JamJWTMalformed):
            nested().decode(jwe.encrypt(content, {"cty": "JWT"}))
    token = both
    for _ in range(10):
        token = jwe.encrypt(token.encode(), {"cty": "JWT"})
        with pytest.raises(JamJWTMalformed):
            nested().decode(token)


# RFC 7519 section 5.3
def test_what_a_header_repeats_of_the_claims_must_be_the_same() -> None:
    jwe, jwt = JWE("dir", "A256GCM", KEY[:32]), encrypted()
    payload = json.dumps(CLAIMS).encode()
    same: list[dict[str, Any]] = [{"iss": "me"}, {"aud": ["you"], "sub": "him"}, {"exp": 1}]
    for header in same:
        assert jwt.decode(jwe.encrypt(payload, header)) == CLAIMS
    other: list[dict[str, Any]] = [{"iss": "you"}, {"aud": "you"}, {"sub": None}]
    for header in other:
        with pytest.raises(JamJWTInvalidClaim) as raised:
            jwt.decode(jwe.encrypt(payload, header))
        assert raised.value.details["claim"] in header
    with pytest.raises(JamJWTInvalidClaim):
        jwt.decode(jwe.encrypt(b"{}", {"iss": "me"}))


def test_wrong_arguments_are_refused() -> None:
    new: Any = JWT
    for arguments, keywords in (
        ((1, KEY), {}),
        (("HS256",), {}),
        (("HS256", 1), {}),
        (("HS256", KEY), {"issuer": 1}),
        (("HS256", KEY), {"audience": [1]}),
        (("HS256", KEY), {"required": 1}),
        (("HS256", KEY), {"typ": 1}),
        (("dir", KEY[:32]), {"enc": 1}),
        (("HS256", KEY), {"encryption": "A256GCM"}),
    ):
        with pytest.raises(TypeError):
            new(*arguments, **keywords)
    for arguments, keywords in (
        (("HS256", KEY), {"typ": ""}),
        (("HS256", KEY), {"required": [""]}),
        (("HS256", KEY), {"leeway": -1}),
        (("HS256", KEY), {"leeway": 86_401}),
        (("HS256", KEY), {"enc": "A256GCM"}),
        (("dir", KEY[:32]), {}),
        (("dir", KEY[:32]), {"enc": "none"}),
        (("dir", KEY[:31]), {"enc": "A256GCM"}),
        (("dir", KEY[:32]), {"enc": "A256GCM", "encryption": JWE("dir", "A256GCM", KEY[:32])}),
        (("PBES2-HS256+A128KW", "password"), {"enc": "A256GCM"}),
    ):
        with pytest.raises(JamError):
            new(*arguments, **keywords)
    for jwt in (JWT("HS256", KEY), encrypted(), nested()):
        anything: Any = jwt
        for claims in ([], "x", None, {"x": object()}, {1: 2}, {"x": "\ud800"}):
            with pytest.raises(JamValidationError):
                anything.encode(claims)
        for token in (1, None, b"a.b.c"):
            with pytest.raises(JamValidationError):
                anything.decode(token)
        for token in ("", "a.b.c", "a.b.c.d.e", "." * 100_000, "\ud800"):
            with pytest.raises((JamJWTMalformed, JamJWEError)):
                jwt.decode(token)
        with pytest.raises(TypeError):
            pickle.dumps(jwt)
        with pytest.raises(TypeError):
            copy.copy(jwt)
        assert "secret" not in repr(jwt)
    writer = JWT(OAEP, pair_for("RS256").public, enc="A256GCM")
    with pytest.raises(JamKeyWrongKind):
        writer.decode(writer.encode({}))
