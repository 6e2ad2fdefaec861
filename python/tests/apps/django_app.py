"""The pages in Django: the site by session, the API by JWT. `app` is the WSGI application, `asgi` the other."""

from __future__ import annotations

from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.signals import setting_changed
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from apps.common import CLAIMS, CONFIG, COOKIE, session_of

SETTINGS: dict[str, Any] = {
    "ALLOWED_HOSTS": ["127.0.0.1", "testserver"],
    "AUTHENTICATION_BACKENDS": ["django.contrib.auth.backends.ModelBackend", "jam.ext.django.backends.JamBackend"],
    "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"],
    "JAM": CONFIG,
    "JAM_AUTH": {"jwt": {}, "session": {"cookie": COOKIE}},
    "MIDDLEWARE": ["jam.ext.django.JamMiddleware"],
    "ROOT_URLCONF": "apps.django_app",
    "SECRET_KEY": "a secret of at least thirty-two bytes",
    "SESSION_ENGINE": "jam.ext.django.sessions",
    "TIME_ZONE": "UTC",  # Django sets that of the whole process
    "USE_TZ": True,
}

if not settings.configured:
    settings.configure(**SETTINGS)
    django.setup()
elif settings.JAM != CONFIG:  # another test of this process
    settings.JAM = CONFIG
    setting_changed.send(None, setting="JAM", value=CONFIG, enter=True)

from jam.ext.django import get_jam, identity_of, require, set_cookie, sign_out  # noqa: E402  (after the settings)


@require_POST
def login(request: HttpRequest) -> HttpResponse:
    response = JsonResponse({})
    set_cookie(response, "session", get_jam().session_create("alice", session_of(request.GET.get("as"))), 3600)
    return response


@require_POST
@require(kind="session")
def logout(request: HttpRequest) -> HttpResponse:
    response = JsonResponse({})
    sign_out(request, response)
    return response


def payload(request: HttpRequest) -> HttpResponse:
    identity = identity_of(request)
    return JsonResponse(identity.payload if identity else {})


def public(request: HttpRequest) -> HttpResponse:
    identity = identity_of(request)
    return JsonResponse({"sub": identity and identity.payload["sub"]})


@require(kind="jwt")
async def api(request: HttpRequest) -> HttpResponse:
    return payload(request)


@require_POST
def token(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"token": get_jam().jwt_create_token(get_jam().jwt_make_payload(60, CLAIMS))})


urlpatterns = [
    path("login", login),
    path("logout", logout),
    path("me", require(kind="session")(payload)),
    path("admin", require("admin", kind="session")(payload)),
    path("public", public),
    path("token", token),
    path("api/me", api),
    path("api/write", require("write", kind="jwt")(payload)),
]

app = get_wsgi_application()
asgi = get_asgi_application()
