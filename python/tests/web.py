"""The applications of `apps`, reached through their framework's own client or a real server, by one interface."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from litestar.testing import TestClient as LitestarClient
from servers import ROOT, free_port
from starlette.testclient import TestClient
from werkzeug.test import Client

Headers = Sequence[tuple[str, str]]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str
    cookies: list[str] = field(default_factory=list[str])

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def challenge(self) -> str | None:
        return self.headers.get("www-authenticate")


Send = Callable[[str, str, Headers], Answer]
"""Sends a method, a path and headers. Cookies are headers: nothing remembers them."""


def raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers as they are sent: any bytes."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def answer_of(response: Any) -> Answer:
    """The answer in a response of httpx, or of what is shaped like it."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.text, response.headers.get_list("set-cookie"))


class AppServer:
    """A server process with one of the applications.

    Args:
        command: Its program and arguments; `{port}` stands for the port.
        folder: What it runs in, and where its output goes.
        environment: Further variables.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self._log = folder / "server.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *(word.format(port=self.port) for word in command)],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT / "python" / "tests"), **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Returns as soon as the application answers."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                self.send("GET", "/public", [])
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start:\n{self._log.read_text()}")

    def send(self, method: str, path: str, headers: Headers) -> Answer:
        # The client of the standard library sends what others think malformed.
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path)
            for name, value in [*headers, ("Content-Length", "0")]:
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders()
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        answers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, answers, text, response.headers.get_all("set-cookie") or [])

    def terminate(self) -> None:
        """Asks the server to end."""
        self._process.terminate()

    def stop(self) -> str:
        """Ends the server and all its workers, and gives what they have written."""
        self.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
        return self._log.read_text()


SERVERS: dict[str, tuple[str, ...]] = {
    "asgi": ("hypercorn", "--bind", "127.0.0.1:{port}", "apps.asgi_app:app"),
    "starlette": ("granian", "--interface", "asgi", "--port", "{port}", "apps.starlette_app:app"),
    "fastapi": ("uvicorn", "--workers", "2", "--port", "{port}", "apps.fastapi_app:app"),
    "litestar": ("uvicorn", "--port", "{port}", "apps.litestar_app:app"),
    "wsgi": ("gunicorn", "--workers", "2", "--preload", "--bind", "127.0.0.1:{port}", "apps.wsgi_app:app"),
    "flask": ("gunicorn", "--workers", "2", "--preload", "--bind", "127.0.0.1:{port}", "apps.flask_app:app"),
    "django": ("gunicorn", "--workers", "2", "--preload", "--bind", "127.0.0.1:{port}", "apps.django_app:app"),
    "django_async": ("uvicorn", "--port", "{port}", "--lifespan", "off", "apps.django_app:asgi"),
}
"""A real server for each application. With `--preload` the facade is made before the workers are forked."""

WITH_WEBSOCKETS = ("asgi", "starlette", "fastapi", "litestar")


def load(name: str, environment: dict[str, str]) -> Any:
    """The module of an application, made anew in this environment."""
    for module in [module for module in sys.modules if module == "apps" or module.startswith("apps.")]:
        del sys.modules[module]
    before = {key: os.environ.get(key) for key in environment}
    os.environ.update(environment)
    try:
        return importlib.import_module(f"apps.{name}_app")
    finally:
        for key, value in before.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


def client_of(name: str, module: Any) -> Send:
    """Reaches an application in this process, by the client that its framework has for tests."""
    return CLIENTS[name](module)


def _asgi(module: Any) -> Send:
    return over_httpx(TestClient(module.app))


def _litestar(module: Any) -> Send:
    return over_httpx(LitestarClient(module.app))


def _wsgi(module: Any) -> Send:
    return over_werkzeug(Client(module.app, use_cookies=False))


def _flask(module: Any) -> Send:
    return over_werkzeug(module.app.test_client(use_cookies=False))


def over_werkzeug(client: Client) -> Send:
    def send(method: str, path: str, headers: Headers) -> Answer:
        response = client.open(path, method=method, headers=list(headers))
        names = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, names, response.text, response.headers.getlist("set-cookie"))

    return send


def _django(_: Any) -> Send:
    from django.test import Client as DjangoClient  # it can be imported only when Django is set up

    return over_django(DjangoClient(raise_request_exception=False))


def over_django(client: Any) -> Send:
    def send(method: str, path: str, headers: Headers) -> Answer:
        response = client.generic(method, path, headers=dict(headers))
        client.cookies.clear()
        names = {name.lower(): value for name, value in response.headers.items()}
        cookies = [morsel.OutputString() for morsel in response.cookies.values()]
        return Answer(response.status_code, names, response.content.decode(), cookies)

    return send


def over_httpx(client: Any) -> Send:
    def send(method: str, path: str, headers: Headers) -> Answer:
        answer = answer_of(client.request(method, path, headers=raw(headers), follow_redirects=False))
        client.cookies.clear()
        return answer

    return send


CLIENTS: dict[str, Callable[[Any], Send]] = {
    "asgi": _asgi,
    "starlette": _asgi,
    "fastapi": _asgi,
    "litestar": _litestar,
    "wsgi": _wsgi,
    "flask": _flask,
    "django": _django,
}
