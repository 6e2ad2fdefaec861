"""What Django alone has: the session engine, the authentication backend, the REST framework."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web import load

load("django", {})  # sets Django up

from django.contrib.auth import authenticate  # noqa: E402  (Django is set up only now)
from django.contrib.auth import login as django_login  # noqa: E402
from django.contrib.auth import logout as django_logout  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.base import UpdateError  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402
from django.test import AsyncClient, Client, RequestFactory, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from jam.exceptions import JamConfigurationError, JamStoreUnavailable  # noqa: E402
from jam.ext import Identity  # noqa: E402
from jam.ext.django import JamMiddleware, get_jam, identity_of, policy_of, require  # noqa: E402
from jam.ext.django.rest_framework import JWTAuthentication, has_scopes  # noqa: E402
from jam.ext.django.sessions import SessionStore, owner_of  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

CONFIG: dict[str, Any] = {
    "jwt": {
        "alg": "HS256",
        "secret": "a secret of at least thirty-two bytes",
        "list": {"type": "black", "backend": "memory"},
    },
    "session": {"session_type": "memory"},
}


def sign_in(request: HttpRequest) -> HttpResponse:
    request.session["seen"] = True
    user = authenticate(request, username="alice", password="right")
    django_login(request, user)
    return HttpResponse(status=500 if "fail" in request.GET else 200)


def visit(request: HttpRequest) -> HttpResponse:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"], "user": request.user.get_username()})


def sign_out(request: HttpRequest) -> HttpResponse:
    django_logout(request)
    return HttpResponse()


@require("read")
def reports(request: HttpRequest) -> HttpResponse:
    identity = identity_of(request)
    assert identity is not None
    return JsonResponse({"user": request.user.get_username(), "is_authenticated": request.user.is_authenticated})


async def reports_async(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    return JsonResponse({"is_authenticated": user.is_authenticated})


class Api(APIView):
    authentication_classes = (JWTAuthentication,)
    permission_classes = (has_scopes("read"),)

    def get(self, request: Request) -> Response:
        assert isinstance(request.auth, Identity)
        return Response({"user": request.user.get_username(), "scopes": sorted(request.auth.scopes)})


urlpatterns = [
    path("sign-in", sign_in),
    path("visit", visit),
    path("sign-out", sign_out),
    path("reports", reports),
    path("reports-async", require("read")(reports_async)),
    path("api", Api.as_view()),
]

SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": __name__,
    "JAM": CONFIG,
    "JAM_AUTH": {"jwt": {}},
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "jam.ext.django.JamMiddleware",
    ],
    "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],  # the fastest
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    connections.databases["default"]["NAME"] = str(tmp_path_factory.mktemp("django") / "db.sqlite3")
    call_command("migrate", verbosity=0)
    with override_settings(PASSWORD_HASHERS=SETTINGS["PASSWORD_HASHERS"]):
        User.objects.create_user("alice", password="right")
        User.objects.create_user("gone", password="right", is_active=False)
    yield
    connections.close_all()


@pytest.fixture
def client(database: None) -> Iterator[Client]:
    with override_settings(**SETTINGS):
        yield Client(raise_request_exception=False)


def bearer(**claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {get_jam().jwt_create_token({'jti': '1', **claims})}"}


def alice() -> Any:
    return User.objects.get(username="alice")


def test_a_login_gives_the_session_a_new_key_and_an_owner_and_ends_the_old_one(client: Client) -> None:
    # attack 55
    assert client.get("/visit").json() == {"visits": 1, "user": ""}
    anonymous = client.cookies["sessionid"].value
    client.get("/sign-in")
    known = client.cookies["sessionid"].value
    assert known != anonymous
    assert client.get("/visit").json() == {"visits": 2, "user": "alice"}  # the data has moved along
    assert not SessionStore().exists(anonymous)
    assert len(get_jam().session_list(owner_of(alice()))) == 1
    client.get("/sign-out")
    assert not SessionStore().exists(known)
    client.cookies["sessionid"] = known
    assert client.get("/visit").json() == {"visits": 1, "user": ""}


def test_a_login_that_fails_halfway_leaves_the_old_session(client: Client) -> None:
    client.get("/visit")
    client.get("/sign-in?fail")
    assert client.get("/visit").json() == {"visits": 2, "user": ""}


def test_a_user_is_signed_out_everywhere(client: Client) -> None:
    other = Client()
    for one in (client, other):
        one.get("/sign-in")
    get_jam().session_clear(owner_of(alice()))
    for one in (client, other):
        assert one.get("/visit").json()["user"] == ""


def test_a_made_up_key_opens_no_session_and_is_not_taken_over(client: Client) -> None:
    # attack 55, fault 2
    for key in ("x" * 32, "short", "../../etc"):
        client.cookies["sessionid"] = key
        assert client.get("/visit").json()["visits"] == 1
        assert client.cookies["sessionid"].value != key


def test_a_session_that_ended_is_not_brought_back_by_a_save(client: Client) -> None:
    # attack 62
    session = SessionStore()
    session["a"] = 1
    session.save()
    key = session.session_key
    again = SessionStore(key)
    assert again["a"] == 1
    session.delete()
    again["a"] = 2
    with pytest.raises(UpdateError):
        again.save()
    assert not SessionStore().exists(key or "")


def test_a_session_ends_when_django_says(client: Client) -> None:
    session = SessionStore()
    session["a"] = 1
    session.set_expiry(-1)
    session.save()
    assert SessionStore(session.session_key).get("a") is None
    session.clear_expired()


def test_the_asynchronous_methods_do_the_same(client: Client) -> None:
    async def steps() -> None:
        session = SessionStore()
        await session.aset("a", 1)
        await session.asave()
        first = session.session_key
        await session.acycle_key()
        await session.asave()
        assert await SessionStore(session.session_key).aget("a") == 1
        assert not await session.aexists(first or "")
        await session.acycle_key()
        second = session._replaced
        await session.aflush()
        assert not await session.aexists(second or "")

    asyncio.run(steps())


def test_a_token_names_a_user_of_the_database(client: Client) -> None:
    known = {"user": "alice", "is_authenticated": True}
    assert client.get("/reports", headers=bearer(sub=str(alice().pk), scope="read")).json() == known
    assert client.get("/reports", headers=bearer(sub=alice().pk, scope="read")).json() == known
    gone = User.objects.get(username="gone").pk
    for sub in ("999", "x", "", None, True, {}, "9" * 40, gone):
        answer = client.get("/reports", headers=bearer(sub=sub, scope="read"))
        assert answer.json() == {"user": "", "is_authenticated": False}, sub


def test_views_are_refused_as_rfc_6750_says(client: Client) -> None:
    answer = client.get("/reports")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="jam"')
    answer = client.get("/reports", headers=bearer(sub="1"))
    assert answer.status_code == 403
    assert 'scope="read"' in answer.headers["WWW-Authenticate"]


def test_asynchronous_views_and_clients_are_served(client: Client) -> None:
    async def steps() -> None:
        asynchronous = AsyncClient()
        assert (await asynchronous.get("/reports-async")).status_code == 401
        answer = await asynchronous.get("/reports-async", headers=bearer(sub={}, scope="read"))
        assert answer.json() == {"is_authenticated": False}

    asyncio.run(steps())


def test_the_rest_framework_knows_the_user_and_the_scopes(client: Client) -> None:
    answer = client.get("/api", headers=bearer(sub=str(alice().pk), scope="read write"))
    assert answer.json() == {"user": "alice", "scopes": ["read", "write"]}
    answer = client.get("/api")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="jam"')
    for headers in ({"Authorization": "Bearer x"}, bearer(sub="999", scope="read")):
        answer = client.get("/api", headers=headers)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    answer = client.get("/api", headers=bearer(sub=str(alice().pk)))
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert client.get("/api", headers={"Authorization": "Bearer a, Bearer b"}).status_code == 400


class Down:
    def get(self, session_id: str) -> None:
        raise JamStoreUnavailable

    create = update = delete = clear = rework = get


def test_a_store_that_is_down_is_503(client: Client) -> None:
    down = {"session": {"session_type": "custom", "custom_module": Down}}
    with override_settings(JAM=down, JAM_AUTH={"session": {"cookie_name": "sid"}}):
        broken = Client(raise_request_exception=False)
        broken.cookies["sid"] = "x"
        assert broken.get("/reports").status_code == 503
        del broken.cookies["sid"]
        broken.cookies["sessionid"] = "a-key-of-django"
        assert broken.get("/visit").status_code == 503


def test_settings_that_cannot_work_are_told_at_the_start(client: Client) -> None:
    def answer(_: HttpRequest) -> HttpResponse:
        return HttpResponse()

    with override_settings(JAM=None), pytest.raises(JamConfigurationError, match="JAM"):
        JamMiddleware(answer)
    with override_settings(JAM_AUTH={"paseto": {}}), pytest.raises(JamConfigurationError, match="paseto"):
        JamMiddleware(answer)
    with pytest.raises(JamConfigurationError, match="JAM_AUTH"):
        policy_of("session")
    with pytest.raises(RuntimeError, match="JamMiddleware"):
        identity_of(RequestFactory().get("/"))


def test_credentials_of_other_backends_are_left_to_them(client: Client, tmp_path: Path) -> None:
    assert authenticate(None, username="alice", password="wrong") is None
    assert authenticate(None, identity=Identity({"sub": str(alice().pk)}, frozenset(), "jwt", "x")) == alice()
