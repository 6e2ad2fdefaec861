"""Every integration with the pages of `apps.common`: through its framework's own client, and on a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt as pyjwt
import pytest
from apps.common import SECRET
from servers import RedisServer
from web import CLIENTS, SERVERS, WITH_WEBSOCKETS, Answer, AppServer, Send, client_of, load
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

JSON = ("Content-Type", "application/json")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, shared_redis: RedisServer) -> Iterator[dict[str, AppServer]]:
    """All of them, started at the same time. The workers of FastAPI share their sessions by Redis, others by SQLite."""
    started: dict[str, AppServer] = {}
    try:
        for name, command in SERVERS.items():
            folder = tmp_path_factory.mktemp(name)
            environment = {"JAM_TEST_SQLITE": str(folder / "sessions.sqlite3")}
            if name == "fastapi":
                environment["JAM_TEST_REDIS"] = shared_redis.uri
            started[name] = AppServer(command, folder, environment)
        for server in started.values():
            server.wait()
        yield started
    finally:
        for server in started.values():
            server.terminate()
        output = {name: server.stop() for name, server in started.items()}
    assert {name: text for name, text in output.items() if "Traceback" in text} == {}


@pytest.fixture(params=[*(f"{name}-client" for name in CLIENTS), *(f"{name}-server" for name in SERVERS)])
def send(request: pytest.FixtureRequest, tmp_path: Path) -> Send:
    name, _, way = request.param.partition("-")
    if way == "server":
        return request.getfixturevalue("servers")[name].send
    return client_of(name, load(name, {"JAM_TEST_SQLITE": str(tmp_path / "sessions.sqlite3")}))


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest, servers: dict[str, AppServer]) -> Send:
    return servers[request.param].send


def login(send: Send, query: str = "") -> str:
    """The session's id."""
    answer = send("POST", f"/login{query}", [])
    assert answer.status < 300, answer
    (cookie,) = [cookie for cookie in answer.cookies if cookie.startswith("session=")]
    attributes = [part.strip().lower() for part in cookie.split(";")[1:]]
    assert {"path=/", "httponly", "samesite=lax", "max-age=3600"} <= set(attributes)
    return cookie.partition(";")[0].partition("=")[2]


def with_session(session_id: str) -> tuple[str, str]:
    return "Cookie", f"theme=dark; session={session_id}"


def bearer(token: str) -> tuple[str, str]:
    return "Authorization", f"Bearer {token}"


def refused(answer: Answer, status: int, error: str | None) -> None:
    assert answer.status == status, answer
    if status == 401:
        assert answer.challenge is not None
        assert answer.challenge.startswith('Bearer realm="jam"')
        assert ("error=" in answer.challenge) == (error is not None)
    if error is not None and answer.challenge is not None:
        assert f'error="{error}"' in answer.challenge


def test_a_session_opens_its_pages_from_login_to_logout(send: Send) -> None:
    refused(send("GET", "/me", []), 401, None)
    session_id = login(send)
    mine = with_session(session_id)
    assert send("GET", "/me", [mine]).json["sub"] == "alice"
    assert send("GET", "/public", [mine]).json == {"sub": "alice"}
    answer = send("POST", "/logout", [mine])
    assert answer.status < 300
    assert [c.partition(";")[0] for c in answer.cookies if "max-age=0" in c.lower()] in (["session="], ['session=""'])
    refused(send("GET", "/me", [mine]), 401, "invalid_token")
    assert send("GET", "/public", [mine]).json == {"sub": None}


def test_a_token_opens_the_api(send: Send) -> None:
    refused(send("GET", "/api/me", []), 401, None)
    answer = send("POST", "/token", [])
    claims = send("GET", "/api/me", [bearer(answer.json["token"])]).json
    assert (claims["sub"], claims["scope"]) == ("alice", "read")


def test_the_scheme_of_the_header_may_be_written_in_any_case(send: Send) -> None:
    # RFC 9110 section 11.1
    token = send("POST", "/token", []).json["token"]
    assert send("GET", "/api/me", [("Authorization", f"bEARER {token}")]).status == 200


def test_a_scope_that_is_missing_is_forbidden_and_named(send: Send) -> None:
    token = send("POST", "/token", []).json["token"]
    answer = send("GET", "/api/write", [bearer(token)])
    refused(answer, 403, "insufficient_scope")
    assert answer.challenge is not None
    assert 'scope="write"' in answer.challenge
    refused(send("GET", "/admin", [with_session(login(send))]), 403, "insufficient_scope")
    assert send("GET", "/admin", [with_session(login(send, "?as=admin"))]).status == 200


def forged_tokens(token: str) -> list[str]:
    head, payload, signature = token.split(".")
    claims = {"sub": "alice", "scope": "read write"}
    return [
        f"{head}.{payload}.{signature[:-4]}AAAA",
        f"{head}.{payload}.",
        f"{token}=",  # fault 1
        pyjwt.encode(claims, "", algorithm="none"),  # attack 1
        pyjwt.encode(claims, "another secret of at least thirty-two bytes", algorithm="HS256"),
        pyjwt.encode({**claims, "exp": int(time.time()) - 10}, SECRET, algorithm="HS256"),
        pyjwt.encode({**claims, "exp": "never"}, SECRET, algorithm="HS256"),  # attack 32
    ]


