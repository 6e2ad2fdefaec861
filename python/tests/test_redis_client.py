"""Sessions, lists and replay guards on a client object of redis-py or fakeredis, given in place of an address."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import fakeredis
import jam.aio.lists
import jam.aio.replay_guard
import jam.aio.sessions
import jam.jwt.lists
import jam.otp.replay_guard
import jam.sessions
import pytest
import redis
import redis.asyncio
from faces import Face
from jam._redis_client import Stored
from jam.exceptions import (
    JamConfigurationError,
    JamJWTMalformed,
    JamSessionConflict,
    JamSessionNotFound,
    JamStoreError,
    JamValidationError,
)
from jam.jwt.lists import ListType
from servers import RedisServer

KEY = "A" * 43
KINDS: tuple[ListType, ...] = ("black", "white")

Client = Callable[..., Any]


@pytest.fixture(params=["fakeredis", "redis"])
def client(request: pytest.FixtureRequest, face: Face) -> Iterator[Client]:
    """Makes clients of one server, for the face of the test."""
    made: list[Any] = []
    if request.param == "fakeredis":
        server = fakeredis.FakeServer()
        fake = fakeredis.FakeAsyncRedis if face.is_async else fakeredis.FakeRedis
        yield lambda **options: fake(server=server, **options)
        return
    uri = request.getfixturevalue("redis_server").uri

    def make(**options: Any) -> Any:
        made.append((redis.asyncio.Redis if face.is_async else redis.Redis).from_url(uri, **options))
        return made[-1]

    yield make
    for each in made:
        face.run(each.aclose()) if face.is_async else each.close()


def sessions_on(face: Face, client: Any, **options: Any) -> Any:
    module = jam.aio.sessions if face.is_async else jam.sessions
    return face.drive(module.RedisSessions(client, **options))


def list_on(face: Face, client: Any, kind: ListType, **options: Any) -> Any:
    module = jam.aio.lists if face.is_async else jam.jwt.lists
    return face.drive(module.RedisList(kind, client, **options))


@pytest.mark.parametrize("options", [{}, {"is_session_crypt": True, "session_aes_secret": KEY}])
@pytest.mark.parametrize("decode_responses", [False, True])
def test_all_verbs(face: Face, client: Client, decode_responses: bool, options: dict[str, Any]) -> None:
    sessions = sessions_on(face, client(decode_responses=decode_responses), **options)
    session_id = sessions.create("user", {"n": 1})
    assert sessions.get(session_id) == {"n": 1}
    sessions.update(session_id, {})
    sessions.update(session_id, {"n": "é"})
    new_id = sessions.rework(session_id)
    assert sessions.get(session_id) is None
    assert sessions.get(new_id) == {"n": "é"}
    (info,) = sessions.list("user")
    assert info.created <= info.last_used < info.expires <= info.last_used + 3600
    assert sessions.get(info.handle) is None
    assert sessions.delete(new_id) is None
    assert sessions.delete(new_id) is None
    assert sessions.list("user") == []
    kept = sessions.create("other", {})
    sessions.create("user", {})
    sessions.clear("user")
    sessions.clear("user")
    assert sessions.list("user") == []
    assert sessions.get(kept) == {}


@pytest.mark.parametrize("decode_responses", [False, True])
def test_attack_51_a_replay_guard_accepts_once(face: Face, client: Client, decode_responses: bool) -> None:
    connection = client(decode_responses=decode_responses)
    made = face.jam({"otp": {"replay_guard": {"backend": "redis", "redis_uri": connection}}})
    assert made.otp_verify_once(b"12345678901234567890", "287082", 59) == 1
    assert made.otp_verify_once(b"12345678901234567890", "287082", 59) is None
    guard = face.drive(made.target.otp.replay_guard)
    assert guard.accept("key", 2**60) is True
    assert guard.accept("key", 60) is False
    for key, keep in (("\ud800", 60), ("key", -1), (1, 60)):
        with pytest.raises((JamValidationError, TypeError)):
            guard.accept(key, keep)
    guard.close()
    with pytest.raises(JamStoreError):
        guard.accept("other", 60)


def test_a_replay_guard_shares_its_entries_with_the_native_one(face: Face, redis_server: RedisServer) -> None:
    module, clients = (jam.aio.replay_guard, redis.asyncio) if face.is_async else (jam.otp.replay_guard, redis)
    connection = clients.Redis.from_url(redis_server.uri)
    native = face.drive(module.ReplayGuard("redis", redis_uri=redis_server.uri))
    driven = face.drive(module.ReplayGuard("redis", redis_uri=connection))
    for number in range(20):
        first, second = (native, driven) if number % 2 else (driven, native)
        assert first.accept(f"key {number}", 60) is True
        assert second.accept(f"key {number}", 60) is False
    native.close()
    face.run(connection.aclose()) if face.is_async else connection.close()


@pytest.mark.parametrize("decode_responses", [False, True])
def test_attack_65_what_is_kept_is_taken_once(face: Face, client: Client, decode_responses: bool) -> None:
    connection = client(decode_responses=decode_responses)
    sessions = sessions_on(face, connection)
    record = bytes(range(256))
    sessions.keep("state", record, 600)
    with pytest.raises(JamValidationError):
        sessions.keep("state", b"other", 600)
    assert sessions.take("state") == record
    assert sessions.take("state") is None
    sessions.keep("gone", b"data", 0.001)
    time.sleep(0.01)
    assert sessions.take("gone") is None


def test_what_is_kept_is_found_by_the_native_store(face: Face, redis_server: RedisServer) -> None:
    module, clients = (jam.aio.sessions, redis.asyncio) if face.is_async else (jam.sessions, redis)
    connection = clients.Redis.from_url(redis_server.uri)
    native = face.drive(module.RedisSessions(redis_server.uri))
    driven = face.drive(module.RedisSessions(connection))
    for first, second in ((native, driven), (driven, native)):
        first.keep("state", b"record", 600)
        assert second.take("state") == b"record"
        assert first.take("state") is None
    native.close()
    face.run(connection.aclose()) if face.is_async else connection.close()


def test_a_facade_takes_a_client(face: Face, client: Client) -> None:
    made = face.jam({"session": {"session_type": "redis", "redis_uri": client(), "redis_sessions_key": "app"}})
    session_id = made.session_create("user", {"n": 1})
    assert made.session_get(session_id) == {"n": 1}


# attack 55, attack 62
def test_no_session_is_made_under_a_supplied_id(face: Face, client: Client) -> None:
    connection = client()
    sessions = sessions_on(face, connection)
    ended = sessions.create("user", {})
    sessions.delete(ended)
    for supplied in (ended, "", "../../x", "*", "A" * 16 + "." + "A" * 43, "\ud800"):
        assert sessions.get(supplied) is None
        with pytest.raises(JamSessionNotFound):
            sessions.update(supplied, {})
        with pytest.raises(JamSessionNotFound):
            sessions.rework(supplied)
        sessions.delete(supplied)
    names = connection.keys("*")
    assert (face.run(names) if face.is_async else names) == []
    with pytest.raises(JamValidationError):
        sessions.get(None)


# attack 57, attack 60
def test_redis_holds_no_usable_id_and_no_text_of_users(face: Face, client: Client) -> None:
    connection = client()
    sessions = sessions_on(face, connection)
    for session_key in ("*", "a:b", "\r\nDEL", "{x}", "", "x" * 65_536):
        session_id = sessions.create(session_key, {"key": session_key})
        assert sessions.get(session_id) == {"key": session_key}
        assert len(sessions.list(session_key)) == 1
        secret = session_id.partition(".")[2].encode()
        names = connection.keys("*")
        for name in face.run(names) if face.is_async else names:
            assert secret not in name
            assert name.startswith(b"sessions:{")
    sessions.clear("*")
    assert len(sessions.list("a:b")) == 1
    with pytest.raises(JamValidationError):
        sessions.create("x" * 1_000_000, {})


def test_sessions_end_by_idling_and_at_the_latest(face: Face, client: Client) -> None:
    idle = sessions_on(face, client(), default_ttl=1)
    absolute = sessions_on(face, client(), default_ttl=None, absolute_ttl=1.2)
    both = sessions_on(face, client(), default_ttl=1, absolute_ttl=1.2)
    used, unused = idle.create("user", {}), idle.create("user", {})
    others = [(each, each.create("other", {})) for each in (absolute, both)]
    for _ in range(4):
        time.sleep(0.4)
        assert idle.get(used) == {}
        for each, session_id in others:
            each.get(session_id)
    assert idle.get(unused) is None
    assert [each.get(session_id) for each, session_id in others] == [None, None]
    assert len(idle.list("user")) == 1
    assert absolute.list("other") == []


# attack 63
def test_forged_data_are_no_session(face: Face, client: Client) -> None:
    connection = client()
    sealed = sessions_on(face, connection, is_session_crypt=True, session_aes_secret=KEY)
    plain = sessions_on(face, connection)
    planted = plain.create("user", {"admin": True})
    session_id = sealed.create("user", {"n": 1})
    assert plain.get(session_id) is None
    assert sealed.get(planted) is None
    with pytest.raises(JamSessionNotFound):
        sealed.rework(planted)
    names = connection.keys("sessions:*")
    for name in face.run(names) if face.is_async else names:
        if not name.endswith(b":"):
            stored = connection.set(name, b"garbage")
            face.run(stored) if face.is_async else None
    with pytest.raises(JamStoreError):
        sealed.get(session_id)


@pytest.mark.parametrize("decode_responses", [False, True])
def test_an_index_that_somebody_else_wrote_to_is_a_typed_error(
    face: Face, client: Client, decode_responses: bool
) -> None:
    connection = client(decode_responses=decode_responses)
    sessions = sessions_on(face, connection)
    session_id = sessions.create("user", {"n": 1})
    index = f"sessions:{{{session_id.split('.')[0]}}}:"
    added = connection.zadd(index, {b"\xff\xfe": 1e15})
    face.run(added) if face.is_async else None
    for call in (sessions.list, sessions.clear):
        with pytest.raises(JamStoreError, match="did not write"):
            call("user")
    assert sessions.get(session_id) == {"n": 1}


@pytest.mark.parametrize("options", [{}, {"is_session_crypt": True, "session_aes_secret": KEY}])
def test_of_many_reworks_exactly_one_wins_and_no_update_is_lost(options: dict[str, Any]) -> None:
    server = fakeredis.FakeServer()

    def make() -> jam.sessions.RedisSessions:
        return jam.sessions.RedisSessions(fakeredis.FakeRedis(server=server), **options)

    session_id = make().create("user", {"n": 0})
    won: list[str] = []
    acknowledged = [0]

    def rework() -> None:
        with suppress(JamSessionNotFound):
            won.append(make().rework(session_id))

    def update() -> None:
        sessions = make()
        with suppress(JamSessionNotFound):
            for number in range(1, 10_000):
                sessions.update(session_id, {"n": number})
                acknowledged[0] = number

    updating = threading.Thread(target=update)
    updating.start()
    reworking = [threading.Thread(target=rework) for _ in range(8)]
    for thread in reworking:
        thread.start()
    for thread in [*reworking, updating]:
        thread.join()
    assert len(won) == 1
    assert make().get(won[0]) == {"n": acknowledged[0]}
    assert len(make().list("user")) == 1


def test_many_who_write_to_one_owner_at_once_all_succeed(face: Face, redis_server: RedisServer) -> None:
    """They watch each other's keys, so that of those who meet only one gets through; the others make way."""
    writers, rounds = 16, 20

    def write(sessions: Any) -> None:
        for number in range(rounds):
            session_id = sessions.create("user", {})
            sessions.update(session_id, {"n": number})
            sessions.delete(sessions.rework(session_id))

    async def write_async(sessions: Any) -> None:
        for number in range(rounds):
            session_id = await sessions.create("user", {})
            await sessions.update(session_id, {"n": number})
            await sessions.delete(await sessions.rework(session_id))

    async def write_at_once() -> None:
        async with redis.asyncio.Redis.from_url(redis_server.uri) as connection:
            sessions = jam.aio.sessions.RedisSessions(connection)
            await asyncio.gather(*(write_async(sessions) for _ in range(writers)))
            assert await sessions.list("user") == []

    if face.is_async:
        asyncio.run(write_at_once())
        return
    with redis.Redis.from_url(redis_server.uri) as connection, ThreadPoolExecutor(writers) as pool:
        sessions = jam.sessions.RedisSessions(connection)
        list(pool.map(write, [sessions] * writers))
        assert sessions.list("user") == []


