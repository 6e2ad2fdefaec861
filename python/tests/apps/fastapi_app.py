"""The pages in FastAPI: the site by session, the API by JWT."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import jam.aio
from fastapi import Depends, FastAPI, Query, Response, Security, WebSocket
from jam.ext.fastapi import Identity, JWTAuth, SessionAuth

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

auth = jam.aio.Jam(config=CONFIG)
sessions = SessionAuth(auth, cookie=COOKIE)
tokens = JWTAuth(auth, header_name="Authorization", query_name="access_token")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with auth:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/login", dependencies=[Depends(sessions.optional)])
async def login(response: Response, role: Annotated[str | None, Query(alias="as")] = None) -> dict[str, Any]:
    sessions.set_cookie(response, await auth.session_create("alice", session_of(role)), 3600)
    return {}


@app.post("/logout")
async def logout(response: Response, user: Annotated[Identity, Depends(sessions)]) -> dict[str, Any]:
    await sessions.sign_out(response, user)
    return {}


@app.get("/me")
async def me(user: Annotated[Identity, Depends(sessions)]) -> dict[str, Any]:
    return user.payload


@app.get("/admin")
def admin(user: Annotated[Identity, Security(sessions, scopes=["admin"])]) -> dict[str, Any]:
    return user.payload


@app.get("/public")
async def public(user: Annotated[Identity | None, Depends(sessions.optional)]) -> dict[str, Any]:
    return {"sub": user and user.payload["sub"]}


@app.post("/token")
async def token() -> dict[str, Any]:
    return {"token": await auth.jwt_create_token(await auth.jwt_make_payload(60, CLAIMS))}


@app.get("/api/me")
async def api(user: Annotated[Identity, Depends(tokens)]) -> dict[str, Any]:
    return user.payload


@app.get("/api/write")
async def write(user: Annotated[Identity, Security(tokens, scopes=["write"])]) -> dict[str, Any]:
    return user.payload


async def socket(websocket: WebSocket, user: Identity) -> None:
    await websocket.accept()
    await websocket.send_json(user.payload)
    await websocket.close()


@app.websocket("/ws")
async def site_socket(websocket: WebSocket, user: Annotated[Identity, Depends(sessions)]) -> None:
    await socket(websocket, user)


@app.websocket("/api/ws")
async def api_socket(websocket: WebSocket, user: Annotated[Identity, Depends(tokens)]) -> None:
    await socket(websocket, user)
