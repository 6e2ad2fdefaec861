"""What Starlette and FastAPI alone have: users, backends, OpenAPI."""

from dataclasses import dataclass
from typing import Annotated, Any

import jam.aio
import pytest
from fastapi import Depends, FastAPI, Response, Security
from fastapi.security import OAuth2PasswordBearer
from fastapi.testclient import TestClient
from jam import Jam
from jam.cookies import Cookie
from jam.exceptions import JamStoreUnavailable
from jam.ext.fastapi import Identity, JWTAuth, PASETOAuth, SessionAuth
from jam.ext.starlette import (
    AuthenticationMiddleware,
    BaseUser,
    JWTBackend,
    PASETOBackend,
    SessionBackend,
    SimpleUser,
    on_error,
    require,
)
from starlette.applications import Starlette
from starlette.authentication import AuthenticationBackend, requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware as StarletteMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

CONFIG: dict[str, Any] = {
    "jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"},
    "session": {"session_type": "memory"},
    "paseto": {"version": "v4", "purpose": "local", "key": "00" * 32},
}


async def profile(request: Request) -> JSONResponse:
    if not request.user.is_authenticated:
        return JSONResponse({"user": None, "scopes": request.auth.scopes}, 401)
    return JSONResponse({"user": request.user.payload, "scopes": sorted(request.auth.scopes)})


@requires("write")
async def write(request: Request) -> JSONResponse:
    return JSONResponse({})


async def strict(request: Request) -> JSONResponse:
    return JSONResponse(require(request, "write").payload)


def client_of(backend: AuthenticationBackend, middleware: Any = StarletteMiddleware, **options: Any) -> TestClient:
    routes = [Route("/", profile, methods=["GET", "POST"]), Route("/write", write), Route("/strict", strict)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(middleware, backend=backend, **options)]))


@pytest.mark.parametrize("facade", [Jam, jam.aio.Jam])
def test_the_constructors_of_the_february_api_serve_starlettes_own_middleware(facade: Any) -> None:
    # The facades of the three kinds share their keys, so a blocking one can make what the other reads.
    blocking = Jam(config=CONFIG)
    token = blocking.jwt_create_token({"user": 1})
    by_cookie = client_of(JWTBackend(facade(config=CONFIG), "jwt", None))
    assert by_cookie.get("/", headers={"Cookie": f"jwt={token}"}).json()["user"] == {"user": 1}
    by_header = client_of(JWTBackend(jam=facade(config=CONFIG), cookie_name=None, header_name="Authorization"))
    assert by_header.get("/", headers={"Authorization": f"Bearer {token}"}).json()["user"] == {"user": 1}
    paseto = client_of(PASETOBackend(facade(config=CONFIG), None, "Authorization"))
    answer = paseto.get("/", headers={"Authorization": f"Bearer {blocking.paseto_create({'user': 2})}"})
    assert answer.json()["user"] == {"user": 2}


def test_a_session_of_a_blocking_facade_works_as_well() -> None:
    blocking = Jam(config=CONFIG)
    client = client_of(SessionBackend(blocking, "sessionId", None))
    session_id = blocking.session_create("alice", {"user": 1})
    assert client.get("/", headers={"Cookie": f"sessionId={session_id}"}).json()["user"] == {"user": 1}
    # fault 2
    assert client.get("/", headers={"Cookie": "sessionId=made-up"}).status_code == 401


def test_a_configuration_stands_for_the_facade() -> None:
    token = Jam(config=CONFIG).jwt_create_token({"user": 1})
    client = client_of(JWTBackend(config=CONFIG, header_name="Authorization", bearer=False, use_list=False))
    assert client.get("/", headers={"Authorization": token}).json()["user"] == {"user": 1}


def test_scopes_serve_starlettes_own_decorator_and_the_stricter_answers() -> None:
    facade = Jam(config=CONFIG)
    client = client_of(JWTBackend(facade))
    reader, writer = (
        {"Authorization": f"Bearer {facade.jwt_create_token({'sub': 'alice', 'scope': scope})}"}
        for scope in ("read", "read write")
    )
    assert client.get("/", headers=writer).json()["scopes"] == ["authenticated", "read", "write"]
    assert [client.get("/write", headers=headers).status_code for headers in (reader, writer)] == [403, 200]
    assert [client.get("/strict", headers=headers).status_code for headers in ({}, reader, writer)] == [401, 403, 200]
    assert client.get("/strict").headers["www-authenticate"] == 'Bearer realm="jam"'


