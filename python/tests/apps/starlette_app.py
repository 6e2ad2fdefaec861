"""The pages in Starlette: the site by session, the API, mounted in it, by JWT."""

from __future__ import annotations

import jam.aio
from jam.ext.starlette import AuthenticationMiddleware, JWTBackend, SessionBackend, require
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

auth = jam.aio.Jam(config=CONFIG)
sessions = SessionBackend(auth, cookie=COOKIE)
tokens = JWTBackend(auth, query_name="access_token", header_name="Authorization")


async def login(request: Request) -> Response:
    response = JSONResponse({})
    session_id = await auth.session_create("alice", session_of(request.query_params.get("as")))
    sessions.set_cookie(response, session_id, 3600)
    return response


async def logout(request: Request) -> Response:
    require(request)
    response = JSONResponse({})
    await sessions.sign_out(request, response)
    return response


async def me(request: Request) -> Response:
    return JSONResponse(require(request).payload)


async def admin(request: Request) -> Response:
    return JSONResponse(require(request, "admin").payload)


async def public(request: Request) -> Response:
    return JSONResponse({"sub": request.user.display_name or None})


async def token(request: Request) -> Response:
    return JSONResponse({"token": await auth.jwt_create_token(await auth.jwt_make_payload(60, CLAIMS))})


async def write(request: Request) -> Response:
    return JSONResponse(require(request, "write").payload)


async def socket(websocket: WebSocket) -> None:
    user = require(websocket)
    await websocket.accept()
    await websocket.send_json(user.payload)
    await websocket.close()


api = Mount(
    "/api",
    routes=[Route("/write", write), Route("/me", me), WebSocketRoute("/ws", socket)],
    middleware=[Middleware(AuthenticationMiddleware, backend=tokens)],
)
site = Mount(
    "",
    routes=[
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/me", me),
        Route("/admin", admin),
        Route("/public", public),
        Route("/token", token, methods=["POST"]),
        WebSocketRoute("/ws", socket),
    ],
    middleware=[Middleware(AuthenticationMiddleware, backend=sessions)],
)
app = Starlette(routes=[api, site])