# attack 62
def test_an_update_never_brings_back_what_a_delete_has_ended() -> None:
    async def race() -> None:
        sessions = jam.aio.sessions.RedisSessions(fakeredis.FakeAsyncRedis())
        for _ in range(20):
            session_id = await sessions.create("user", {})
            updates = [sessions.update(session_id, {"n": n}) for n in range(5)]
            await asyncio.gather(*updates, sessions.delete(session_id), return_exceptions=True)
            assert await sessions.get(session_id) is None
        assert await sessions.list("user") == []

    asyncio.run(race())


# attack 61
def test_a_cancelled_read_never_shifts_data_to_another_user(redis_server: RedisServer) -> None:
    async def run() -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(redis_server.uri)
        client = redis.asyncio.Redis(connection_pool=pool)
        sessions = jam.aio.sessions.RedisSessions(client)
        ids = [await sessions.create(f"user {n}", {"n": n}) for n in range(20)]
        reads = [asyncio.ensure_future(sessions.get(ids[n % 20])) for n in range(200)]
        await asyncio.sleep(0)
        for read in reads[::3]:
            read.cancel()
        for n, answer in enumerate(await asyncio.gather(*reads, return_exceptions=True)):
            assert answer == {"n": n % 20} or (n % 3 == 0 and isinstance(answer, asyncio.CancelledError))
        for n in range(20):
            assert await sessions.get(ids[n]) == {"n": n}
        await client.aclose()
        await pool.aclose()

    asyncio.run(run())


