"""What protecting a route of FastAPI costs. Run it by itself: `.venv/bin/python python/benches/frameworks.py`.

The application is called as a server calls it, without one: no socket, no HTTP parser, so that the difference is not
lost in them. PyJWT stands in a dependency of the form that FastAPI's own guide shows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import jwt as pyjwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jam.aio import Jam
from jam.ext.fastapi import Identity, JWTAuth, PASETOAuth, SessionAuth
from measure import Comparison, compare_async

SECRET = "a secret of at least thirty-two bytes"
REQUESTS = 2000

auth = Jam(
    config={
        "jwt": {"alg": "HS256", "secret": SECRET},
        "paseto": {"version": "v4", "purpose": "local", "key": "00" * 32},
        "session": {"session_type": "memory"},
    }
)
app = FastAPI()


@app.get("/open")
async def unprotected() -> dict[str, Any]:
    """Gives a fixed answer."""
    return {"sub": "alice"}


@app.get("/jwt")
async def by_jwt(user: Annotated[Identity, Depends(JWTAuth(auth))]) -> dict[str, Any]:
    """Needs a JWT."""
    return {"sub": user.payload["sub"]}


@app.get("/paseto")
async def by_paseto(user: Annotated[Identity, Depends(PASETOAuth(auth))]) -> dict[str, Any]:
    """Needs a PASETO."""
    return {"sub": user.payload["sub"]}


@app.get("/session")
async def by_session(user: Annotated[Identity, Depends(SessionAuth(auth))]) -> dict[str, Any]:
    """Needs a session."""
    return {"sub": user.payload["sub"]}


@app.get("/bare")
async def by_nothing(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict[str, Any]:
    """Finds the bearer token and verifies nothing: what a dependency of FastAPI costs by itself."""
    return {"sub": credentials.scheme}


async def pyjwt_claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict[str, Any]:
    """The claims of the bearer token, by PyJWT."""
    try:
        return pyjwt.decode(credentials.credentials, SECRET, algorithms=["HS256"])
    except pyjwt.InvalidTokenError as error:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from error


@app.get("/pyjwt")
async def by_pyjwt(claims: Annotated[dict[str, Any], Depends(pyjwt_claims)]) -> dict[str, Any]:
    """Needs a JWT, by PyJWT."""
    return {"sub": claims["sub"]}


def requests_to(path: str, *headers: tuple[bytes, bytes]) -> Callable[[int], Awaitable[None]]:
    """Sends requests one after the other."""
    common = [(b"host", b"example.org"), (b"user-agent", b"bench"), (b"accept", b"*/*")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [*common, *headers],
        "client": ("127.0.0.1", 1),
        "server": ("example.org", 443),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} answered {message['status']}")

    async def run(count: int) -> None:
        for _ in range(count):
            await app(dict(scope), receive, send)

    return run


async def measure() -> Comparison:
    """Times each route in turn."""
    claims = {"sub": "alice", "scope": "read write", "iat": int(time.time()), "exp": int(time.time()) + 3600}
    token = (await auth.jwt_create_token(claims)).encode()
    paseto = (await auth.paseto_create(claims)).encode()
    session = (await auth.session_create("alice", claims)).encode()
    return await compare_async(
        "GET of a FastAPI route",
        {
            "unprotected": requests_to("/open"),
            "HTTPBearer alone": requests_to("/bare", (b"authorization", b"Bearer " + token)),
            "Jam, JWT": requests_to("/jwt", (b"authorization", b"Bearer " + token)),
            "PyJWT, by hand": requests_to("/pyjwt", (b"authorization", b"Bearer " + token)),
            "Jam, PASETO": requests_to("/paseto", (b"authorization", b"Bearer " + paseto)),
            "Jam, session": requests_to("/session", (b"cookie", b"__Host-session=" + session)),
        },
        REQUESTS,
    )


def main() -> None:
    """Measures and prints."""
    result = asyncio.run(measure())
    base = result.cost("unprotected")
    print(f"{result.title}: medians, in microseconds")
    for name in result.seconds:
        cost = result.cost(name)
        print(f"  {name:<18}{cost * 1e6:8.1f}   adds {(cost - base) * 1e6:6.1f}")


if __name__ == "__main__":
    main()
