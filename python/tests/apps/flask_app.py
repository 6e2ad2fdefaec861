"""The pages in Flask: the site by session, the API, a blueprint, by JWT."""

from __future__ import annotations

from typing import Any

import jam
from flask import Blueprint, Flask, Response, g, jsonify, request
from jam.ext.flask import JWTExtension, SessionExtension

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

auth = jam.Jam(config=CONFIG)
app = Flask(__name__)
api = Blueprint("api", __name__, url_prefix="/api")
sessions = SessionExtension(auth, app, cookie=COOKIE, blueprints=(None,))
tokens = JWTExtension(auth, blueprints=("api",))
tokens.init_app(app)


@app.post("/login")
def login() -> Response:
    response = jsonify({})
    sessions.set_cookie(response, auth.session_create("alice", session_of(request.args.get("as"))), 3600)
    return response


@app.post("/logout")
@sessions.require()
def logout() -> Response:
    response = jsonify({})
    sessions.sign_out(response)
    return response


@app.get("/me")
@sessions.require()
def me() -> dict[str, Any]:
    return g.payload


@app.get("/admin")
@sessions.require("admin")
def admin() -> dict[str, Any]:
    return g.payload


@app.get("/public")
def public() -> dict[str, Any]:
    return {"sub": g.payload and g.payload["sub"]}


@app.post("/token")
def token() -> dict[str, Any]:
    return {"token": auth.jwt_create_token(auth.jwt_make_payload(60, CLAIMS))}


@api.get("/me")
@tokens.require()
def api_me() -> dict[str, Any]:
    return g.payload


@api.get("/write")
@tokens.require("write")
def write() -> dict[str, Any]:
    return g.payload


app.register_blueprint(api)
