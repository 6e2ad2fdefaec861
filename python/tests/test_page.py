"""Every block of the page "Async support" as it is written there, and the same calls on the blocking facade."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jam as blocking_jam
import pytest
from conftest import Store
from faces import Face
from jam.aio import Jam as AsyncJam
from servers import RedisServer, TokenEndpoint

SECRET = "a secret of at least thirty-two bytes"


def make_config(store: Store, endpoint: TokenEndpoint) -> dict[str, Any]:
    return {
        "jwt": {"alg": "HS256", "secret": SECRET},
        "session": store.session(),
        "otp": {"type": "totp", "digits": 6, "digest": "sha1", "interval": 30},
        "paseto": {"version": "v4", "purpose": "local", "key": "70" * 32},
        "oauth2": {
            "providers": {
                "github": {
                    "client_id": "client",
                    "client_secret": "client secret",
                    "redirect_url": "http://127.0.0.1:8000/callback",
                    "auth_url": f"{endpoint.url}/authorize",
                    "token_url": f"{endpoint.url}/token",
                }
            }
        },
    }


@pytest.fixture
def config(store: Store, token_endpoint: TokenEndpoint) -> dict[str, Any]:
    return make_config(store, token_endpoint)


async def sessions(jam: AsyncJam) -> None:
    # Create session
    session_id: str = await jam.session_create(session_key="user", data={"user_id": 1})

    # Get session
    data: dict | None = await jam.session_get(session_id)
    assert data == {"user_id": 1}

    # Update session
    await jam.session_update(session_id, {"role": "admin"})
    assert await jam.session_get(session_id) == {"role": "admin"}

    # Delete session
    await jam.session_delete(session_id)
    assert await jam.session_get(session_id) is None

    # Clear all sessions
    await jam.session_clear("user")

    # Rework session
    session_id = await jam.session_create(session_key="user", data={"user_id": 1})
    new_session_id: str = await jam.session_rework(session_id)
    assert await jam.session_get(session_id) is None
    assert await jam.session_get(new_session_id) == {"user_id": 1}


async def oauth2(jam: AsyncJam, auth_endpoint: str) -> None:
    # Get authorization URL (async for API consistency)
    auth_url: str = await jam.oauth2_get_authorized_url(provider="github", scope=["user:email"])
    assert auth_url.startswith(auth_endpoint + "?")
    assert "scope=user%3Aemail" in auth_url

    # Fetch token (async)
    token: dict = await jam.oauth2_fetch_token(provider="github", code="auth_code")
    assert token["access_token"] == "access-1"

    # Refresh token (async)
    new_token: dict = await jam.oauth2_refresh_token(provider="github", refresh_token="refresh_token")
    assert new_token["access_token"] == "access-2"

    # Client credentials flow (async)
    token: dict = await jam.oauth2_client_credentials_flow(provider="github", scope=["read"])
    assert token["access_token"] == "access-3"


async def jwt_otp_paseto(jam: AsyncJam) -> None:
    # JWT - async in jam.aio.Jam
    payload = await jam.jwt_make_payload(exp=3600, data={"user_id": 1})
    token = await jam.jwt_create_token(payload)
    decoded = await jam.jwt_verify_token(token)
    assert decoded == payload
    assert decoded["user_id"] == 1

    # OTP - async in jam.aio.Jam
    code = await jam.otp_code(secret="secret")
    is_valid = await jam.otp_verify_code(secret="secret", code=code)
    assert is_valid is True

    # PASETO - async in jam.aio.Jam
    payload = await jam.paseto_make_payload(exp=3600, data={"user_id": 1})
    token = await jam.paseto_create(payload, footer=None)
    decoded = await jam.paseto_decode(token)
    assert decoded == {"payload": payload, "footer": None}
    assert decoded["payload"]["data"] == {"user_id": 1}


async def direct_module_imports(redis_uri: str) -> None:
    # Async sessions module
    from jam.aio.sessions import RedisSessions

    session = RedisSessions(redis_uri=redis_uri)
    session_id = await session.create("user", {"data": 1})
    assert await session.get(session_id) == {"data": 1}

    # Sync JWT module (no jam.aio.jwt)
    from jam.jwt import JWT

    jwt = JWT(alg="HS256", secret="secret")
    token = jwt.encode({"user_id": 1})  # synchronous
    assert jwt.decode(token) == {"user_id": 1}
    await session.close()


def test_the_async_page_runs_as_it_is_written(
    config: dict[str, Any], token_endpoint: TokenEndpoint, redis_server: RedisServer
) -> None:
    async def page() -> None:
        from jam.aio import Jam

        jam = Jam(config=config)
        await sessions(jam)
        await oauth2(jam, f"{token_endpoint.url}/authorize")
        await jwt_otp_paseto(jam)
        await direct_module_imports(redis_server.uri)
        await jam.aclose()

    asyncio.run(page())


def test_the_blocking_facade_does_the_same(config: dict[str, Any]) -> None:
    with blocking_jam.Jam(config=config) as jam:
        session_id = jam.session_create(session_key="user", data={"user_id": 1})
        assert jam.session_get(session_id) == {"user_id": 1}
        jam.session_update(session_id, {"role": "admin"})
        assert jam.session_get(session_id) == {"role": "admin"}
        jam.session_delete(session_id)
        assert jam.session_get(session_id) is None
        jam.session_clear("user")
        session_id = jam.session_create(session_key="user", data={"user_id": 1})
        new_session_id = jam.session_rework(session_id)
        assert jam.session_get(session_id) is None
        assert jam.session_get(new_session_id) == {"user_id": 1}

        assert "scope=user%3Aemail" in jam.oauth2_get_authorized_url(provider="github", scope=["user:email"])
        assert jam.oauth2_fetch_token(provider="github", code="auth_code")["access_token"] == "access-1"
        assert jam.oauth2_refresh_token(provider="github", refresh_token="refresh_token")["access_token"] == "access-2"
        token = jam.oauth2_client_credentials_flow(provider="github", scope=["read"])
        assert token["access_token"] == "access-3"

        payload = jam.jwt_make_payload(exp=3600, data={"user_id": 1})
        assert jam.jwt_verify_token(jam.jwt_create_token(payload)) == payload
        code = jam.otp_code(secret="secret")
        assert jam.otp_verify_code(secret="secret", code=code) is True
        payload = jam.paseto_make_payload(exp=3600, data={"user_id": 1})
        decoded = jam.paseto_decode(jam.paseto_create(payload, footer=None))
        assert decoded == {"payload": payload, "footer": None}


def test_the_requests_of_the_page_carry_what_the_grants_ask_for(face: Face, token_endpoint: TokenEndpoint) -> None:
    jam = face.jam(make_config(Store("memory", {}), token_endpoint))
    jam.oauth2_fetch_token("github", "the code")
    jam.oauth2_refresh_token("github", "the refresh token")
    jam.oauth2_client_credentials_flow("github", ["read", "write"])
    fetch, refresh, credentials = token_endpoint.forms
    assert fetch["grant_type"] == "authorization_code"
    assert fetch["code"] == "the code"
    assert fetch["redirect_uri"] == "http://127.0.0.1:8000/callback"
    assert refresh["grant_type"] == "refresh_token"
    assert refresh["refresh_token"] == "the refresh token"
    assert credentials["grant_type"] == "client_credentials"
    assert credentials["scope"] == "read write"


def test_there_are_no_asyncio_twins_of_modules_without_io() -> None:
    for name in ("jwt", "otp", "paseto"):
        with pytest.raises(ModuleNotFoundError):
            __import__(f"jam.aio.{name}")


def test_make_payload_gives_what_the_contract_says(face: Face) -> None:
    jam = face.jam({"jwt": {"alg": "HS256", "secret": SECRET}})
    before = int(time.time())
    payload = jam.jwt_make_payload(exp=3600, data={"user_id": 1}, role="admin")
    assert set(payload) == {"iat", "exp", "jti", "user_id", "role"}
    assert before <= payload["iat"] <= before + 5
    assert payload["exp"] == payload["iat"] + 3600
    assert len(payload["jti"]) == 36
    assert "exp" not in jam.jwt_make_payload()
    assert jam.jwt_make_payload(None, {"exp": 5}, jti="own")["exp"] == 5
    assert jam.jwt_make_payload(60, {"jti": "data"}, jti="keyword")["jti"] == "keyword"