# What is stored is what Jam's own connection stores.


@pytest.mark.parametrize("options", [{}, {"is_session_crypt": True, "session_aes_secret": KEY}])
def test_a_client_and_an_address_share_their_sessions(
    face: Face, redis_server: RedisServer, options: dict[str, Any]
) -> None:
    with redis.Redis.from_url(redis_server.uri) as connection:
        by_client: Any = jam.sessions.RedisSessions(connection, **options)
        by_address = sessions_on(face, redis_server.uri, **options)
        for here, there in ((by_client, by_address), (by_address, by_client)):
            session_id = here.create("user", {"n": 1})
            assert there.get(session_id) == {"n": 1}
            there.update(session_id, {"n": 2})
            assert here.get(session_id) == {"n": 2}
            new_id = there.rework(session_id)
            assert here.get(session_id) is None
            assert here.get(new_id) == {"n": 2}
            assert here.list("user") == there.list("user") != []
            there.clear("user")
            assert here.list("user") == there.list("user") == []
        by_address.close()


@pytest.mark.parametrize("options", [{}, {"is_session_crypt": True, "session_aes_secret": KEY}])
def test_a_client_and_an_address_share_versions_metadata_and_handles(
    face: Face, redis_server: RedisServer, options: dict[str, Any]
) -> None:
    metadata = {"address": "192.0.2.1", "user_agent": "é" * 100}
    with redis.Redis.from_url(redis_server.uri) as connection:
        by_client: Any = jam.sessions.RedisSessions(connection, **options)
        by_address = sessions_on(face, redis_server.uri, **options)
        for here, there in ((by_client, by_address), (by_address, by_client)):
            session_id = here.create("user", {"n": 1}, metadata=metadata)
            plain_id = here.create("user", {"n": 1})
            told, read = there.read(session_id), here.read(session_id)
            assert (told.data, told.version, told.handle) == (read.data, read.version, read.handle)
            assert told.metadata == read.metadata == metadata
            assert told.created == read.created < told.expires
            there.update(session_id, {"n": 2}, version=read.version)
            with pytest.raises(JamSessionConflict):
                here.update(session_id, {"n": 3}, version=read.version)
            new_id = there.rework(session_id)
            assert here.read(new_id).metadata == there.read(new_id).metadata == metadata
            assert here.list("user") == there.list("user")
            assert sorted(len(info.metadata) for info in here.list("user")) == [0, 2]
            there.clear("user", keep=new_id)
            assert (here.get(new_id), here.get(plain_id)) == ({"n": 2}, None)
            assert here.revoke("user", there.read(new_id).handle) is True
            assert there.list("user") == []
        by_address.close()


