"""The pages as a plain WSGI application, with two middlewares: one for the site, one for the API."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import jam
from jam.ext.wsgi import JamMiddleware, StartResponse, WSGIEnvironment, identity_of, require

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

auth = jam.Jam(config=CONFIG)


def pages(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    page = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    body: Any = {}
    cookies: list[str] = []
    if page == ("POST", "/login"):
        role = "admin" if environ["QUERY_STRING"] == "as=admin" else None
        cookies.append(site.policy.set_cookie(auth.session_create("alice", session_of(role)), 3600))
    elif page == ("POST", "/logout"):
        site.policy.revoke(require(environ))
        cookies.append(COOKIE.delete())
    elif page == ("GET", "/me"):
        body = require(environ).payload
    elif page == ("GET", "/admin"):
        body = require(environ, "admin").payload
    elif page == ("GET", "/public"):
        identity = identity_of(environ)
        body = {"sub": identity and identity.payload["sub"]}
    elif page == ("POST", "/token"):
        body = {"token": auth.jwt_create_token(auth.jwt_make_payload(60, CLAIMS))}
    start_response("200 OK", [("Content-Type", "application/json"), *(("Set-Cookie", text) for text in cookies)])
    return [json.dumps(body).encode()]


def api_pages(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    identity = require(environ, *(["write"] if environ["PATH_INFO"] == "/api/write" else []))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(identity.payload).encode()]


site = JamMiddleware(pages, auth, "session", cookie=COOKIE)
api = JamMiddleware(api_pages, auth, required=True)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return (api if environ["PATH_INFO"].startswith("/api") else site)(environ, start_response)
