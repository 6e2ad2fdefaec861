"""The pages in Litestar: the site by session, the API by JWT."""

from __future__ import annotations

from typing import Any

import jam.aio
from jam.ext.litestar import JamPlugin, JWTPlugin, SessionPlugin
from litestar import Litestar, Request, Response, WebSocket, get, post, websocket
from litestar.di import NamedDependency

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

auth = jam.aio.Jam(config=CONFIG)
sessions = SessionPlugin(auth, cookie=COOKIE, exclude="^/api/")
tokens = JWTPlugin(auth, header_name="Authorization", query_name="access_token")


@post("/login")
async def login(request: Request[Any, Any, Any], jam: NamedDependency[jam.aio.Jam]) -> Response[dict[str, Any]]:
    response: Response[dict[str, Any]] = Response({})
    sessions.set_cookie(response, await jam.session_create("alice", session_of(request.query_params.get("as"))), 3600)
    return response


@post("/logout", guards=[sessions.guard()])
async def logout(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    response: Response[dict[str, Any]] = Response({})
    await sessions.sign_out(request, response)
    return response


@get("/me", guards=[sessions.guard()])
async def me(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return request.user.payload


@get("/admin", guards=[sessions.guard("admin")])
async def admin(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return request.user.payload


@get("/public")
async def public(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"sub": request.user and request.user.payload["sub"]}


@post("/token")
async def token(jam: NamedDependency[jam.aio.Jam]) -> dict[str, Any]:
    return {"token": await jam.jwt_create_token(await jam.jwt_make_payload(60, CLAIMS))}


@get("/api/me", guards=[tokens.guard()])
async def api(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return request.user.payload


@get("/api/write", guards=[tokens.guard("write")])
async def write(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return request.user.payload


@websocket("/ws", guards=[sessions.guard()])
async def site_socket(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_json(socket.user.payload)
    await socket.close()


@websocket("/api/ws", guards=[tokens.guard()])
async def api_socket(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_json(socket.user.payload)
    await socket.close()


app = Litestar(
    [login, logout, me, admin, public, token, api, write, site_socket, api_socket],
    plugins=[JamPlugin(auth), sessions, tokens],
    on_shutdown=[auth.aclose],
)
