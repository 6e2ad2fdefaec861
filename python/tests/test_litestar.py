"""What Litestar alone has: plugins, dependencies, users, OpenAPI."""

from dataclasses import dataclass
from typing import Any

import pytest
from jam import Jam
from jam.aio import Jam as AsyncJam
from jam.exceptions import JamStoreUnavailable
from jam.ext.litestar import BaseUser, JamPlugin, JWTPlugin, PASETOPlugin, SessionPlugin, SessionsPlugin
from jam.jwt import JWT
from litestar import Litestar, Request, Response, get
from litestar.config.app import AppConfig
from litestar.di import NamedDependency
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components
from litestar.testing import TestClient

CONFIG: dict[str, Any] = {
    "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    "session": {"session_type": "memory"},
    "paseto": {"version": "v4", "purpose": "local", "key": "00" * 32},
}


@get("/user")
async def user(request: Request[Any, Any, Any]) -> dict[str, Any]:
    return {"payload": request.user and request.user.payload, "kind": request.auth and request.auth.kind}


def client_of(*plugins: Any, handlers: Any = (user,), **options: Any) -> TestClient[Any]:
    return TestClient(Litestar(handlers, plugins=list(plugins), **options))


def test_the_constructors_of_the_february_api_work() -> None:
    facade = Jam(config=CONFIG)
    token = facade.jwt_create_token({"user": 1})
    client = client_of(JWTPlugin(jam=facade, cookie_name="jwt", header_name=None))
    assert client.get("/user", headers={"Cookie": f"jwt={token}"}).json()["payload"] == {"user": 1}
    assert client.get("/user").json()["payload"] is None
    client = client_of(SessionsPlugin(facade, "sessionId", None))
    session_id = facade.session_create("alice", {"user": 1})
    assert client.get("/user", headers={"Cookie": f"sessionId={session_id}"}).json()["payload"] == {"user": 1}
    # fault 2
    assert client.get("/user", headers={"Cookie": "sessionId=made-up"}).json()["payload"] is None


def test_handlers_receive_the_facade_and_the_parts() -> None:
    @get("/make")
    async def make(jam: NamedDependency[AsyncJam], jwt: NamedDependency[JWT]) -> list[str]:
        return [type(jam).__module__, jwt.encode({"user": 1})]

    facade = AsyncJam(config=CONFIG)
    client = client_of(JamPlugin(facade), JWTPlugin(facade, None, "Authorization"), handlers=[make, user])
    module, token = client.get("/make").json()
    assert module == "jam.aio.facade"
    answer = client.get("/user", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == {"payload": {"user": 1}, "kind": "jwt"}


def test_plugins_of_several_kinds_stand_side_by_side() -> None:
    facade = Jam(config=CONFIG)
    client = client_of(PASETOPlugin(facade), JWTPlugin(facade, header_name="X-Token"), SessionPlugin(facade, "sid"))
    session_id = facade.session_create("alice", {})
    for headers, kind in (
        ({"Authorization": f"Bearer {facade.paseto_create({})}"}, "paseto"),
        ({"X-Token": f"Bearer {facade.jwt_create_token({})}"}, "jwt"),
        ({"Cookie": f"sid={session_id}"}, "session"),
    ):
        assert client.get("/user", headers=headers).json()["kind"] == kind


@dataclass
class Member(BaseUser):
    payload: int

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "Member":
        return cls(payload["id"])


def test_a_user_of_the_programs_own_is_made_of_the_payload() -> None:
    facade = Jam(config=CONFIG)
    client = client_of(JWTPlugin(facade, user=Member))
    for claims, expected in (({"id": 7}, 7), ({"sub": "not a member"}, None)):
        headers = {"Authorization": f"Bearer {facade.jwt_create_token(claims)}"}
        assert client.get("/user", headers=headers).json()["payload"] == expected
    with pytest.raises(NotImplementedError):
        BaseUser.from_payload({})


class Down:
    def get(self, session_id: str) -> None:
        raise JamStoreUnavailable

    create = update = delete = clear = rework = get


def test_a_store_that_is_down_is_503_whatever_the_page_needs() -> None:
    plugin = SessionPlugin({"session": {"session_type": "custom", "custom_module": Down}}, "sid")
    assert client_of(plugin).get("/user", headers={"Cookie": "sid=x"}).status_code == 503


def test_a_guard_of_a_plugin_that_does_not_see_the_path_is_an_error() -> None:
    plugin = JWTPlugin(CONFIG, exclude="^/out")

    @get("/out", guards=[plugin.guard()])
    async def out() -> None: ...

    client = TestClient(Litestar([out], plugins=[plugin]), raise_server_exceptions=False)
    assert client.get("/out").status_code == 500


def test_without_its_middleware_a_plugin_only_provides() -> None:
    config = JWTPlugin(CONFIG, middleware=False).on_app_init(AppConfig())
    assert (list(config.dependencies), config.middleware) == (["jwt"], [])


def test_the_openapi_document_has_the_schemes() -> None:
    facade = Jam(config=CONFIG)
    plugins = [
        JWTPlugin(facade),
        PASETOPlugin(facade, query_name="access_token"),
        SessionPlugin(facade),
    ]
    openapi = OpenAPIConfig("Pages", "1", components=[Components()])
    schema = Litestar([user], plugins=plugins, openapi_config=openapi).openapi_schema.to_schema()
    assert schema["components"]["securitySchemes"] == {
        "jwt": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "paseto": {"type": "apiKey", "in": "query", "name": "access_token"},
        "session": {"type": "apiKey", "in": "cookie", "name": "__Host-session"},
    }


def test_cookies_keep_all_their_attributes() -> None:
    response: Response[None] = Response(None)
    SessionPlugin(CONFIG).set_cookie(response, "id", 60)
    (cookie,) = response.cookies
    text = cookie.to_header(header="")
    assert text.startswith("__Host-session=id;")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=60"} <= {part.strip() for part in text.split(";")}
