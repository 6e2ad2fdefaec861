"""What Flask alone has: extensions, decorators, error handlers."""

from __future__ import annotations

from typing import Any

import jam.aio
import pytest
from flask import Flask, Response, current_app, g, jsonify
from flask.testing import FlaskClient
from jam import Jam
from jam.exceptions import JamConfigurationError, JamStoreUnavailable
from jam.ext.flask import JamExtension, JWTExtension, PASETOExtension, SessionExtension
from werkzeug.exceptions import HTTPException

CONFIG: dict[str, Any] = {
    "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    "session": {"session_type": "memory"},
    "paseto": {"version": "v4", "purpose": "local", "key": "00" * 32},
}


def app_with_pages() -> Flask:
    app = Flask(__name__)

    @app.route("/", methods=["GET", "POST"])
    def page() -> Any:
        return jsonify(g.payload)

    return app


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def client_of(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def test_the_constructors_of_the_february_api_work() -> None:
    facade = Jam(config=CONFIG)
    app = app_with_pages()
    extension = SessionExtension(facade, header_name=None, cookie_name="sessionId")
    extension.init_app(app)
    session_id = facade.session_create("alice", {"user": 1})
    assert client_of(app).get("/", headers={"Cookie": f"sessionId={session_id}"}).json == {"user": 1}
    assert client_of(app).get("/", headers={"Cookie": "sessionId=made-up"}).json is None  # fault 2
    app = app_with_pages()
    JWTExtension(facade, app, header_name="Authorization", cookie_name=None)
    assert client_of(app).get("/", headers=bearer(facade.jwt_create_token({"user": 1}))).json == {"user": 1}
    assert client_of(app).get("/", headers=bearer("x")).json is None  # fault 32


def test_the_facade_and_the_parts_are_at_hand() -> None:
    app = Flask(__name__)
    facade = Jam(config=CONFIG)
    JamExtension(facade, app)
    PASETOExtension(config=CONFIG, header_name="Authorization").init_app(app)

    @app.get("/")
    def page() -> str:
        assert current_app.extensions["jam"] is facade
        return g.paseto.encode({"user": 1})

    token = client_of(app).get("/").text
    assert facade.paseto_decode(token)["payload"] == {"user": 1}


def test_extensions_of_several_kinds_stand_side_by_side() -> None:
    facade = Jam(config=CONFIG)
    app = app_with_pages()
    sessions = SessionExtension(facade, app, "sid")
    JWTExtension(facade, app)
    session_id = facade.session_create("alice", {"user": 1})
    assert client_of(app).get("/", headers={"Cookie": f"sid={session_id}"}).json == {"user": 1}
    assert client_of(app).get("/", headers=bearer(facade.jwt_create_token({"user": 2}))).json == {"user": 2}
    with app.test_request_context(headers={"Cookie": f"sid={session_id}"}):
        app.preprocess_request()
        identity = sessions.identity()
        assert identity is not None
        assert identity.kind == "session"


def test_error_handlers_of_the_application_see_the_status() -> None:
    app = Flask(__name__)
    tokens = JWTExtension(CONFIG, app)

    @app.get("/")
    @tokens.require("read")
    def page() -> str:
        return ""

    @app.errorhandler(HTTPException)
    def show(error: HTTPException) -> tuple[str, int]:
        return f"custom {error.code}", error.code or 500

    assert client_of(app).get("/").text == "custom 401"


def test_a_guard_of_an_extension_that_does_not_look_is_an_error() -> None:
    app = Flask(__name__)
    tokens = JWTExtension(CONFIG)
    app.get("/")(tokens.require()(app_with_pages))
    assert client_of(app).get("/").status_code == 500


class Down:
    def get(self, session_id: str) -> None:
        raise JamStoreUnavailable

    create = update = delete = clear = rework = get


def test_a_store_that_is_down_is_503_whatever_the_page_needs() -> None:
    app = app_with_pages()
    SessionExtension({"session": {"session_type": "custom", "custom_module": Down}}, app, "sid")
    assert client_of(app).get("/", headers={"Cookie": "sid=x"}).status_code == 503


def test_signing_out_lists_the_token() -> None:
    app = app_with_pages()
    tokens = JWTExtension({"jwt": {**CONFIG["jwt"], "list": {"type": "black", "backend": "memory"}}}, app)
    headers = bearer(tokens.policy.jam.jwt_create_token({"jti": "1", "user": 1}))
    assert client_of(app).get("/", headers=headers).json == {"jti": "1", "user": 1}
    with app.test_request_context(headers=headers):
        app.preprocess_request()
        tokens.sign_out(Response())
    assert client_of(app).get("/", headers=headers).json is None


def test_the_asyncio_facade_is_refused() -> None:
    with pytest.raises(JamConfigurationError, match=r"jam\.Jam"):
        JWTExtension(jam.aio.Jam(config=CONFIG))
