"""Logins at a provider, by the routes of each framework."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import jam.aio
import pytest
from fastapi import FastAPI
from fastapi import Request as FastAPIRequest
from flask import Flask, jsonify
from jam import Jam
from jam.exceptions import JamConfigurationError
from jam.ext import flask, litestar
from jam.ext.fastapi import OAuth2Login as FastAPILogin
from jam.ext.starlette import OAuth2Login as StarletteLogin
from litestar import Litestar, Request, Response, get
from litestar.testing import TestClient as LitestarClient
from openid_provider import OpenIdProvider
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from web import Send, load, over_django, over_httpx, over_werkzeug

load("django", {})  # sets Django up

from django.http import HttpRequest, HttpResponse, JsonResponse  # noqa: E402  (Django is set up only now)
from django.test import Client, override_settings  # noqa: E402
from django.urls import path  # noqa: E402
from jam.ext.django import OAuth2Login as DjangoLogin  # noqa: E402

BINDING = "__Host-login-test"

django_login = DjangoLogin("test", ["openid", "email"])


def django_callback(request: HttpRequest) -> HttpResponse:
    response = JsonResponse({"sub": (django_login.complete(request).claims or {})["sub"]})
    django_login.forget(response)
    return response


urlpatterns = [path("login", lambda _: django_login.begin(prompt="login")), path("callback", django_callback)]


def in_starlette(facade: Any) -> Send:
    login = StarletteLogin(facade, "test", ["openid", "email"])

    async def begin(_: StarletteRequest) -> Any:
        return await login.begin(prompt="login")

    async def callback(request: StarletteRequest) -> JSONResponse:
        done = await login.complete(request)
        response = JSONResponse({"sub": (done.claims or {})["sub"]})
        login.forget(response)
        return response

    return over_httpx(TestClient(Starlette(routes=[Route("/login", begin), Route("/callback", callback)])))


def in_fastapi(facade: Any) -> Send:
    login = FastAPILogin(facade, "test", ["openid", "email"])
    app = FastAPI()

    @app.get("/login", response_model=None)
    async def begin() -> Any:
        return await login.begin(prompt="login")

    @app.get("/callback", response_model=None)
    async def callback(request: FastAPIRequest) -> JSONResponse:
        done = await login.complete(request, dict(request.query_params))  # as a form would be given
        response = JSONResponse({"sub": (done.claims or {})["sub"]})
        login.forget(response)
        return response

    return over_httpx(TestClient(app))


def in_litestar(facade: Any) -> Send:
    login = litestar.OAuth2Login(facade, "test", ["openid", "email"])

    @get("/login", status_code=303)
    async def begin() -> Any:
        return await login.begin(prompt="login")

    @get("/callback")
    async def callback(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        done = await login.complete(request)
        response: Response[dict[str, Any]] = Response({"sub": (done.claims or {})["sub"]})
        login.forget(response)
        return response

    return over_httpx(LitestarClient(Litestar([begin, callback])))


def in_flask(facade: Any) -> Send:
    login = flask.OAuth2Login(facade, "test", ["openid", "email"])
    app = Flask(__name__)
    app.get("/login")(lambda: login.begin(prompt="login"))

    @app.get("/callback")
    def callback() -> Any:
        response = jsonify({"sub": (login.complete().claims or {})["sub"]})
        login.forget(response)
        return response

    return over_werkzeug(app.test_client(use_cookies=False))


def in_django(_: Any) -> Send:
    return over_django(Client(raise_request_exception=False))


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    provider = OpenIdProvider()
    yield provider
    provider.close()


@pytest.fixture(params=["starlette", "starlette, blocking", "fastapi", "litestar", "flask", "django"])
def send(request: pytest.FixtureRequest, provider: OpenIdProvider) -> Iterator[Send]:
    config = {"oauth2": {"providers": {"test": provider.section()}}, "session": {"session_type": "memory"}}
    name, _, face = request.param.partition(", ")
    makers: dict[str, Callable[[Any], Send]] = {
        "starlette": in_starlette,
        "fastapi": in_fastapi,
        "litestar": in_litestar,
        "flask": in_flask,
        "django": in_django,
    }
    is_async = name not in ("flask", "django") and face != "blocking"
    with override_settings(JAM=config, JAM_AUTH={}, ROOT_URLCONF=__name__):
        yield makers[name](jam.aio.Jam(config=config) if is_async else Jam(config=config))


def begin(send: Send) -> tuple[str, tuple[str, str]]:
    """The provider's address, and the browser's cookie."""
    answer = send("GET", "/login", [])
    assert answer.status == 303
    (cookie,) = answer.cookies
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"path=/", "secure", "httponly", "samesite=lax", "max-age=600"} <= attributes
    name, _, binding = cookie.partition(";")[0].partition("=")
    assert name == BINDING
    assert "prompt=login" in answer.headers["location"]
    return answer.headers["location"], ("Cookie", f"{name}={binding}")


def callback(provider: OpenIdProvider, url: str, **changes: str | None) -> str:
    return f"/callback?{urlsplit(provider.sign_in(url, **changes)).query}"


def test_a_login_sends_the_browser_away_and_knows_it_when_it_comes_back(send: Send, provider: OpenIdProvider) -> None:
    url, cookie = begin(send)
    answer = send("GET", callback(provider, url), [cookie])
    assert (answer.status, answer.json) == (200, {"sub": "user-1"})
    assert any(text.startswith(f"{BINDING}=") and "max-age=0" in text.lower() for text in answer.cookies)


def test_callbacks_that_belong_to_no_login_of_the_browser_are_refused(send: Send, provider: OpenIdProvider) -> None:
    # attacks 65 and 66
    url, cookie = begin(send)
    _, other = begin(send)
    for target, headers in (
        (callback(provider, url, state="guessed"), [cookie]),
        (callback(provider, url, state=None), [cookie]),
        ("/callback", [cookie]),
        ("/callback?" + "a=1&" * 200, [cookie]),
        (callback(provider, url), []),  # and this uses the login up
    ):
        assert send("GET", target, headers).status == 400, target
    assert send("GET", callback(provider, url), [cookie]).status == 400
    url, cookie = begin(send)
    assert send("GET", callback(provider, url), [other]).status == 400


def test_a_refusal_and_a_provider_that_fails_have_statuses_of_their_own(send: Send, provider: OpenIdProvider) -> None:
    url, cookie = begin(send)
    answer = send("GET", callback(provider, url, code=None, error="access_denied"), [cookie])
    assert answer.status == 403
    url, cookie = begin(send)
    provider.claims = {"nonce": "another"}
    assert send("GET", callback(provider, url), [cookie]).status == 502
    provider.claims = {}
    url, cookie = begin(send)
    provider.answers["/token"] = lambda _: (200, {"Content-Type": "text/html"}, b"<html>")
    assert send("GET", callback(provider, url), [cookie]).status == 502


def test_a_login_that_cannot_work_is_refused_when_it_is_made(provider: OpenIdProvider) -> None:
    config = {"oauth2": {"providers": {"test": provider.section()}}}
    with pytest.raises(JamConfigurationError, match="provider"):
        flask.OAuth2Login(config, "other")
    with pytest.raises(JamConfigurationError, match="session"):
        flask.OAuth2Login(config, "test")
