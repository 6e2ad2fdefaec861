"""Refresh tokens and revocations on a client object of redis-py or fakeredis, beside Jam's own connection."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fakeredis
import jam.aio.lists
import jam.aio.tokens
import jam.jwt.lists
import jam.tokens
import pytest
import redis
import redis.asyncio
from faces import Face
from jam.exceptions import JamRefreshTokenInvalid, JamRefreshTokenReused, JamStoreClosed, JamTokensError
from jam.jwt import JWT
from servers import RedisServer

JWT_OF_TESTS = JWT("HS256", "a secret of at least thirty-two bytes")


@pytest.fixture(params=["fakeredis", "redis", "redis, decoding"])
def client(request: pytest.FixtureRequest, face: Face) -> Iterator[Any]:
    """A client for the face of the test."""
    if request.param == "fakeredis":
        yield (fakeredis.FakeAsyncRedis if face.is_async else fakeredis.FakeRedis)()
        return
    uri = request.getfixturevalue("redis_server").uri
    decodes = request.param == "redis, decoding"
    made: Any = (redis.asyncio.Redis if face.is_async else redis.Redis).from_url(uri, decode_responses=decodes)
    yield made
    face.run(made.aclose()) if face.is_async else made.close()


def list_on(face: Face, uri: Any, kind: jam.jwt.lists.ListType, **options: Any) -> Any:
    return (jam.aio.lists if face.is_async else jam.jwt.lists).RedisList(kind, uri, **options)


def tokens_on(face: Face, uri: Any, **options: Any) -> Any:
    module = jam.aio.tokens if face.is_async else jam.tokens
    return face.drive(module.Tokens(JWT_OF_TESTS, "redis", redis_uri=uri, **options))


def token_of(subject: str, iat: int) -> str:
    return JWT_OF_TESTS.encode({"sub": subject, "iat": iat, "jti": f"{subject} {iat}"})


def test_all_verbs(face: Face, client: Any) -> None:
    refused = list_on(face, client, "black")
    tokens = tokens_on(face, client, list=refused, access_ttl=60)
    first = tokens.issue("user", {"role": "ä"})
    second = tokens.refresh(first.refresh_token)
    assert JWT_OF_TESTS.decode(second.access_token)["role"] == "ä"
    assert second.expires_in == 60
    with pytest.raises(JamRefreshTokenReused):
        tokens.refresh(first.refresh_token)
    for dead in (first, second):
        assert face.drive(refused).check(dead.access_token)
        with pytest.raises(JamRefreshTokenInvalid):
            tokens.refresh(dead.refresh_token)
    pair, other = tokens.issue("user"), tokens.issue("user")
    logins = tokens.list("user")
    # Of the same millisecond they may come in any order.
    handles = {JWT_OF_TESTS.decode(each.access_token)["sid"] for each in (pair, other)}
    assert {login.handle for login in logins} == handles
    assert logins[0].created <= logins[0].last_used < logins[0].expires
    tokens.revoke(pair.refresh_token)
    tokens.revoke(pair.refresh_token)
    assert [tokens.revoke_family("user", JWT_OF_TESTS.decode(other.access_token)["sid"]) for _ in range(2)] == [
        True,
        False,
    ]
    assert all(face.drive(refused).check(each.access_token) for each in (pair, other))
    last = tokens.issue("user")
    tokens.revoke_all("user")
    assert tokens.list("user") == []
    assert face.drive(refused).check(last.access_token)
    assert not face.drive(refused).check(tokens.issue("user").access_token)
    for text in ("", "x", "\ud800", "A" * 16 + "." + "A" * 43 + "." + "A" * 43):
        with pytest.raises(JamRefreshTokenInvalid):
            tokens.refresh(text)
        tokens.revoke(text)
        assert tokens.revoke_family("user", text) is False
    tokens.close()
    with pytest.raises(JamStoreClosed):
        tokens.refresh(last.refresh_token)


@pytest.mark.parametrize("kind", ["black", "white"])
def test_a_subject_is_logged_out_everywhere(face: Face, client: Any, kind: jam.jwt.lists.ListType) -> None:
    made = face.drive(list_on(face, client, kind))
    now = int(time.time())
    early, late, other = token_of("user", now - 500), token_of("user", now - 10), token_of("other", now - 500)
    if kind == "white":
        made.add_many([early, late, other])
    made.revoke_subject("user", now - 100)
    made.revoke_subject("user", now - 1000)
    good = kind == "white"
    assert [made.check(token) for token in (early, late, other)] == [not good, good, good]
    made.revoke_subject("user")
    assert made.check(late) is not good
    made.delete(other)
    assert made.check(other) is False


def test_both_ways_read_what_the_other_wrote(face: Face, redis_server: RedisServer) -> None:
    client: Any = (redis.asyncio.Redis if face.is_async else redis.Redis).from_url(redis_server.uri)
    now = int(time.time())
    for number, (one, another) in enumerate([(client, redis_server.uri), (redis_server.uri, client)]):
        user, token = f"user {number}", token_of(f"user {number}", now - 500)
        writes, reads = (face.drive(list_on(face, uri, "black")) for uri in (one, another))
        writes.add(token)
        assert reads.check(token)
        reads.delete(token)
        assert not writes.check(token)
        writes.revoke_subject(user, now - 600)
        assert not reads.check(token)
        reads.revoke_subject(user, now - 400)
        writes.revoke_subject(user, now - 600)
        assert reads.check(token)
        assert writes.check(token)

        tokens, others = tokens_on(face, one), tokens_on(face, another)
        first = tokens.issue(user, {"role": "admin"})
        second = others.refresh(first.refresh_token)
        assert JWT_OF_TESTS.decode(second.access_token)["role"] == "admin"
        assert tokens.list(user) == others.list(user)
        with pytest.raises(JamRefreshTokenReused):
            tokens.refresh(first.refresh_token)
        with pytest.raises(JamRefreshTokenInvalid):
            others.refresh(second.refresh_token)
    face.run(client.aclose()) if face.is_async else client.close()


def test_of_eight_threads_with_one_refresh_token_exactly_one_wins(redis_server: RedisServer) -> None:
    face = Face("blocking")
    tokens = tokens_on(face, redis.Redis.from_url(redis_server.uri))
    rounds = [tokens.issue("user").refresh_token for _ in range(20)]
    start = threading.Barrier(8)

    def refresh_all(_: int) -> list[bool]:
        won: list[bool] = []
        for token in rounds:
            start.wait()
            try:
                tokens.refresh(token)
                won.append(True)
            except JamTokensError:
                won.append(False)
        return won

    with ThreadPoolExecutor(8) as threads:
        by_thread = list(threads.map(refresh_all, range(8)))
    assert [sum(won) for won in zip(*by_thread, strict=True)] == [1] * 20
    assert tokens.list("user") == []
    face.close()


def test_what_lives_long_is_found_after_what_lives_short(face: Face, client: Any) -> None:
    # The index of a subject lives as long as its longest-living entry, in whatever order entries come.
    made = face.drive(list_on(face, client, "black"))
    now = int(time.time())
    exps = (now + 3600, now + 2, now + 60)
    tokens = [JWT_OF_TESTS.encode({"sub": "user", "jti": str(exp), "exp": exp}) for exp in exps]
    made.add_many(tokens)
    made.add(tokens[1])
    names = [name for name in run(face, client.keys("*")) if bytes_of(name).endswith(b"}:")]
    assert len(names) == 1
    assert run(face, client.pttl(names[0])) > 3_590_000


def run(face: Face, answer: Any) -> Any:
    return face.run(answer) if face.is_async else answer


def bytes_of(name: str | bytes) -> bytes:
    return name.encode() if isinstance(name, str) else name
