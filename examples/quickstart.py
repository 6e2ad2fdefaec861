"""Every call of Jam's asyncio face, in order, on the SQLite store and a token endpoint on this machine.

Run it with `make demo`; run it twice to see the sessions of the first run again.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from narrated import Narrated, heading, tell, tell_warnings
from servers import redis_server, token_endpoint

FOLDER = Path(__file__).resolve().parent.parent / ".demo"


def make_config(endpoint: str) -> dict[str, object]:
    """The configuration that the calls below need: a section for each part."""
    return {
        "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
        "session": {"sqlite_path": str(FOLDER / "sessions.sqlite3")},
        "otp": {"type": "totp", "digits": 6, "digest": "sha1", "interval": 30},
        "paseto": {"version": "v4", "purpose": "local", "key": "707172737475767778797a7b7c7d7e7f" * 2},
        "oauth2": {
            "providers": {
                "github": {
                    "client_id": "demo",
                    "client_secret": "demo-secret",
                    "redirect_url": "http://127.0.0.1:8000/callback",
                    "auth_url": f"{endpoint}/authorize",
                    "token_url": f"{endpoint}/token",
                }
            }
        },
    }


async def sessions(jam: Narrated) -> None:
    heading("Python: sessions")
    survivors = await jam.session_list("visitor")
    tell("sessions of visitors that survived earlier runs", len(survivors))
    await jam.session_create(session_key="visitor", data={"run": len(survivors) + 1})

    # Create session
    session_id: str = await jam.session_create(session_key="user", data={"user_id": 1})

    # Get session
    data: dict | None = await jam.session_get(session_id)
    assert data == {"user_id": 1}

    # Update session
    await jam.session_update(session_id, {"role": "admin"})

    # Delete session
    await jam.session_delete(session_id)

    # Clear all sessions
    await jam.session_clear("user")

    # Rework session
    session_id = await jam.session_create(session_key="user", data={"user_id": 1})
    new_session_id: str = await jam.session_rework(session_id)
    assert await jam.session_get(session_id) is None
    assert await jam.session_get(new_session_id) == {"user_id": 1}


async def oauth2(jam: Narrated) -> None:
    heading("Python: OAuth2")
    # Get authorization URL (async for API consistency)
    auth_url: str = await jam.oauth2_get_authorized_url(provider="github", scope=["user:email"])
    assert "scope=user%3Aemail" in auth_url

    # Fetch token (async)
    token: dict = await jam.oauth2_fetch_token(provider="github", code="auth_code")

    # Refresh token (async)
    new_token: dict = await jam.oauth2_refresh_token(provider="github", refresh_token="refresh_token")
    assert new_token["access_token"] != token["access_token"]

    # Client credentials flow (async)
    token = await jam.oauth2_client_credentials_flow(provider="github", scope=["read"])
    assert token["token_type"]


async def tokens_and_codes(jam: Narrated) -> None:
    heading("Python: JWT, OTP, PASETO")
    # JWT - async in jam.aio.Jam
    payload = await jam.jwt_make_payload(exp=3600, data={"user_id": 1})
    token = await jam.jwt_create_token(payload)
    decoded = await jam.jwt_verify_token(token)
    assert decoded == payload

    # OTP - async in jam.aio.Jam
    code = await jam.otp_code(secret="secret")
    is_valid = await jam.otp_verify_code(secret="secret", code=code)
    assert is_valid

    # PASETO - async in jam.aio.Jam
    payload = await jam.paseto_make_payload(exp=3600, data={"user_id": 1})
    token = await jam.paseto_create(payload, footer=None)
    decoded = await jam.paseto_decode(token)
    assert decoded["payload"] == payload


async def direct_imports(redis_uri: str) -> None:
    heading("Python: direct module imports")
    # Async sessions module
    from jam.aio.sessions import RedisSessions

    session = Narrated(RedisSessions(redis_uri=redis_uri), "session")
    session_id = await session.create("user", {"data": 1})
    assert await session.get(session_id) == {"data": 1}

    # Sync JWT module (no jam.aio.jwt)
    from jam.jwt import JWT

    jwt = Narrated(JWT(alg="HS256", secret="secret"), "jwt")
    token = jwt.encode({"user_id": 1})  # synchronous
    assert jwt.decode(token) == {"user_id": 1}


async def main() -> None:
    tell_warnings()  # two of the secrets below are weak, and Jam says so
    FOLDER.mkdir(exist_ok=True)
    with token_endpoint() as endpoint, redis_server() as redis_uri:
        from jam.aio import Jam

        async with Jam(config=make_config(endpoint)) as configured:
            jam = Narrated(configured, "jam")
            await sessions(jam)
            await oauth2(jam)
            await tokens_and_codes(jam)
        await direct_imports(redis_uri)
    heading("Every call gave what it should.")


if __name__ == "__main__":
    asyncio.run(main())
