"""JSON Web Tokens from Python: every algorithm with another library, every form of key, claims, lists."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from conftest import Store
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import PrivateFormat
from faces import Face
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamJWTExpired,
    JamJWTInBlackList,
    JamJWTInvalidClaim,
    JamJWTInvalidSignature,
    JamJWTMalformed,
    JamJWTNotInWhiteList,
    JamJWTNotYetValid,
    JamJWTUnsupportedAlgorithm,
    JamKeyError,
    JamValidationError,
)
from jam.jwt import JWT, create_instance
from jam.jwt.lists import MemoryList
from jwcrypto.jwk import JWK
from keys import (
    ALGORITHMS,
    ASYMMETRIC,
    HMAC,
    SECRET,
    as_pem,
    make_pair,
    options_for,
    pair_for,
    signing_key,
    verifying_key,
)

CLAIMS: dict[str, Any] = {
    "iss": "https://issuer.example",
    "sub": "user-1",
    "exp": 4_102_444_800,
    "text": 'ünïcode "quoted" \\ \n \u2028 😀',
    "numbers": [0, -1, 1.5, 2**63 - 1, 2**53 + 1, 1e300],
    "nested": {"list": [True, False, None, []], "empty": {}},
}
EVERY = pytest.mark.parametrize("algorithm", ALGORITHMS)


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def segments(token: str) -> list[Any]:
    header, payload, _ = token.split(".")
    return [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (header, payload)]


def config_for(algorithm: str = "HS256", **more: Any) -> dict[str, Any]:
    return {"jwt": {"alg": algorithm, **options_for(algorithm), **more}}


# With PyJWT, both ways


@EVERY
def test_pyjwt_reads_what_jam_writes(algorithm: str) -> None:
    token = JWT(algorithm, **options_for(algorithm)).encode(CLAIMS)
    assert pyjwt.decode(token, verifying_key(algorithm), algorithms=[algorithm]) == CLAIMS
    assert segments(token) == [{"alg": algorithm, "typ": "JWT"}, CLAIMS]


@EVERY
def test_jam_reads_what_pyjwt_writes(algorithm: str) -> None:
    token = pyjwt.encode(CLAIMS, signing_key(algorithm), algorithm=algorithm)
    assert JWT(algorithm, **options_for(algorithm)).decode(token) == CLAIMS


@EVERY
def test_both_facades_make_and_verify_with_every_algorithm(face: Face, algorithm: str) -> None:
    jam = face.jam(config_for(algorithm))
    token = jam.jwt_create_token(CLAIMS)
    assert jam.jwt_verify_token(token) == CLAIMS
    assert jam.jwt_decode(jam.jwt_create(CLAIMS)) == jam.jwt_decode(jam.jwt_encode(CLAIMS)) == CLAIMS
    with pytest.raises(JamJWTInvalidSignature):
        jam.jwt_verify_token(forge(token))


def forge(token: str) -> str:
    """The token with another payload under the same signature."""
    header, _, signature = token.split(".")
    return f"{header}.{base64.urlsafe_b64encode(b'{}').decode().rstrip('=')}.{signature}"


# Forms of keys


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_one_half_of_a_pair_is_enough_for_what_it_can_do(algorithm: str) -> None:
    pair = pair_for(algorithm)
    signer = JWT(algorithm, private_key=pair.private)
    verifier = JWT(algorithm, public_key=pair.public)
    token = signer.encode({"a": 1})
    assert signer.decode(token) == verifier.decode(token) == {"a": 1}
    with pytest.raises(JamError) as raised:
        verifier.encode({"a": 1})
    assert raised.value.error_code == "jwt.empty_private_key"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_an_encrypted_pem_opens_with_its_password_only(face: Face, algorithm: str) -> None:
    pem = as_pem(pair_for(algorithm).key, password="pass word")
    token = face.jam({"jwt": {"alg": algorithm, "private_key": pem, "password": "pass word"}}).jwt_create_token({})
    assert JWT(algorithm, public_key=pair_for(algorithm).public).decode(token) == {}
    for password in ("wrong", "", None):
        with pytest.raises(JamError) as raised:
            face.jam({"jwt": {"alg": algorithm, "private_key": pem, "password": password}})
        assert "pass word" not in str(raised.value)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512"])
def test_the_older_pem_forms_are_read(algorithm: str) -> None:
    pem = as_pem(pair_for(algorithm).key, PrivateFormat.TraditionalOpenSSL)
    token = JWT(algorithm, private_key=pem).encode({"a": 1})
    assert pyjwt.decode(token, pair_for(algorithm).public, algorithms=[algorithm]) == {"a": 1}


@pytest.mark.parametrize("algorithm", ["RS256", "PS384", "ES256", "ES256K", "EdDSA"])
@pytest.mark.parametrize("form", ["text", "table"])
def test_a_json_web_key_is_read(face: Face, algorithm: str, form: str) -> None:
    adapter = pyjwt.get_algorithm_by_name(algorithm)
    jwk = json.loads(adapter.to_jwk(pair_for(algorithm).key))
    jwk.pop("key_ops", None)
    jam = face.jam({"jwt": {"alg": algorithm, "private_key": json.dumps(jwk) if form == "text" else jwk}})
    token = jam.jwt_create_token({"a": 1})
    assert pyjwt.decode(token, pair_for(algorithm).public, algorithms=[algorithm]) == {"a": 1}


def test_a_token_is_verified_with_a_key_given_at_the_call() -> None:
    other = make_pair(ec.generate_private_key(ec.SECP256R1()))
    token = JWT("ES256", private_key=other.private).encode({"a": 1})
    mine = JWT("ES256", **options_for("ES256"))
    with pytest.raises(JamJWTInvalidSignature):
        mine.decode(token)
    assert mine.decode(token, other.public) == {"a": 1}
    with pytest.raises(JamKeyError):
        mine.decode(token, pair_for("EdDSA").public)


def test_a_secret_may_be_bytes(face: Face) -> None:
    secret = bytes(range(64))
    token = face.jam({"jwt": {"alg": "HS256", "secret": secret}}).jwt_create_token({"a": 1})
    assert pyjwt.decode(token, secret, algorithms=["HS256"]) == {"a": 1}


def test_create_instance_takes_the_keys_of_the_section() -> None:
    made = create_instance("HS256", secret=SECRET, list={"type": "black", "backend": "memory"})
    assert isinstance(made, JWT)
    assert isinstance(made.list, MemoryList)
    assert made.decode(made.encode({"a": 1})) == {"a": 1}


# Keys that are changed


def with_keys(face: Face, algorithm: str, keys: list[Any], **more: Any) -> Any:
    name = "secret" if algorithm in HMAC else "private_key"
    return face.jam({"jwt": {"alg": algorithm, name: keys, **more}})


def two_keys(algorithm: str) -> tuple[Any, Any]:
    if algorithm in HMAC:
        return SECRET, {"kty": "oct", "kid": "new", "k": encode(bytes(range(64)))}
    return pair_for(algorithm).private, make_pair(ed25519.Ed25519PrivateKey.generate()).private


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA", "Ed25519"])
def test_the_newest_key_signs_and_all_verify(face: Face, algorithm: str) -> None:
    old, new = two_keys(algorithm)
    before, between = with_keys(face, algorithm, [old]), with_keys(face, algorithm, [new, old])
    after = with_keys(face, algorithm, [new])
    first = before.jwt_create_token({"a": 1})
    assert "kid" not in segments(first)[0]
    assert between.jwt_verify_token(first) == {"a": 1}
    second = between.jwt_create_token({"a": 2})
    assert isinstance(segments(second)[0]["kid"], str)
    assert between.jwt_verify_token(second) == after.jwt_verify_token(second) == {"a": 2}
    for jam, token in ((after, first), (before, second)):
        with pytest.raises(JamJWTInvalidSignature):
            jam.jwt_verify_token(token)


def test_a_key_without_a_name_is_named_by_its_thumbprint() -> None:
    old, new = make_pair(ec.generate_private_key(ec.SECP256R1())), pair_for("ES256")
    key = JWK.from_pem(new.private.encode())
    token = JWT("ES256", private_key=[new.private, old.private]).encode({})
    assert segments(token)[0]["kid"] == key.thumbprint()
    assert JWT("ES256", public_key=(new.public, old.public)).decode(token) == {}


def test_a_retired_key_still_verifies(face: Face) -> None:
    old, new = make_pair(ec.generate_private_key(ec.SECP256R1())), pair_for("ES256")
    token = JWT("ES256", private_key=old.private).encode({"a": 1})
    jam = face.jam({"jwt": {"alg": "ES256", "private_key": new.private, "public_key": [new.public, old.public]}})
    assert jam.jwt_verify_token(token) == {"a": 1}
    assert jam.jwt_verify_token(jam.jwt_create_token({"a": 2})) == {"a": 2}
    with pytest.raises(JamConfigurationError, match="public_key"):
        face.jam({"jwt": {"alg": "ES256", "private_key": new.private, "public_key": [old.public]}})


def test_the_keys_of_a_file_may_be_lists(face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW_SECRET", "n" * 32)
    old = JWT("HS256", SECRET).encode({"a": 1})
    section = {"alg": "HS256", "secret": ["${NEW_SECRET}", SECRET]}
    for name, text in (
        ("jam.toml", f'[jam.jwt]\nalg = "HS256"\nsecret = ["${{NEW_SECRET}}", "{SECRET}"]\n'),
        ("jam.yaml", f'jam:\n  jwt:\n    alg: HS256\n    secret:\n    - ${{NEW_SECRET}}\n    - "{SECRET}"\n'),
        ("jam.json", json.dumps({"jam": {"jwt": section}})),
    ):
        path = tmp_path / name
        path.write_text(text)
        jam = face.jam(path)
        assert jam.jwt_verify_token(old) == {"a": 1}
        assert JWT("HS256", "n" * 32).decode(jam.jwt_create_token({"a": 2})) == {"a": 2}


# Claims


def test_time_claims_are_checked_with_leeway(face: Face) -> None:
    jam, lenient = face.jam(config_for()), face.jam(config_for(leeway=60))
    now = int(time.time())
    for claims, error in (({"exp": now - 10}, JamJWTExpired), ({"nbf": now + 30}, JamJWTNotYetValid)):
        token = jam.jwt_create_token(claims)
        with pytest.raises(error):
            jam.jwt_verify_token(token)
        assert jam.jwt_verify_token(token, check_exp=False) == claims
        assert jam.jwt_verify_token(token, leeway=60) == claims
        assert lenient.jwt_verify_token(token) == claims
        with pytest.raises(error):
            lenient.jwt_verify_token(token, leeway=0)


def test_a_token_without_time_claims_is_good(face: Face) -> None:
    jam = face.jam(config_for())
    assert jam.jwt_verify_token(jam.jwt_create_token({})) == {}


def test_the_configured_issuer_audience_and_lifetime_apply(face: Face) -> None:
    jam = face.jam(config_for(issuer="https://issuer.example", audience=["api", "web"], expire=60))
    payload = jam.jwt_make_payload()
    assert payload["exp"] == payload["iat"] + 60
    assert payload["iss"] == "https://issuer.example"
    assert payload["aud"] in ("api", ["api", "web"])
    assert jam.jwt_make_payload(exp=5)["exp"] - payload["iat"] in (5, 6)
    assert jam.jwt_verify_token(jam.jwt_create_token(payload)) == payload
    for wrong in ({"iss": "https://other.example"}, {"aud": "other"}):
        with pytest.raises(JamJWTInvalidClaim) as raised:
            jam.jwt_verify_token(jam.jwt_create_token({**payload, **wrong}))
        assert raised.value.details["claim"] == next(iter(wrong))
    for missing in ("iss", "aud"):
        token = jam.jwt_create_token({name: value for name, value in payload.items() if name != missing})
        with pytest.raises(JamJWTInvalidClaim):
            jam.jwt_verify_token(token)


def test_issuer_and_audience_may_be_asked_for_at_the_call(face: Face) -> None:
    jam = face.jam(config_for())
    token = jam.jwt_create_token({"iss": "a", "aud": ["x", "y"]})
    assert jam.jwt_verify_token(token, issuer="a", audience="x")
    assert jam.jwt_verify_token(token, audience=["z", "y"])
    for options in ({"issuer": "b"}, {"audience": "z"}, {"audience": ["z"]}):
        with pytest.raises(JamJWTInvalidClaim):
            jam.jwt_verify_token(token, **options)


def test_required_claims_and_the_subject_are_asked_for(face: Face) -> None:
    jam = face.jam(config_for(required=["exp", "https://example.com/role"], subject="alice"))
    good = jam.jwt_make_payload(exp=60, data={"https://example.com/role": False})
    assert good["sub"] == "alice"
    assert jam.jwt_verify_token(jam.jwt_create_token(good)) == good
    for name, value in (
        ("exp", ...),
        ("https://example.com/role", ...),
        ("https://example.com/role", None),
        ("sub", ...),
        ("sub", "Alice"),
        ("sub", 1),
    ):
        claims = {**good, name: value}
        if value is ...:
            del claims[name]
        with pytest.raises(JamJWTInvalidClaim) as raised:
            jam.jwt_verify_token(jam.jwt_create_token(claims))
        assert raised.value.details == {"claim": name}
        assert name in raised.value.message
    with pytest.raises(JamValidationError):
        jam.jwt_make_payload(data={"sub": "bob"})
    assert face.jam(config_for(required="jti")).jwt_verify_token(jam.jwt_create_token({"jti": "1"})) == {"jti": "1"}


def test_the_configured_type_is_written_and_asked_for(face: Face) -> None:
    access, any_type = face.jam(config_for(typ="at+jwt")), face.jam(config_for())
    token = access.jwt_create_token({})
    assert segments(token)[0] == {"alg": "HS256", "typ": "at+jwt"}
    assert access.jwt_verify_token(token) == any_type.jwt_verify_token(token) == {}
    with pytest.raises(JamJWTMalformed, match=r"at\+jwt"):
        access.jwt_verify_token(any_type.jwt_create_token({}))
    for name in ("application/at+jwt", "AT+JWT"):
        other = pyjwt.encode({}, signing_key("HS256"), algorithm="HS256", headers={"typ": name})
        assert access.jwt_verify_token(other) == {}
    with pytest.raises(JamConfigurationError, match=r"^jwt\.typ: "):
        face.jam(config_for(typ=""))


def test_decode_leaves_out_the_times_only_when_told() -> None:
    jwt = JWT("HS256", SECRET)
    token = jwt.encode({"exp": 1})
    with pytest.raises(JamJWTExpired):
        jwt.decode(token)
    assert jwt.decode(token, check_exp=False) == {"exp": 1}


def test_an_unknown_algorithm_is_refused() -> None:
    for name in ("none", "HS257", "RSA", "", "HS256 ", "A128KW"):
        with pytest.raises(JamJWTUnsupportedAlgorithm):
            JWT(name, SECRET)


# Lists


def with_list(face: Face, store: Store, kind: str, **more: Any) -> Any:
    return face.jam(config_for(list=store.list(kind), **more))


def on_list(face: Face, jam: Any, verb: str, *arguments: Any) -> Any:
    return getattr(face.drive(jam.target.jwt.list), verb)(*arguments)


def test_a_black_list_refuses_what_is_on_it(face: Face, store: Store) -> None:
    jam = with_list(face, store, "black")
    token = jam.jwt_create_token(jam.jwt_make_payload(exp=60, data={"user_id": 1}))
    other = jam.jwt_create_token(jam.jwt_make_payload(exp=60, data={"user_id": 1}))
    assert jam.jwt_verify_token(token)["user_id"] == 1
    assert on_list(face, jam, "check", token) is False
    on_list(face, jam, "add", token)
    assert on_list(face, jam, "check", token) is True
    with pytest.raises(JamJWTInBlackList):
        jam.jwt_verify_token(token)
    assert jam.jwt_verify_token(token, check_list=False)["user_id"] == 1
    assert jam.jwt_verify_token(other)["user_id"] == 1
    on_list(face, jam, "delete", token)
    assert jam.jwt_verify_token(token)["user_id"] == 1


def test_a_white_list_admits_only_what_is_on_it(face: Face, store: Store) -> None:
    jam = with_list(face, store, "white")
    payload = jam.jwt_make_payload(exp=60, data={"user_id": 1})
    token = jam.jwt_create_token(payload)
    assert jam.jwt_verify_token(token) == payload
    elsewhere = JWT("HS256", **options_for("HS256")).encode(jam.jwt_make_payload(exp=60))
    with pytest.raises(JamJWTNotInWhiteList):
        jam.jwt_verify_token(elsewhere)
    assert jam.jwt_verify_token(elsewhere, check_list=False)
    on_list(face, jam, "delete", token)
    with pytest.raises(JamJWTNotInWhiteList):
        jam.jwt_verify_token(token)


def test_many_tokens_are_added_at_once(face: Face, store: Store) -> None:
    jam = with_list(face, store, "black")
    tokens = [jam.jwt_create_token(jam.jwt_make_payload(exp=60)) for _ in range(20)]
    on_list(face, jam, "add_many", tokens[:19])
    assert [on_list(face, jam, "check", token) for token in tokens] == [True] * 19 + [False]


def test_a_list_outlives_the_instance(face: Face, durable_store: Store) -> None:
    first = with_list(face, durable_store, "black")
    token = first.jwt_create_token(first.jwt_make_payload(exp=60))
    on_list(face, first, "add", token)
    with pytest.raises(JamJWTInBlackList):
        with_list(face, durable_store, "black").jwt_verify_token(token)


def test_a_token_without_an_id_is_listed_by_itself(face: Face, store: Store) -> None:
    jam = with_list(face, store, "black")
    token, other = jam.jwt_create_token({"a": 1}), jam.jwt_create_token({"a": 2})
    on_list(face, jam, "add", token)
    with pytest.raises(JamJWTInBlackList):
        jam.jwt_verify_token(token)
    assert jam.jwt_verify_token(other) == {"a": 2}


def test_an_entry_is_kept_no_longer_than_the_token_lives(face: Face, stores: list[Store]) -> None:
    lists = [face.drive(with_list(face, store, "white").target.jwt.list) for store in stores]
    token = JWT("HS256", SECRET).encode({"jti": "1", "exp": int(time.time()) + 2})
    for each in lists:
        each.add(token)
    assert [each.check(token) for each in lists] == [True] * len(stores)
    time.sleep(2.2)
    assert [each.check(token) for each in lists] == [False] * len(stores)


def test_an_entry_is_kept_no_longer_than_configured(face: Face, stores: list[Store]) -> None:
    made = [face.jam(config_for(list=store.list("white", in_list_life_time=1))) for store in stores]
    tokens = [jam.jwt_create_token(jam.jwt_make_payload(exp=60)) for jam in made]
    for jam, token in zip(made, tokens, strict=True):
        assert jam.jwt_verify_token(token)
    time.sleep(1.2)
    for jam, token in zip(made, tokens, strict=True):
        with pytest.raises(JamJWTNotInWhiteList):
            jam.jwt_verify_token(token)


def test_the_list_does_not_show_tokens(
    face: Face, durable_store: Store, redis_server: Any, postgres_server: Any
) -> None:
    jam = with_list(face, durable_store, "black")
    token = jam.jwt_create_token(jam.jwt_make_payload(exp=60))
    on_list(face, jam, "add", token)
    path = durable_store.keys.get("json_path") or durable_store.keys.get("sqlite_path")
    if durable_store.name == "postgresql":
        kept = postgres_server.rows(durable_store.keys["postgresql_table"])
    elif path is None:
        kept = redis_server.command("KEYS", "*")
    else:
        kept = b"".join(file.read_bytes() for file in Path(path).parent.glob(Path(path).name + "*"))
    assert kept
    assert token.encode() not in kept


def test_a_leeway_beyond_the_configured_one_is_refused_where_a_black_list_would_have_forgotten(face: Face) -> None:
    jam = face.jam(config_for(leeway=30, list={"type": "black", "backend": "memory"}))
    token = jam.jwt_create_token({"exp": int(time.time()) - 60, "jti": "revoked"})
    with pytest.raises(JamValidationError, match=r"jwt\.leeway"):
        jam.jwt_verify_token(token, leeway=3600)
    assert jam.jwt_verify_token(token, leeway=3600, check_list=False)["jti"] == "revoked"
    with pytest.raises(JamJWTExpired):
        jam.jwt_verify_token(token, leeway=30)