def test_a_list_on_a_client_transfers_no_data(redis_server: RedisServer) -> None:
    """However much the sessions hold, a list reads what stands in front of that."""
    with redis.Redis.from_url(redis_server.uri) as connection:
        sessions = jam.sessions.RedisSessions(connection)
        for number in range(20):
            sessions.create("user", {"large": "x" * 100_000}, metadata={"n": number} if number % 2 else None)
        before = connection.info("stats")["total_net_output_bytes"]
        assert len(sessions.list("user")) == 20
        assert connection.info("stats")["total_net_output_bytes"] - before < 50_000


def test_a_client_and_an_address_share_their_lists(face: Face, redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.uri) as connection:
        by_client: Any = jam.jwt.lists.RedisList("black", connection)
        by_address = list_on(face, redis_server.uri, "black")
        for here, there, name in ((by_client, by_address, "1"), (by_address, by_client, "2")):
            here.add(token({"jti": name}))
            assert there.check(token({"jti": name}))
            there.delete(token({"jti": name}))
            assert not here.check(token({"jti": name}))
        by_address.close()


# Lists


def token(claims: dict[str, Any]) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize("decode_responses", [False, True])
def test_a_list_names_tokens(face: Face, client: Client, decode_responses: bool) -> None:
    connection = client(decode_responses=decode_responses)
    black, white = (list_on(face, connection, kind) for kind in KINDS)
    first, second, third = (token({"jti": str(n), "exp": time.time() + 60}) for n in range(3))
    black.add(first)
    black.add_many([second])
    black.add_many([])
    assert [black.check(each) for each in (first, second, third)] == [True, True, False]
    assert not white.check(first)
    black.delete(first)
    black.delete(first)
    assert not black.check(first)
    with pytest.raises(JamJWTMalformed):
        black.check("no token")


