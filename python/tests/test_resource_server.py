"""Access tokens of requests, and the ends of logins, verified by the provider's keys on both faces."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from faces import Face
from jam import exceptions
from jam.jose import JWS
from openid_provider import OpenIdProvider, new_key, without_none

AUDIENCE = "https://api.example"
EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


def client_of(face: Face, provider: OpenIdProvider, **keys: Any) -> Any:
    made = face.jam({"oauth2": {"providers": {"test": provider.section(**keys)}}})
    return face.drive(made.target.oauth2["test"])


def refused(call: Any, error: type[exceptions.JamError]) -> None:
    with pytest.raises(error) as caught:
        call()
    assert "eyJ" not in str(caught.value)


def access_claims(provider: OpenIdProvider, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": provider.issuer,
        "sub": "user-1",
        "aud": AUDIENCE,
        "client_id": "another-client",
        "exp": now + 300,
        "iat": now,
        "jti": "one",
        "scope": "read write",
    }
    return without_none({**claims, **changes})


def test_an_access_token_is_verified_with_one_request_for_the_keys(face: Face, provider: OpenIdProvider) -> None:
    client = client_of(face, provider)
    token = provider.signed(access_claims(provider), "at+jwt")
    for _ in range(3):
        assert client.verify_access_token(token, AUDIENCE)["scope"] == "read write"
    several = provider.signed(access_claims(provider, aud=["other", AUDIENCE]), "application/at+JWT")
    assert client.verify_access_token(several, AUDIENCE)["sub"] == "user-1"
    assert provider.paths() == ["/.well-known/openid-configuration", "/keys"]


def test_what_is_no_access_token_for_this_resource_is_refused(face: Face, provider: OpenIdProvider) -> None:
    client = client_of(face, provider)
    good = access_claims(provider)
    invalid, malformed = exceptions.JamJWTInvalidClaim, exceptions.JamJWTMalformed
    cases: list[tuple[str, type[exceptions.JamError]]] = [
        (provider.id_token(), malformed),
        (provider.signed(good), malformed),
        (provider.signed(good, "JWT"), malformed),
        (provider.signed({**good, "aud": "client"}, "at+jwt"), invalid),
        (provider.signed({**good, "iss": "https://evil.example"}, "at+jwt"), invalid),
        (provider.signed({**good, "exp": good["iat"] - 61}, "at+jwt"), exceptions.JamJWTExpired),
        (provider.signed({**good, "cnf": {"jkt": "x"}}, "at+jwt"), invalid),
        (JWS("ES256", new_key("1")).sign(b"{}", {"typ": "at+jwt"}), exceptions.JamJWTInvalidSignature),
        (JWS("HS256", b"s" * 32).sign(b"{}", {"typ": "at+jwt"}), exceptions.JamJWTUnsupportedAlgorithm),
        ("", malformed),
        ("an opaque token", malformed),
    ]
    cases += [
        (provider.signed({k: v for k, v in good.items() if k != name}, "at+jwt"), invalid)
        for name in ("iss", "aud", "sub", "client_id", "exp", "iat", "jti")
    ]
    for token, error in cases:
        refused(lambda: client.verify_access_token(token, AUDIENCE), error)  # noqa: B023


def test_a_logout_token_names_whose_login_ended(face: Face, provider: OpenIdProvider) -> None:
    client = client_of(face, provider)
    now = int(time.time())
    good: dict[str, Any] = {
        "iss": provider.issuer,
        "aud": "client",
        "iat": now,
        "exp": now + 120,
        "jti": "one",
        "sub": "user-1",
        "events": {EVENT: {}},
    }
    assert client.verify_logout_token(provider.signed(good, "logout+jwt"))["sub"] == "user-1"
    by_session = without_none({**good, "sub": None, "sid": "session-1"})
    assert client.verify_logout_token(provider.signed(by_session, "logout+jwt"))["sid"] == "session-1"
    for change in (
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"sub": None},
        {"events": None},
        {"events": {}},
        {"events": {EVENT: True}},
        {"events": [EVENT]},
        {"nonce": "n"},
        {"jti": None},
        {"iat": None},
        {"exp": None},
    ):
        token = provider.signed(without_none({**good, **change}), "logout+jwt")
        refused(lambda: client.verify_logout_token(token), exceptions.JamJWTInvalidClaim)  # noqa: B023
    refused(lambda: client.verify_logout_token(provider.id_token()), exceptions.JamJWTMalformed)
    old = provider.signed({**good, "exp": now - 61}, "logout+jwt")
    refused(lambda: client.verify_logout_token(old), exceptions.JamJWTExpired)


def test_the_browser_is_sent_to_the_page_that_ends_the_login(face: Face, provider: OpenIdProvider) -> None:
    provider.metadata = {"end_session_endpoint": f"{provider.issuer}/logout?tenant=1"}
    client = client_of(face, provider)
    url = client.logout_url(id_token_hint="hint", post_logout_redirect_uri="https://app.example/bye", state="s")
    assert url.startswith(f"{provider.issuer}/logout?tenant=1&client_id=client&")
    query = dict(parse_qsl(urlsplit(url).query))
    assert (query["id_token_hint"], query["state"]) == ("hint", "s")
    assert query["post_logout_redirect_uri"] == "https://app.example/bye"
    bad = exceptions.JamValidationError
    refused(lambda: client.logout_url(post_logout_redirect_uri="javascript:alert(1)"), bad)
    refused(lambda: client.logout_url(client_id="another"), bad)
    provider.metadata = {}
    refused(client_of(face, provider).logout_url, exceptions.JamConfigurationError)
    own = client_of(face, provider, end_session_url="https://p.example/logout")
    assert own.logout_url() == "https://p.example/logout?client_id=client"
