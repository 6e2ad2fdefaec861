"""The pages as a plain ASGI application, with two middlewares: one for the site, one for the API."""

from __future__ import annotations

import json
from typing import Any

import jam.aio
from jam.ext.asgi import JamMiddleware, Receive, Scope, Send, identity_of, require

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

auth = jam.aio.Jam(config=CONFIG)


async def answer(send: Send, body: Any, *cookies: str) -> None:
    headers = [(b"content-type", b"application/json"), *((b"set-cookie", text.encode()) for text in cookies)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def pages(scope: Scope, receive: Receive, send: Send) -> None:
    page = scope["method"], scope["path"]
    if page == ("POST", "/login"):
        role = "admin" if scope["query_string"] == b"as=admin" else None
        session_id = await auth.session_create("alice", session_of(role))
        await answer(send, {}, site.policy.set_cookie(session_id, 3600))
    elif page == ("POST", "/logout"):
        await site.policy.revoke_async(require(scope))
        await answer(send, {}, COOKIE.delete())
    elif page == ("GET", "/me"):
        await answer(send, require(scope).payload)
    elif page == ("GET", "/admin"):
        await answer(send, require(scope, "admin").payload)
    elif page == ("GET", "/public"):
        identity = identity_of(scope)
        await answer(send, {"sub": identity and identity.payload["sub"]})
    elif page == ("POST", "/token"):
        await answer(send, {"token": await auth.jwt_create_token(await auth.jwt_make_payload(60, CLAIMS))})


async def api_pages(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send, require(scope, *(["write"] if scope["path"] == "/api/write" else [])).payload)


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": json.dumps(require(scope).payload)})
    await send({"type": "websocket.close", "code": 1000})


site = JamMiddleware(pages, auth, "session", cookie=COOKIE)
api = JamMiddleware(api_pages, auth, required=True)
site_socket = JamMiddleware(socket, auth, "session", cookie=COOKIE, required=True)
api_socket = JamMiddleware(socket, auth, query_name="access_token", required=True)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await auth.aclose()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await (site_socket if scope["path"] == "/ws" else api_socket)(scope, receive, send)
    else:
        await (api if scope["path"].startswith("/api") else site)(scope, receive, send)