def test_a_list_forgets_what_has_expired(face: Face, client: Client) -> None:
    tokens = list_on(face, client(), "black", in_list_life_time=0.2)
    endless, expired = token({"jti": "1"}), token({"jti": "2", "exp": 1})
    tokens.add_many([endless, expired])
    assert [tokens.check(endless), tokens.check(expired)] == [True, False]
    time.sleep(0.3)
    assert not tokens.check(endless)


# Errors


@pytest.mark.parametrize(("idle", "deadline"), [(86_400_000, -1), (86_400_000, 43_200_000), (-1, 86_400_000)])
def test_the_last_use_is_exact_to_the_minute_however_long_a_session_lives(idle: int, deadline: int) -> None:
    stored = Stored(created=0, idle=idle, deadline=deadline, last_used=0)
    assert not stored.touch_is_due(59_999)
    assert stored.touch_is_due(60_000)
    assert stored.touch_is_due(-60_000), "the clock was set back"


def test_the_last_use_of_a_short_session_is_exact_to_a_hundredth_of_its_idle_time() -> None:
    stored = Stored(created=0, idle=1_000, deadline=-1, last_used=0)
    assert not stored.touch_is_due(9)
    assert stored.touch_is_due(10)


def test_a_client_of_the_other_kind_is_refused(face: Face) -> None:
    other: Any = fakeredis.FakeRedis() if face.is_async else fakeredis.FakeAsyncRedis()
    for wrong in (other, object(), 7):
        with pytest.raises(JamConfigurationError, match="redis_uri"):
            sessions_on(face, wrong)
        with pytest.raises(JamConfigurationError, match="redis_uri"):
            list_on(face, wrong, "black")


@pytest.mark.parametrize("name", ["", "a\nb", "{a}", "é", "x" * 129])
def test_a_namespace_that_cannot_be_used_is_refused(face: Face, client: Client, name: str) -> None:
    with pytest.raises(JamConfigurationError):
        sessions_on(face, client(), redis_sessions_key=name)


def test_a_server_that_is_gone_is_a_typed_error(face: Face) -> None:
    server = fakeredis.FakeServer()
    fake = fakeredis.FakeAsyncRedis if face.is_async else fakeredis.FakeRedis
    sessions = sessions_on(face, fake(server=server))
    session_id = sessions.create("user", {})
    server.connected = False
    with pytest.raises(JamStoreError) as raised:
        sessions.get(session_id)
    assert raised.value.error_code == "store.unavailable"
    server.connected = True
    assert sessions.get(session_id) == {}


def test_closing_leaves_the_client_open(face: Face, client: Client) -> None:
    connection = client()
    sessions = sessions_on(face, connection)
    session_id = sessions.create("user", {})
    sessions.close()
    with pytest.raises(JamStoreError) as raised:
        sessions.get(session_id)
    assert raised.value.error_code == "store.closed"
    assert sessions_on(face, connection).get(session_id) == {}