@dataclass
class Member(BaseUser):
    id: int
    role: str

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "Member":
        return cls(id=payload["id"], role=payload["role"])

    @property
    def payload(self) -> dict[str, Any]:
        return {"member": self.id}


def test_a_user_of_the_programs_own_is_made_of_the_payload() -> None:
    facade = Jam(config=CONFIG)
    client = client_of(JWTBackend(facade, user=Member))
    token = facade.jwt_create_token({"id": 7, "role": "admin"})
    assert client.get("/", headers={"Authorization": f"Bearer {token}"}).json()["user"] == {"member": 7}
    other = facade.jwt_create_token({"sub": "not a member"})
    assert client.get("/", headers={"Authorization": f"Bearer {other}"}).status_code == 401
    answer = client.get("/strict", headers={"Authorization": f"Bearer {other}"})
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_users_say_who_they_are() -> None:
    assert (SimpleUser({"sub": "alice"}).identity, SimpleUser({}).display_name) == ("alice", "")
    assert (Member(1, "a").is_authenticated, Member(1, "a").display_name) == (True, "")
    with pytest.raises(NotImplementedError):
        BaseUser.from_payload({})


class Down:
    def get(self, session_id: str) -> None:
        raise JamStoreUnavailable

    create = update = delete = clear = rework = get


def test_a_store_that_is_down_is_told_with_its_own_status() -> None:
    config = {"session": {"session_type": "custom", "custom_module": Down}}
    headers = {"Cookie": "sid=x"}
    assert (
        client_of(SessionBackend(config, "sid"), AuthenticationMiddleware).get("/", headers=headers).status_code == 503
    )
    assert client_of(SessionBackend(config, "sid"), on_error=on_error).get("/", headers=headers).status_code == 503
    # Starlette's own answer is not as good, but lets nobody in.
    assert client_of(SessionBackend(config, "sid")).get("/", headers=headers).status_code == 400


def test_the_openapi_document_has_the_schemes_and_the_scopes() -> None:
    facade = jam.aio.Jam(config=CONFIG)
    app = FastAPI()
    oauth2 = OAuth2PasswordBearer(tokenUrl="token", scopes={"read": "Read"}, scheme_name="Password")
    schemes = {
        "jwt": JWTAuth(facade),
        "paseto": PASETOAuth(facade, header_name="X-Token"),
        "session": SessionAuth(facade, cookie=Cookie("sid")),
        "password": JWTAuth(facade, scheme=oauth2),
    }
    for name, auth in schemes.items():

        def page(user: Annotated[Identity, Security(auth, scopes=["read"])]) -> None: ...

        app.get(f"/{name}")(page)
    document = app.openapi()
    assert document["components"]["securitySchemes"] == {
        "JWTAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "PASETOAuth": {"type": "apiKey", "in": "header", "name": "x-token"},
        "SessionAuth": {"type": "apiKey", "in": "cookie", "name": "__Host-sid"},
        "Password": {"type": "oauth2", "flows": {"password": {"scopes": {"read": "Read"}, "tokenUrl": "token"}}},
    }
    assert document["paths"]["/jwt"]["get"]["security"] == [{"JWTAuth": ["read"]}]


def test_a_page_may_take_either_of_two_kinds() -> None:
    facade = jam.aio.Jam(config=CONFIG)
    app = FastAPI()
    tokens, sessions = JWTAuth(facade), SessionAuth(facade, "sid")

    @app.get("/")
    async def page(
        token: Annotated[Identity | None, Depends(tokens.optional)],
        session: Annotated[Identity | None, Depends(sessions.optional)],
        response: Response,
    ) -> list[str]:
        await tokens.sign_out(response, None)
        return [identity.kind for identity in (token, session) if identity is not None]

    token = Jam(config=CONFIG).jwt_create_token({"sub": "alice"})
    assert TestClient(app).get("/", headers={"Authorization": f"Bearer {token}"}).json() == ["jwt"]
    assert TestClient(app).get("/").json() == []


def test_a_store_that_is_down_is_503_in_fastapi() -> None:
    auth = SessionAuth({"session": {"session_type": "custom", "custom_module": Down}}, "sid")
    app = FastAPI()

    @app.get("/")
    async def page(user: Annotated[Identity, Depends(auth)]) -> None: ...

    @app.get("/out")
    async def out(response: Response) -> None:
        await auth.sign_out(response, Identity({}, frozenset(), "session", "x"))

    assert TestClient(app).get("/", headers={"Cookie": "sid=x"}).status_code == 503
    assert TestClient(app).get("/out").status_code == 503