def test_forged_and_expired_tokens_are_refused(send: Send) -> None:
    token = send("POST", "/token", []).json["token"]
    for forged in forged_tokens(token):
        refused(send("GET", "/api/me", [bearer(forged)]), 401, "invalid_token")


def test_forged_sessions_are_refused(send: Send) -> None:
    # fault 2
    session_id = login(send)
    for forged in (session_id[:-4] + "AAAA", "A" * len(session_id), "alice", "../x", session_id + "A"):
        refused(send("GET", "/me", [with_session(forged)]), 401, "invalid_token")
        assert send("GET", "/public", [with_session(forged)]).json == {"sub": None}


MALFORMED = ["Bearer", "Bearer ", "Bearer .", "Bearer a.b.c", "Bearer \t x", "Bearer " + "." * 2000]
MALFORMED += ["Bearer caf\xe9", "Bearer \xff\xfe", "Bearer {}", 'Bearer "', "Bearer a b c", "Bearer " + "A" * 6000]
MALFORMED += ["Basic YWxpY2U6", "Token abc", "=", "Bearer Bearer", ",", "Bearer a, Bearer b"]


def test_a_malformed_header_is_refused_and_never_an_error_of_the_server(send: Send) -> None:
    # fault 32
    for value in MALFORMED:
        answer = send("GET", "/api/me", [("Authorization", value)])
        assert answer.status in (400, 401), (value, answer)
        assert answer.challenge is not None


def test_a_malformed_cookie_is_refused_and_never_an_error_of_the_server(send: Send) -> None:
    values = [
        "session",
        "session=",
        "session=a; session=b",
        "session=caf\xe9",
        ";;;=;",
        'session="a"',
        "session=" + "A" * 6000,
    ]
    for value in values:
        answer = send("GET", "/me", [("Cookie", value)])
        assert answer.status == 401, (value, answer)


def test_pages_of_other_sites_cannot_use_the_cookie(send: Send) -> None:
    mine = with_session(login(send))
    foreign = [
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Origin", "https://evil.example")],
        [("Origin", "null")],
        [("Origin", "http://[")],
    ]
    for headers in foreign:
        assert send("POST", "/logout", [mine, *headers]).status == 403, headers
        assert send("POST", "/login", headers).status == 403, headers  # a login under the attacker's name
    assert send("GET", "/me", [mine, ("Sec-Fetch-Site", "cross-site")]).status == 200  # who follows a link
    assert send("POST", "/logout", [mine, ("Sec-Fetch-Site", "same-origin")]).status < 300


def test_a_header_that_is_sent_twice_is_refused(served: Send) -> None:
    # RFC 6750 section 3.1
    token = served("POST", "/token", []).json["token"]
    refused(served("GET", "/api/me", [bearer(token), bearer(token)]), 400, "invalid_request")


def test_sessions_and_tokens_do_not_stand_in_for_each_other(send: Send) -> None:
    refused(send("GET", "/api/me", [bearer(login(send))]), 401, "invalid_token")
    token = send("POST", "/token", []).json["token"]
    refused(send("GET", "/me", [with_session(quote(token))]), 401, "invalid_token")


def open_socket(origin: str, path: str, headers: dict[str, str]) -> Any:
    with connect(origin.replace("http", "ws", 1) + path, additional_headers=headers, proxy=None) as socket:
        return json.loads(socket.recv())


@pytest.mark.parametrize("name", WITH_WEBSOCKETS)
def test_a_websocket_is_opened_by_session_or_token_and_refused_before_it_is_accepted(
    name: str, servers: dict[str, AppServer]
) -> None:
    server = servers[name]
    cookie = dict([with_session(login(server.send))])
    token = server.send("POST", "/token", []).json["token"]
    assert open_socket(server.origin, "/ws", cookie)["sub"] == "alice"
    assert open_socket(server.origin, "/ws", {**cookie, "Origin": server.origin})["sub"] == "alice"
    assert open_socket(server.origin, f"/api/ws?access_token={token}", {})["sub"] == "alice"
    refusals: list[tuple[str, dict[str, str]]] = [
        ("/ws", {}),
        ("/ws", {"Cookie": "session=forged"}),
        ("/ws", {**cookie, "Origin": "https://evil.example"}),  # a page of another site
        ("/api/ws", {}),
        ("/api/ws?access_token=caf%C3%A9", {}),
        ("/api/ws?access_token=a&access_token=a", {}),
    ]
    for path, headers in refusals:
        with pytest.raises(InvalidStatus) as caught:
            open_socket(server.origin, path, headers)
        assert caught.value.response.status_code in (400, 401, 403), (path, headers)
