"""The OAuth2 client against a certified OpenID provider, from the first request to the last token, on both faces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from certified_provider import Browser, CertifiedProvider
from faces import Face
from jam import exceptions
from jam.jose import JWK
from openid_provider import new_key

SECRET = "a secret of at least thirty-two bytes: %+ &"
WAYS = ("client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none")


@pytest.fixture(scope="module")
def key() -> JWK:
    return new_key("client-key")


@pytest.fixture(scope="module")
def provider(key: JWK) -> Iterator[CertifiedProvider]:
    try:
        provider = CertifiedProvider({"keys": [key.to_dict()]})
    except FileNotFoundError as missing:
        pytest.fail(str(missing), pytrace=False)
    yield provider
    provider.close()


def jam_of(face: Face, provider: CertifiedProvider, key: JWK, way: str, **keys: Any) -> Any:
    section: dict[str, Any] = {
        "issuer": provider.issuer,
        "client_id": way,
        "client_authentication": way,
        "redirect_url": "https://app.example/callback",
        **keys,
    }
    if way == "private_key_jwt":
        section["private_key"] = json.dumps(key.to_dict(private=True))
    elif way != "none":
        section["client_secret"] = SECRET
    return face.jam({"oauth2": {"providers": {"test": section}}, "session": {"session_type": "memory"}})


def sign_in(jam: Any, *scope: str) -> Any:
    login = jam.oauth2_begin("test", ["openid", *scope], prompt="consent")
    callback, _ = Browser().go(login.url)
    return jam.oauth2_complete("test", callback, login.binding)


@pytest.mark.parametrize("way", WAYS)
def test_a_user_signs_in_through_clients_of_every_kind(
    face: Face, provider: CertifiedProvider, key: JWK, way: str
) -> None:
    done = sign_in(jam_of(face, provider, key, way), "email")
    assert (done.claims["sub"], done.claims["aud"]) == ("user-1", way)
    assert done.claims["email"] == "user-1@app.example"
    assert done.tokens["expires_in"] > 0


@pytest.mark.parametrize("way", WAYS)
def test_a_user_signs_in_by_a_pushed_request(face: Face, provider: CertifiedProvider, key: JWK, way: str) -> None:
    jam = jam_of(face, provider, key, way, pushed_authorization=True)
    assert "request_uri=" in jam.oauth2_begin("test").url
    assert sign_in(jam).claims["sub"] == "user-1"


def test_a_login_ends_with_the_provider(face: Face, provider: CertifiedProvider, key: JWK) -> None:
    jam = jam_of(face, provider, key, "client_secret_basic")
    hint = sign_in(jam).tokens["id_token"]
    client = face.drive(jam.target.oauth2["test"])
    url = client.logout_url(id_token_hint=hint, post_logout_redirect_uri="https://app.example/goodbye", state="s")
    _, page = Browser().go(url)
    assert f'action="{provider.issuer}/session/end/confirm"' in page


def test_the_user_of_an_access_token_can_be_asked_for(face: Face, provider: CertifiedProvider, key: JWK) -> None:
    jam = jam_of(face, provider, key, "client_secret_basic")
    done = sign_in(jam, "email")
    user = jam.oauth2_userinfo("test", done.tokens["access_token"])
    assert user == {"sub": "user-1", "email": "user-1@app.example", "email_verified": True}
    with pytest.raises(exceptions.JamOAuth2Refused) as refusal:
        jam.oauth2_userinfo("test", "made-up")
    assert refusal.value.details == {"error": "invalid_token"}


def test_a_refresh_token_is_changed_at_each_use_and_its_replay_refused(
    face: Face, provider: CertifiedProvider, key: JWK
) -> None:
    # attack 72
    jam = jam_of(face, provider, key, "client_secret_basic")
    tokens = sign_in(jam, "offline_access").tokens
    fresh = jam.oauth2_refresh_token("test", tokens["refresh_token"])
    assert fresh["refresh_token"] != tokens["refresh_token"]
    with pytest.raises(exceptions.JamOAuth2Refused) as refusal:
        jam.oauth2_refresh_token("test", tokens["refresh_token"])
    assert refusal.value.details == {"error": "invalid_grant"}
    with pytest.raises(exceptions.JamOAuth2Refused):  # the whole family is useless then
        jam.oauth2_refresh_token("test", fresh["refresh_token"])


@pytest.mark.parametrize("way", WAYS[:-1])
def test_an_application_gets_a_token_for_itself_which_can_be_looked_up_and_revoked(
    face: Face, provider: CertifiedProvider, key: JWK, way: str
) -> None:
    jam = jam_of(face, provider, key, way)
    token = jam.oauth2_client_credentials_flow("test", ["api"])["access_token"]
    said = jam.oauth2_introspect("test", token)
    assert (said["active"], said["client_id"], said["scope"]) == (True, way, "api")
    assert jam.oauth2_revoke("test", token) is None
    assert jam.oauth2_introspect("test", token) == {"active": False}
    jam.oauth2_revoke("test", "made-up")


@pytest.mark.parametrize("way", ["client_secret_basic", "none"])
def test_a_user_signs_in_on_a_device_without_a_browser(
    face: Face, provider: CertifiedProvider, key: JWK, way: str
) -> None:
    jam = jam_of(face, provider, key, way)
    device = jam.oauth2_device_begin("test", ["openid"])
    assert device.verification_uri == f"{provider.issuer}/device"
    Browser().confirm_device(device.verification_uri, device.user_code)
    tokens = jam.oauth2_device_complete("test", device)
    assert tokens["access_token"]
    client = face.drive(jam.target.oauth2["test"])
    assert client.verify_id_token(tokens["id_token"])["sub"] == "user-1"


def test_a_code_is_good_once(face: Face, provider: CertifiedProvider, key: JWK) -> None:
    jam = jam_of(face, provider, key, "client_secret_basic")
    login = jam.oauth2_begin("test")
    callback, _ = Browser().go(login.url)
    jam.oauth2_complete("test", callback, login.binding)
    code = callback.split("code=")[1].split("&")[0]
    with pytest.raises(exceptions.JamOAuth2Refused):
        jam.oauth2_fetch_token("test", code, code_verifier="v" * 43)
