"""Userinfo, introspection, revocation and devices, against a provider that a test can make misbehave, on both faces."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from faces import Face
from jam import exceptions
from jam.jose import JWS
from openid_provider import OpenIdProvider, json_answer, new_key

TOKEN = "an-access-token-value"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


def make_jam(face: Face, provider: OpenIdProvider, **keys: Any) -> Any:
    return face.jam({"oauth2": {"providers": {"test": provider.section(**keys)}}})


def refused(call: Any, error: type[exceptions.JamError] = exceptions.JamOAuth2InvalidResponse) -> exceptions.JamError:
    with pytest.raises(error) as caught:
        call()
    shown = f"{caught.value}{caught.value.details}"
    for secret in ("client-secret-value", TOKEN, "a-device-code", "eyJ"):
        assert secret not in shown
    return caught.value


def jwt_answer(token: str, media_type: str = "application/jwt") -> Any:
    return 200, {"Content-Type": media_type}, token.encode()


def test_userinfo_shows_the_access_token_in_the_header_alone(face: Face, provider: OpenIdProvider) -> None:
    provider.answers["/userinfo"] = lambda _: json_answer({"sub": "user-1", "name": "One"})
    jam = make_jam(face, provider)
    assert jam.oauth2_userinfo("test", TOKEN) == {"sub": "user-1", "name": "One"}
    path, headers, form = provider.requests[-1]
    assert (path, headers["authorization"], form) == ("/userinfo", f"Bearer {TOKEN}", {})
    for bad in ("", "a b", "a\nb", "é"):
        refused(lambda: jam.oauth2_userinfo("test", bad), exceptions.JamValidationError)  # noqa: B023


def test_a_refused_access_token_is_a_refusal_that_does_not_repeat_it(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    provider.answers["/userinfo"] = lambda _: json_answer({"error": "invalid_token"}, 401)
    error = refused(lambda: jam.oauth2_userinfo("test", TOKEN), exceptions.JamOAuth2Refused)
    assert error.details == {"error": "invalid_token"}
    provider.answers["/userinfo"] = lambda _: json_answer({"error": f"bad {TOKEN}"}, 401)
    refused(lambda: jam.oauth2_userinfo("test", TOKEN), exceptions.JamOAuth2Refused)
    for answer in (
        json_answer({}, 500),
        json_answer(["user-1"]),
        (200, {"Content-Type": "text/html"}, b"<html>"),
        (302, {"Location": f"{provider.issuer}/elsewhere"}, b""),
    ):
        provider.answers["/userinfo"] = lambda _, answer=answer: answer
        refused(lambda: jam.oauth2_userinfo("test", TOKEN))
    assert "/elsewhere" not in provider.paths()


def test_signed_userinfo_is_verified(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    good = {"iss": provider.issuer, "aud": "client", "sub": "user-1"}
    provider.answers["/userinfo"] = lambda _: jwt_answer(provider.signed(good))
    assert jam.oauth2_userinfo("test", TOKEN) == good
    forged = JWS("ES256", new_key("1")).sign(b'{"sub": "user-1"}')
    for bad in (
        provider.signed({**good, "iss": "https://evil.example"}),
        provider.signed({**good, "aud": "another"}),
        provider.signed({"sub": "user-1"}),
        provider.signed(good, "at+jwt"),
        forged,
        "no token",
    ):
        provider.answers["/userinfo"] = lambda _, bad=bad: jwt_answer(bad)
        refused(lambda: jam.oauth2_userinfo("test", TOKEN))


def test_introspection_says_whether_a_token_is_active(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    provider.answers["/introspect"] = lambda _: json_answer({"active": True, "scope": "read"})
    assert jam.oauth2_introspect("test", TOKEN) == {"active": True, "scope": "read"}
    path, headers, form = provider.requests[-1]
    assert (path, form) == ("/introspect", {"token": TOKEN})
    assert headers["authorization"].startswith("Basic ")
    for bad in ({}, {"active": "true"}, {"active": None}, {"active": 1}):
        provider.answers["/introspect"] = lambda _, bad=bad: json_answer(bad)
        refused(lambda: jam.oauth2_introspect("test", TOKEN))
    provider.answers["/introspect"] = lambda _: json_answer({"error": "invalid_client"}, 401)
    refused(lambda: jam.oauth2_introspect("test", TOKEN), exceptions.JamOAuth2Refused)


def test_a_signed_introspection_is_verified_and_no_other_token_passes_for_one(
    face: Face, provider: OpenIdProvider
) -> None:
    jam = make_jam(face, provider)
    kind, media_type = "token-introspection+jwt", "application/token-introspection+jwt"
    good = {"iss": provider.issuer, "aud": "client", "token_introspection": {"active": True}}
    provider.answers["/introspect"] = lambda _: jwt_answer(provider.signed(good, kind), media_type)
    assert jam.oauth2_introspect("test", TOKEN) == {"active": True}
    for bad in (
        provider.signed(good),
        provider.signed(good, "at+jwt"),
        provider.signed({**good, "aud": "another"}, kind),
        provider.signed({**good, "iss": "https://evil.example"}, kind),
        provider.signed({**good, "token_introspection": True}, kind),
        provider.signed({**good, "token_introspection": {}}, kind),
        JWS("ES256", new_key("1")).sign(b"{}", {"typ": kind}),
    ):
        provider.answers["/introspect"] = lambda _, bad=bad: jwt_answer(bad, media_type)
        refused(lambda: jam.oauth2_introspect("test", TOKEN))


def test_a_token_is_revoked_unless_the_provider_says_no(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    provider.answers["/revoke"] = lambda _: (200, {}, b"")
    assert jam.oauth2_revoke("test", TOKEN) is None
    assert provider.requests[-1][2] == {"token": TOKEN}
    provider.answers["/revoke"] = lambda _: json_answer({"error": "unsupported_token_type"}, 400)
    refused(lambda: jam.oauth2_revoke("test", TOKEN), exceptions.JamOAuth2Refused)
    for status in (302, 503):
        provider.answers["/revoke"] = lambda _, status=status: (status, {}, b"")
        refused(lambda: jam.oauth2_revoke("test", TOKEN))


def test_a_device_waits_for_its_user_at_the_pace_of_the_provider(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    authorization = {
        "device_code": "a-device-code",
        "user_code": "WDJB-MJHT",
        "verification_uri": f"{provider.issuer}/activate",
        "verification_uri_complete": f"{provider.issuer}/activate?user_code=WDJB-MJHT",
        "expires_in": 600,
        "interval": 1,
    }
    provider.answers["/device"] = lambda _: json_answer(authorization)
    device = jam.oauth2_device_begin("test", ["openid"])
    assert provider.requests[-1][2] == {"scope": "openid", "client_id": "client"}
    assert (device.user_code, device.interval) == ("WDJB-MJHT", 1.0)
    assert device.verification_uri_complete == f"{provider.issuer}/activate?user_code=WDJB-MJHT"
    pending = json_answer({"error": "authorization_pending"}, 400)
    answers = [pending, json_answer({"access_token": TOKEN, "token_type": "Bearer"})]
    provider.answers["/token"] = lambda _: answers.pop(0)
    assert jam.oauth2_device_complete("test", device)["access_token"] == TOKEN
    grant = "urn:ietf:params:oauth:grant-type:device_code"
    assert provider.requests[-1][2] == {"grant_type": grant, "device_code": "a-device-code"}
    assert provider.paths().count("/token") == 2

    provider.answers["/token"] = lambda _: json_answer({"error": "access_denied"}, 400)
    error = refused(lambda: jam.oauth2_device_complete("test", device), exceptions.JamOAuth2Refused)
    assert error.details == {"error": "access_denied"}
    authorization["expires_in"] = 1
    late = jam.oauth2_device_begin("test")
    error = refused(lambda: jam.oauth2_device_complete("test", late), exceptions.JamOAuth2Refused)
    assert error.details == {"error": "expired_token"}
    assert repr(device) == "<jam.oauth2.DeviceAuthorization>"
    for leave in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            leave(device)


def test_a_device_authorization_that_leads_astray_is_refused(face: Face, provider: OpenIdProvider) -> None:
    jam = make_jam(face, provider)
    good = {"device_code": "a-device-code", "user_code": "W", "verification_uri": "https://p.example", "expires_in": 9}
    for change in (
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "http://p.example"},
        {"verification_uri_complete": "https://p.example@evil.example"},
        {"expires_in": -1},
        {"expires_in": "soon"},
        {"user_code": None},
        {"device_code": ""},
        {"interval": "soon"},
    ):
        provider.answers["/device"] = lambda _, change=change: json_answer({**good, **change})
        refused(lambda: jam.oauth2_device_begin("test"))


def test_a_provider_without_an_endpoint_names_the_key_that_is_missing(face: Face, provider: OpenIdProvider) -> None:
    provider.metadata = {
        "userinfo_endpoint": None,
        "introspection_endpoint": None,
        "revocation_endpoint": None,
        "device_authorization_endpoint": None,
    }
    jam = make_jam(face, provider)
    for call, key in (
        (lambda: jam.oauth2_userinfo("test", TOKEN), "userinfo_url"),
        (lambda: jam.oauth2_introspect("test", TOKEN), "introspection_url"),
        (lambda: jam.oauth2_revoke("test", TOKEN), "revocation_url"),
        (lambda: jam.oauth2_device_begin("test"), "device_authorization_url"),
    ):
        error = refused(call, exceptions.JamConfigurationError)
        assert error.details == {"path": f"oauth2.providers.test.{key}"}
    own = make_jam(face, provider, userinfo_url=f"{provider.issuer}/me")
    provider.answers["/me"] = lambda _: json_answer({"id": 7})
    assert own.oauth2_userinfo("test", TOKEN) == {"id": 7}
