"""What Python may hand to `jam.jwt.JWT` by mistake, and the parts of it that users replace."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import time
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jam.encoders import JsonEncoder
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamJWTEmptyPrivateKey,
    JamJWTEmptySecretKey,
    JamJWTExpired,
    JamJWTNotYetValid,
    JamJWTUnsupportedAlgorithm,
    JamJWTValidationError,
    JamValidationError,
)
from jam.jwt import JWT
from keys import make_pair, pair_for

SECRET = "a secret of at least sixty-four bytes, so that it is long enough for SHA-512"


def make(**options: Any) -> JWT:
    return JWT("HS256", SECRET, **options)


def test_a_key_given_at_the_call_holds_for_that_call() -> None:
    other = make_pair(ec.generate_private_key(ec.SECP256R1()))
    token = JWT("ES256", private_key=other.private).encode({"a": 1})
    jam = JWT("ES256", public_key=pair_for("ES256").public)
    for _ in range(2):
        with pytest.raises(JamJWTValidationError):
            jam.decode(token)
        assert jam.decode(token, other.public) == {"a": 1}
    with pytest.raises(JamValidationError):
        make().decode(make().encode({}), other.public)


def test_missing_and_unusable_keys_have_their_own_errors() -> None:
    public = pair_for("RS256").public
    with pytest.raises(JamJWTEmptySecretKey):
        JWT("HS256")
    with pytest.raises(JamJWTEmptySecretKey):
        JWT("HS256", "")
    with pytest.raises(JamJWTEmptyPrivateKey):
        JWT("RS256")
    with pytest.raises(JamJWTEmptyPrivateKey):
        JWT("RS256", public_key=public).encode({})
    with pytest.raises(JamJWTUnsupportedAlgorithm):
        JWT("none", "secret")
    with pytest.raises(JamError) as refused:
        JWT("HS256", public)
    assert refused.value.error_code == "key.wrong_kind"
    with pytest.raises(JamError):
        JWT("RS256", private_key=__file__)
    with pytest.raises(JamConfigurationError):
        JWT("RS256", SECRET, public_key=public)
    with pytest.raises(JamValidationError):
        JWT("HS256", SECRET, secret_key=SECRET)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_each_half_of_a_key_is_taken_in_its_own_place_only(alg: str) -> None:
    """Who means to verify only must not hold what signs; and what cannot sign is told before the first token."""
    pair = pair_for(alg)
    for keys in [
        {"public_key": pair.private},
        {"private_key": pair.public},
        {"private_key": pair.private, "public_key": pair.private},
        {"private_key": [pair.private, pair.public]},
    ]:
        with pytest.raises(JamError) as refused:
            JWT(alg, **keys)
        assert refused.value.error_code == "key.wrong_kind", keys.keys()


def test_a_short_secret_works_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    jam = JWT("HS256", "secret")
    assert jam.decode(jam.encode({"user_id": 1})) == {"user_id": 1}
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "at least 32 bytes" in warnings[0].getMessage()


def test_times_issuer_and_audience_are_checked() -> None:
    jam = make(issuer="me", audience=["you", "them"], leeway=0.5, expire=60)
    payload = jam.make_payload(None, {"user_id": 1})
    assert payload["exp"] - payload["iat"] == 60
    assert (payload["iss"], payload["aud"]) == ("me", ["you", "them"])
    assert jam.decode(jam.encode(payload)) == payload

    now = time.time()
    good = {"iss": "me", "aud": "you"}
    with pytest.raises(JamJWTExpired):
        jam.decode(jam.encode({**good, "exp": now - 1}))
    with pytest.raises(JamJWTNotYetValid):
        jam.decode(jam.encode({**good, "nbf": now + 5}))
    assert jam.decode(jam.encode({**good, "exp": now - 1, "nbf": now + 5}), check_exp=False)["iss"] == "me"
    assert jam.decode(jam.encode({**good, "exp": now - 1}), leeway=10)["iss"] == "me"
    assert jam.decode(jam.encode({"iss": "he", "aud": "her"}), issuer="he", audience=("her",))["iss"] == "he"
    for bad in (
        {"aud": "you"},
        {"iss": "me"},
        {"iss": "Me", "aud": "you"},
        {"iss": ["me"], "aud": "you"},
        {"iss": "me", "aud": ["he"]},
        {"iss": "me", "aud": ["you", 1]},
        {"iss": "me", "aud": {"you": 1}},
        {"iss": "me", "aud": None},
        {**good, "exp": "never"},
        {**good, "exp": None},
        {**good, "exp": True},
        {**good, "exp": [9999999999]},
        {**good, "nbf": {}},
        {**good, "iat": "now"},
        {**good, "exp": 10**400},
    ):
        with pytest.raises(JamJWTValidationError) as refused:
            jam.decode(jam.encode(bad))
        assert refused.value.error_code in ("jwt.invalid_claim", "jwt.malformed")


def test_what_is_given_explicitly_is_not_changed_by_data() -> None:
    jam = make(issuer="me", audience="you", expire=60)
    for data in ({"exp": 1}, {"iss": "other"}, {"aud": "other"}):
        with pytest.raises(JamValidationError):
            jam.make_payload(5, data)
    assert jam.make_payload(data={"exp": 1, "iss": "me", "jti": "own"})["exp"] == 1
    assert make().make_payload(0)["exp"] == make().make_payload(0)["iat"]
    assert "exp" not in make().make_payload()
    for wrong in ("60", 1.5, True, []):
        with pytest.raises(TypeError):
            make().make_payload(wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(JamValidationError):
        make().make_payload(2**63)


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "...", "é.é.é", "\ud800.a.b", "a.b.c.d.e", "." * 10**6])
def test_a_malformed_token_is_a_typed_error(token: str) -> None:
    with pytest.raises(JamJWTValidationError):
        make().decode(token)


@pytest.mark.parametrize("token", [None, b"a.b.c", 1, [], {}])
def test_a_token_of_another_type_is_a_typed_error(token: Any) -> None:
    with pytest.raises(JamValidationError):
        make().decode(token)


@pytest.mark.parametrize(
    "payload",
    [None, "x", 1, [], b"{}", {1: 2}, {"a": object()}, {"a": float("nan")}, {"a": "\ud800"}, {"\ud800": 1}, {"a": {1}}],
)
def test_a_payload_without_a_json_form_is_a_typed_error(payload: Any) -> None:
    with pytest.raises(JamValidationError):
        make().encode(payload)


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((1, SECRET), {}),
        (("HS256", 1), {}),
        (("HS256", ["x", 1]), {}),
        (("HS256", [["x"]]), {}),
        (("HS256", []), {}),
        (("HS256", {"x"}), {}),
        (("HS256", [SECRET, SECRET]), {}),
        (("HS256", SECRET), {"issuer": 1}),
        (("HS256", SECRET), {"audience": 1}),
        (("HS256", SECRET), {"audience": [1]}),
        (("HS256", SECRET), {"subject": 1}),
        (("HS256", SECRET), {"required": 1}),
        (("HS256", SECRET), {"required": ["exp", 1]}),
        (("HS256", SECRET), {"required": [""]}),
        (("HS256", SECRET), {"typ": 1}),
        (("HS256", SECRET), {"typ": ""}),
        (("HS256", SECRET), {"leeway": "1"}),
        (("HS256", SECRET), {"leeway": -1}),
        (("HS256", SECRET), {"leeway": float("nan")}),
        (("HS256", SECRET), {"leeway": float("inf")}),
        (("HS256", SECRET), {"leeway": 1e9}),
        (("HS256", SECRET), {"expire": "1"}),
        (("HS256", SECRET), {"expire": -1}),
        (("HS256", "\ud800"), {}),
        (("HS256", SECRET), {"issuer": "\ud800"}),
        (("ES256",), {"private_key": 1}),
        (("ES256",), {"private_key": b"\xff"}),
        (("ES256",), {"private_key": "\ud800"}),
    ],
)
def test_wrong_arguments_are_refused_at_construction(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
    with pytest.raises((TypeError, JamError)):
        JWT(*arguments, **keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {"check_exp": 1},
        {"audience": 1},
        {"issuer": ["me"]},
        {"leeway": "1"},
        {"leeway": True},
        {"leeway": -1},
        {"leeway": float("nan")},
        {"leeway": 10**400},
        {"leeway": 86401},
        {"public_key": 1},
    ],
)
def test_wrong_arguments_of_decode_are_refused(keywords: dict[str, Any]) -> None:
    token = make().encode({})
    with pytest.raises((TypeError, JamValidationError)):
        make().decode(token, **keywords)


def test_payloads_that_are_no_single_object_are_refused() -> None:
    for payload in ("[]", '"x"', "1", "null", "", '{"a":1,"a":2}', '{"exp":1e400}', '{"a":NaN}', "{}{}", "[" * 10**5):
        token = pyjwt.api_jws.encode(payload.encode(), SECRET, algorithm="HS256")
        with pytest.raises(JamJWTValidationError) as refused:
            make().decode(token)
        assert refused.value.error_code == "jwt.malformed"


def test_a_serializer_of_the_users_own_is_asked() -> None:
    class Reversed(JsonEncoder):
        @classmethod
        def dumps(cls, var: dict[str, Any]) -> bytes:
            return json.dumps(dict(reversed(var.items()))).encode()

        @classmethod
        def loads(cls, var: str | bytes) -> dict[str, Any]:
            return {"read": True, **json.loads(var)}

    for serializer in (Reversed, Reversed()):
        jam = make(serializer=serializer)
        token = jam.encode({"a": 1, "b": 2})
        assert base64.urlsafe_b64decode(token.split(".")[1] + "==").startswith(b'{"b"')
        assert jam.decode(token) == {"read": True, "a": 1, "b": 2}


def test_keys_stay_inside() -> None:
    jam = make()
    assert repr(jam) == "<jam.jwt.JWT HS256>"
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leak(jam)


def test_the_class_can_be_inherited_from() -> None:
    class Mine(JWT):
        def encode(self, payload: dict[str, Any]) -> str:
            return super().encode({**payload, "mine": True})

    jam = Mine("HS256", SECRET)
    assert jam.decode(jam.encode({}))["mine"] is True
