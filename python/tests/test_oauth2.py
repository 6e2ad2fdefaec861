"""The OAuth2 clients of both faces against a server of this machine."""

from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jam.aio.oauth2
import jam.oauth2
import pytest
from faces import Face
from jam import exceptions

TOKENS = {"access_token": "new-access-token", "token_type": "bearer", "expires_in": "3600", "scope": "read"}
JSON = "application/json"


class Provider:
    """Answers as the test says, over connections that stay open; counts them and keeps what was sent."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.connections = 0
        self.answer: Callable[[dict[str, str]], tuple[int, dict[str, str], bytes]] = lambda _: (
            200,
            {"Content-Type": JSON},
            json.dumps(TOKENS).encode(),
        )
        self.asked = threading.Event()
        self.delay = threading.Event()
        self.delay.set()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def setup(self) -> None:
                super().setup()
                provider.connections += 1

            def do_POST(self) -> None:
                form = dict(parse_qsl(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()))
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.requests.append((self.path, headers, form))
                provider.asked.set()
                provider.delay.wait(30)
                status, fields, body = provider.answer(form)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **fields}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the output belongs to the tests."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that gives up is part of the tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answers(self, status: int, body: Any, content_type: str = JSON, **fields: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = lambda _: (status, {"Content-Type": content_type, **fields}, raw)

    def close(self) -> None:
        self.delay.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


def make_client(face: Face, provider: Provider, **options: Any) -> Any:
    module = jam.aio.oauth2 if face.is_async else jam.oauth2
    given = {
        "client_id": "client",
        "client_secret": "client-secret-value",
        "auth_url": f"{provider.url}/authorize",
        "token_url": f"{provider.url}/token",
        "redirect_url": "https://app.example/callback",
    }
    return face.drive(module.OAuth2Client(**{**given, **options}))


def test_the_authorization_url_holds_what_the_grant_asks_for(face: Face, provider: Provider) -> None:
    client = make_client(face, provider, auth_url="https://provider.example/authorize?tenant=a%20b")
    url = client.get_authorization_url(["read:user", "repo"], state="s+&=", max_age=0, prompt=True)
    assert url == (
        "https://provider.example/authorize?tenant=a%20b&response_type=code&client_id=client"
        "&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&scope=read%3Auser%20repo"
        "&state=s%2B%26%3D&max_age=0&prompt=true"
    )
    assert "scope" not in client.get_authorization_url([])
    assert provider.requests == []


def test_the_three_grants_give_the_providers_own_answer(face: Face, provider: Provider) -> None:
    client = make_client(face, provider, token_url=f"{provider.url}/token?tenant=1")
    assert client.fetch_token("the code", code_verifier="v") == {**TOKENS, "expires_in": 3600}
    assert client.refresh_token("old", grant_type="refresh_token", scope="read")["access_token"] == "new-access-token"
    assert client.client_credentials_flow(("read", "write"), audience="api")["scope"] == "read"
    client.client_credentials_flow()
    paths, headers, forms = zip(*provider.requests, strict=True)
    assert set(paths) == {"/token?tenant=1"}
    assert {header["accept"] for header in headers} == {"application/json"}
    assert forms == (
        {
            "grant_type": "authorization_code",
            "code": "the code",
            "redirect_uri": "https://app.example/callback",
            "code_verifier": "v",
        },
        {"grant_type": "refresh_token", "refresh_token": "old", "scope": "read"},
        {"grant_type": "client_credentials", "scope": "read write", "audience": "api"},
        {"grant_type": "client_credentials"},
    )


def test_the_client_proves_who_it_is_in_the_configured_way(face: Face, provider: Provider) -> None:
    # attack 71
    odd = {"client_id": "odd:id", "client_secret": "50% + x"}
    make_client(face, provider, **odd).fetch_token("code")
    make_client(face, provider, **odd, client_authentication="client_secret_post").fetch_token("code")
    make_client(face, provider, **{**odd, "client_secret": None}).fetch_token("code")
    (_, basic, _), (_, post, posted), (_, public, published) = provider.requests
    assert base64.b64decode(basic["authorization"].removeprefix("Basic ")) == b"odd%3Aid:50%25+%2B+x"
    assert "authorization" not in post
    assert (posted["client_id"], posted["client_secret"]) == ("odd:id", "50% + x")
    assert "authorization" not in public
    assert published["client_id"] == "odd:id"


def test_ten_calls_use_one_connection(face: Face, provider: Provider) -> None:
    # fault 34
    for _ in range(10):
        make_client(face, provider).fetch_token("code")
    assert (len(provider.requests), provider.connections) == (10, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(face: Face, provider: Provider, status: int) -> None:
    # attack 68
    provider.answers(status, TOKENS, Location=f"{provider.url}/elsewhere")
    with pytest.raises(exceptions.JamOAuth2InvalidResponse, match=str(status)):
        make_client(face, provider).fetch_token("code")
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_an_error_body_is_an_error_whatever_the_status(face: Face, provider: Provider, status: int) -> None:
    # attack 70, fault 29
    provider.answers(status, {"error": "invalid_grant", "error_description": "the-secret-code", **TOKENS})
    with pytest.raises(exceptions.JamOAuth2Refused, match="invalid_grant") as caught:
        make_client(face, provider).fetch_token("the-secret-code")
    assert isinstance(caught.value, exceptions.JamOAuth2Error)
    assert caught.value.details == {"error": "invalid_grant"}
    assert "the-secret-code" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<!doctype html><title>Sign in</title>", "text/html"),
        ([], JSON),
        ({}, JSON),
        ({"access_token": "a"}, JSON),
        ({"token_type": "bearer"}, JSON),
        ({**TOKENS, "expires_in": -1}, JSON),
        ({**TOKENS, "expires_in": "1e400"}, JSON),
        ({**TOKENS, "expires_in": "soon"}, JSON),
        (b'{"access_token":"a","token_type":"b","expires_in":1e400}', JSON),
        (b'{"access_token":"a","access_token":"b","token_type":"b"}', JSON),
        (b'{"access_token":"a","token_type":"b","x":' + b"[" * 100_000, JSON),
        (b'{"access_token":"a","token_type":"b","x":' + b"[" * 110 + b"]" * 110 + b"}", JSON),
        (b'{"access_token":"a","token_type":"b","x":"' + b"x" * 2_000_000 + b'"}', JSON),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_typed_error(
    face: Face, provider: Provider, body: Any, content_type: str
) -> None:
    # attack 70
    provider.answers(200, body, content_type)
    with pytest.raises(exceptions.JamOAuth2InvalidResponse):
        make_client(face, provider).fetch_token("code")


def test_a_compressed_bomb_is_refused(face: Face, provider: Provider) -> None:
    # attack 70
    provider.answers(200, gzip.compress(b" " * 50_000_000), **{"Content-Encoding": "gzip"})
    with pytest.raises(exceptions.JamOAuth2InvalidResponse, match="larger than"):
        make_client(face, provider).fetch_token("code")


def test_an_empty_answer_has_its_own_error(face: Face, provider: Provider) -> None:
    provider.answers(200, b"")
    with pytest.raises(exceptions.JamOAuth2EmptyRaw) as caught:
        make_client(face, provider).fetch_token("code")
    assert caught.value.error_code == "oauth2.empty_response"


def test_a_silent_provider_runs_into_the_time_out(face: Face, provider: Provider) -> None:
    # attack 70, fault 29
    provider.delay.clear()
    with pytest.raises(exceptions.JamOAuth2Unreachable, match="did not answer within 200ms"):
        make_client(face, provider, timeout=0.2).fetch_token("code")


def test_a_signal_ends_the_waiting_for_a_silent_provider(provider: Provider) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    face = Face("blocking")
    client = make_client(face, provider, timeout=60)
    provider.delay.clear()
    before = signal.signal(signal.SIGUSR1, interrupt)
    waker = threading.Thread(target=lambda: provider.asked.wait(30) and os.kill(os.getpid(), signal.SIGUSR1))
    waker.start()
    try:
        with pytest.raises(Interrupted):
            client.fetch_token("code")
    finally:
        waker.join()
        signal.signal(signal.SIGUSR1, before)
    provider.delay.set()
    assert client.fetch_token("code")["access_token"] == TOKENS["access_token"]
    face.close()


def test_an_absent_provider_is_unreachable(face: Face, provider: Provider) -> None:
    client = make_client(face, provider, token_url="http://127.0.0.1:1/token")
    with pytest.raises(exceptions.JamOAuth2Unreachable, match=r"127\.0\.0\.1 cannot be reached"):
        client.fetch_token("code")


def test_github_answers_in_a_form(face: Face, provider: Provider) -> None:
    # fault 29: the body is the one of GitHub's documentation
    body = b"access_token=gho_16C7e42F292c6912E7710c838347Ae178B4a&scope=repo%2Cgist&token_type=bearer"
    provider.answers(200, body, "application/x-www-form-urlencoded; charset=utf-8")
    assert make_client(face, provider).fetch_token("code") == {
        "access_token": "gho_16C7e42F292c6912E7710c838347Ae178B4a",
        "scope": "repo,gist",
        "token_type": "bearer",
    }


def test_the_known_providers_bring_their_addresses(face: Face) -> None:
    # fault 29
    module = jam.aio.oauth2 if face.is_async else jam.oauth2
    for name, host in [
        ("GitHub", "github.com"),
        ("GitLab", "gitlab.com"),
        ("Google", "accounts.google.com"),
        ("Yandex", "oauth.yandex.ru"),
    ]:
        made = getattr(module, f"{name}OAuth2Client")("id", "secret", "https://app.example/callback")
        assert isinstance(made, module.BaseOAuth2Client)
        url = face.drive(made).get_authorization_url(["read"])
        assert urlsplit(url).hostname == host
        assert type(module.create_instance(name.lower(), client_id="id")) is type(made)


def test_through_the_facade_a_preset_can_point_elsewhere(face: Face, provider: Provider) -> None:
    # fault 29
    section = {"client_id": "client", "client_secret": "secret", "redirect_url": "https://app.example/callback"}
    own = {"auth_url": f"{provider.url}/authorize", "token_url": f"{provider.url}/token"}
    made = face.jam({"oauth2": {"providers": {"github": section, "gitlab": {**section, **own}}}})
    assert made.oauth2_get_authorized_url("github", ["a"]).startswith("https://github.com/login/oauth/authorize?")
    assert made.oauth2_get_authorized_url("gitlab", ["a"]).startswith(f"{provider.url}/authorize?")
    assert made.oauth2_fetch_token("gitlab", "code")["expires_in"] == 3600


def test_an_issuer_is_asked_for_its_endpoints(face: Face, provider: Provider) -> None:
    issuer = f"{provider.url}/realms/one"
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{provider.url}/authorize",
        "token_endpoint": f"{provider.url}/token",
    }
    provider.answer = lambda form: (200, {"Content-Type": JSON}, json.dumps(TOKENS if form else metadata).encode())
    client = make_client(face, provider, auth_url=None, token_url=None, issuer=issuer)
    assert client.get_authorization_url(["openid"]).startswith(f"{provider.url}/authorize?")
    assert client.fetch_token("code")["access_token"] == "new-access-token"
    assert [path for path, _, _ in provider.requests] == ["/realms/one/.well-known/openid-configuration", "/token"]

    metadata["issuer"] += "/"  # attack 69
    client = make_client(face, provider, auth_url=None, token_url=None, issuer=issuer)
    with pytest.raises(exceptions.JamOAuth2InvalidResponse, match="another issuer"):
        client.fetch_token("code")


@pytest.mark.parametrize(
    "options",
    [
        {"client_id": ""},
        {"client_secret": ""},
        {"auth_url": None},
        {"token_url": None},
        {"token_url": "http://provider.example/token"},
        {"token_url": "http://localhost:80@evil.example/token"},
        {"token_url": "https://169.254.169.254/token"},
        {"auth_url": "javascript:alert(1)"},
        {"redirect_url": "/callback"},
        {"issuer": "http://provider.example"},
    ],
)
def test_a_configuration_that_cannot_work_is_refused_at_construction(
    face: Face, provider: Provider, options: dict[str, Any]
) -> None:
    # attack 69
    with pytest.raises(
        exceptions.JamConfigurationError, match=rf"oauth2\.providers\.provider\.{next(iter(options))}: "
    ):
        make_client(face, provider, **options)


def test_arguments_that_cannot_be_sent_are_refused(face: Face, provider: Provider) -> None:
    client = make_client(face, provider)
    for call in (
        lambda: client.get_authorization_url("read"),
        lambda: client.get_authorization_url([1]),
        lambda: client.get_authorization_url([""]),
        lambda: client.get_authorization_url(["read"], client_id="other"),
        lambda: client.get_authorization_url(["read"], response_type="token"),
        lambda: client.get_authorization_url(["read"], state=None),
        lambda: client.get_authorization_url(["read"], state="\ud800"),
        lambda: client.fetch_token(""),
        lambda: client.fetch_token(None),
        lambda: client.refresh_token(b"token"),
        lambda: client.fetch_token("code", client_secret="other"),
        lambda: client.fetch_token("code", ""),
        lambda: client.client_credentials_flow(["read"], grant_type="other"),
    ):
        with pytest.raises(exceptions.JamValidationError):
            call()
    assert provider.requests == []


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_time_out_is_a_time(face: Face, provider: Provider, timeout: float) -> None:
    with pytest.raises((exceptions.JamValidationError, exceptions.JamConfigurationError), match="timeout"):
        make_client(face, provider, timeout=timeout)


def test_a_client_shows_and_gives_away_no_secret(face: Face, provider: Provider) -> None:
    # attack 74
    client = make_client(face, provider).target
    for holder in (client, client._client):
        assert "client-secret-value" not in repr(holder) + str(getattr(holder, "__dict__", ""))
        for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                attempt(holder._client if holder is client else holder)


def test_the_event_loop_goes_on_while_a_provider_is_slow(provider: Provider) -> None:
    # fault 28
    client = jam.aio.oauth2.OAuth2Client("id", "secret", f"{provider.url}/authorize", f"{provider.url}/token")
    provider.delay.clear()

    async def main() -> dict[str, Any]:
        call = asyncio.create_task(client.fetch_token("code"))
        assert await asyncio.to_thread(provider.asked.wait, 10)
        provider.delay.set()
        return await call

    assert asyncio.run(main())["access_token"] == "new-access-token"


def test_a_client_works_on_one_loop_after_another_and_for_many_tasks(provider: Provider) -> None:
    client = jam.aio.oauth2.OAuth2Client("id", "secret", f"{provider.url}/authorize", f"{provider.url}/token")

    async def main() -> None:
        answers = await asyncio.gather(*(client.fetch_token(f"code-{number}") for number in range(20)))
        assert all(answer["access_token"] == "new-access-token" for answer in answers)

    asyncio.run(main())
    asyncio.run(main())
    assert len(provider.requests) == 40


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_parent_and_child_of_a_fork_go_on(face: Face, provider: Provider) -> None:
    client = make_client(face, provider)
    client.fetch_token("before")
    child = os.fork()
    if child == 0:
        try:
            fresh = Face(face.name) if face.is_async else face
            target = client.target if face.is_async else client
            answer = fresh.drive(target).fetch_token("in the child") if face.is_async else client.fetch_token("child")
            os._exit(0 if answer["expires_in"] == 3600 else 1)
        except BaseException:
            os._exit(2)
    deadline = time.monotonic() + 10
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert os.waitstatus_to_exitcode(ended[1]) == 0
    assert ended[0] == child
    assert client.fetch_token("after")["expires_in"] == 3600


def test_without_certificates_this_machine_is_still_reached(provider: Provider) -> None:
    program = (
        "import sys, jam.oauth2, jam.exceptions as e\n"
        "local = jam.oauth2.OAuth2Client('id', 's', sys.argv[1] + '/authorize', sys.argv[1] + '/token')\n"
        "print(local.fetch_token('code')['expires_in'])\n"
        "try:\n"
        "    jam.oauth2.GitHubOAuth2Client('id', 's').fetch_token('code')\n"
        "except e.JamOAuth2Unreachable as error:\n"
        "    print(error)\n"
    )
    nowhere = {"SSL_CERT_FILE": "/nonexistent", "SSL_CERT_DIR": "/nonexistent", "HTTP_PROXY": "http://127.0.0.1:1"}
    done = subprocess.run(
        [sys.executable, "-c", program, provider.url],
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first == "3600"
    assert second.startswith("no connection can be secured on this machine: ")
