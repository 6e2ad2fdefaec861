"""Redis behind TLS, with sentinels and as a cluster: its keys of the configuration, and servers that fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fakeredis
import jam.aio
import jam.aio.lists
import jam.aio.replay_guard
import jam.aio.sessions
import jam.jwt.lists
import jam.otp.replay_guard
import jam.sessions
import pytest
from faces import Face
from jam.exceptions import JamConfigurationError, JamError, JamStoreError, JamStoreRefused, JamValidationError
from redis_deployments import SentinelRedis, TlsRedis, make_certificates, wait_for

URI = "redis://:opensesame@127.0.0.1:1"

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"redis_conect_timeout": 1}, 'redis_conect_timeout: unknown key; did you mean "redis_connect_timeout"'),
    ({"redis_cafile": "x"}, 'redis_cafile: unknown key; did you mean "redis_ca_file"'),
    ({"redis_retries": -1}, "redis_retries: must be from 0 to 100"),
    ({"redis_retries": 1.5}, "redis_retries: must be an integer"),
    ({"redis_pool_size": 0}, "redis_pool_size: must be from 1"),
    ({"redis_response_timeout": 0}, "redis_response_timeout: must be more than 0"),
    ({"redis_connect_timeout": "soon"}, "redis_connect_timeout: must be a number of seconds"),
    ({"redis_connect_timeout": 10**6}, "redis_connect_timeout: must be more than 0 seconds and at most a day"),
    ({"redis_read_from_replicas": 1}, "redis_read_from_replicas: must be a boolean"),
    ({"redis_read_from_replicas": True}, "replicas of a single Redis server"),
    ({"redis_sentinel_password": "opensesame"}, "redis_sentinel_password: needs redis_sentinel_master"),
    ({"redis_sentinel_master": ""}, "name under which the sentinels"),
    ({"redis_sentinel_master": "m", "redis_sentinel_username": "u"}, "redis_sentinel_password: is required"),
    ({"redis_client_key": __file__}, "redis_client_certificate: is required beside"),
    ({"redis_client_certificate": __file__}, "redis_client_key: is required beside"),
    ({"redis_ca_file": "/nowhere/ca.pem"}, "redis_ca_file: /nowhere/ca.pem: "),
    ({"redis_ca_file": "/dev/zero"}, "redis_ca_file: /dev/zero: is a device"),
    ({"redis_ca_file": __file__}, "does not ask for TLS"),
    ({"redis_uri": "rediss://127.0.0.1", "redis_ca_file": __file__}, "no certificates in PEM"),
    ({"redis_uri": []}, "list of Redis URLs is empty"),
    ({"redis_uri": [URI, "redis://:other@127.0.0.1"]}, "differ in user, password or database"),
    ({"redis_uri": [URI, "rediss://:opensesame@127.0.0.1"]}, "some of the Redis URLs are rediss"),
    ({"redis_uri": ["redis+unix:///run/redis.sock"]}, "unix socket is one server"),
    ({"redis_uri": f"{URI}?socket_timeout=5"}, "settings after ?"),
]


@pytest.mark.parametrize(("keys", "message"), WRONG)
def test_keys_that_are_wrong_or_do_not_go_together_are_refused_at_once(
    face: Face, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises((JamConfigurationError, JamValidationError)) as raised:
        face.jam({"session": {"session_type": "redis", "redis_uri": URI, **keys}})
    assert message in str(raised.value)
    assert str(raised.value).startswith("session")
    assert "sesame" not in str(raised.value)
    section = {"type": "black", "backend": "redis", "redis_uri": URI, **keys}
    with pytest.raises(JamError) as raised:
        face.jam({"jwt": {"alg": "HS256", "secret": "s" * 32, "list": section}})
    assert message in str(raised.value)
    assert str(raised.value).startswith("jwt.list")


@pytest.mark.parametrize("key", ["redis_retries", "redis_ca_file", "redis_sentinel_master"])
def test_keys_of_redis_need_redis(face: Face, key: str) -> None:
    value = 3 if key == "redis_retries" else "x"
    with pytest.raises(JamConfigurationError, match=f'session.{key}: needs session_type = "redis"'):
        face.jam({"session": {key: value}})


def test_a_client_object_takes_no_keys_of_a_connection(face: Face) -> None:
    client = fakeredis.FakeAsyncRedis() if face.is_async else fakeredis.FakeRedis()
    section = {"session_type": "redis", "redis_uri": client}
    with pytest.raises(JamConfigurationError, match="redis_retries: is for a redis_uri"):
        face.jam({"session": {**section, "redis_retries": 3}})
    sessions, lists = (jam.aio.sessions, jam.aio.lists) if face.is_async else (jam.sessions, jam.jwt.lists)
    with pytest.raises(JamConfigurationError, match="redis_pool_size: is for a redis_uri"):
        sessions.RedisSessions(client, redis_pool_size=3)
    with pytest.raises(JamConfigurationError, match="redis_ca_file: is for a redis_uri"):
        lists.RedisList("black", client, redis_ca_file="x")
    guards = jam.aio.replay_guard if face.is_async else jam.otp.replay_guard
    with pytest.raises(JamConfigurationError, match="redis_client_key: is for a redis_uri"):
        guards.ReplayGuard("redis", redis_uri=client, redis_client_key="x")
    assert face.jam({"session": {**section, "redis_retries": None}}).session_list("user") == []


def test_the_modules_take_the_same_keys(face: Face, deployments: Any) -> None:
    sessions, lists = (jam.aio.sessions, jam.aio.lists) if face.is_async else (jam.sessions, jam.jwt.lists)
    guards = jam.aio.replay_guard if face.is_async else jam.otp.replay_guard
    for name in ("redis-tls", "redis-sentinel", "redis-cluster"):
        keys = deployments(name).keys
        kept = face.drive(sessions.RedisSessions(**keys, redis_retries=3, default_ttl=60))
        assert kept.get(kept.create("user", {"a": 1})) == {"a": 1}
        kept.close()
        tokens = face.drive(lists.RedisList("black", **keys, redis_connect_timeout=5))
        listed = [f"aaaa.{number:04}.bbbb" for number in range(50)]
        tokens.add_many(listed)
        assert all(map(tokens.check, listed))
        assert not tokens.check("aaaa.cccc.bbbb")
        tokens.close()
        guard = face.drive(guards.ReplayGuard("redis", **keys, redis_pool_size=2))
        assert [guard.accept(f"{face.name} {name}", 60) for _ in range(2)] == [True, False]
        guard.close()
        with pytest.raises(JamConfigurationError, match="redis_retries"):
            sessions.RedisSessions(**keys, redis_retries="many")
        with pytest.raises(TypeError):
            sessions.RedisSessions(**keys, redis_retrys=3)


def test_a_server_that_is_not_trusted_gets_nothing(face: Face, deployments: Any, tmp_path: Path) -> None:
    server: TlsRedis = deployments("redis-tls")
    make_certificates(tmp_path)
    keys = {**server.keys, "redis_ca_file": tmp_path / "ca.pem"}
    made = face.jam({"session": {"session_type": "redis", **keys}})
    with pytest.raises(JamStoreRefused, match="certificate is not accepted"):
        made.session_create("user", {})


@pytest.fixture
def own_sentinels(redis_program: str, tmp_path: Path) -> Iterator[SentinelRedis]:
    servers = SentinelRedis(redis_program, tmp_path)
    try:
        servers.start()
        yield servers
    finally:
        servers.kill()


def test_a_fail_over_is_told_and_survived(face: Face, own_sentinels: SentinelRedis) -> None:
    """Attack 64: every session that was acknowledged is there after the fail-over, in the same object."""
    keys = {**own_sentinels.keys, "redis_connect_timeout": 0.5, "redis_response_timeout": 0.5}
    made = face.jam({"session": {"session_type": "redis", **keys}})
    ids = [made.session_create(f"user {n}", {"n": n}) for n in range(50)]
    before = own_sentinels.primary()
    own_sentinels.settle()
    before.kill()
    failures = 0
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            ids.append(made.session_create("after", {"n": len(ids)}))
            break
        except JamStoreError:
            failures += 1
    wait_for("primary other than the old one", lambda: own_sentinels.primary() is not before)
    assert failures
    assert [made.session_get(session_id) for session_id in ids] == [{"n": n} for n in range(len(ids))]


def test_tasks_under_way_go_on_after_a_fail_over(own_sentinels: SentinelRedis) -> None:
    """Attacks 61, 64: no task hangs, none gets an answer that is another's, and cancelled ones disturb nobody."""

    async def use() -> None:
        keys = {**own_sentinels.keys, "redis_connect_timeout": 0.5, "redis_response_timeout": 0.5}
        async with jam.aio.Jam({"session": {"session_type": "redis", **keys}}) as made:
            ids = [await made.session_create("user", {"n": n}) for n in range(32)]
            done = asyncio.Event()

            async def read(session_id: str, number: int) -> int:
                right = 0
                while not done.is_set():
                    try:
                        assert await made.session_get(session_id) == {"n": number}
                        right += 1
                    except JamStoreError:
                        await asyncio.sleep(0.01)
                    except asyncio.TimeoutError:
                        continue
                return right

            async def give_up(session_id: str) -> None:
                while not done.is_set():
                    try:
                        await asyncio.wait_for(made.session_get(session_id), 0.0005)
                    except (JamStoreError, asyncio.TimeoutError):
                        await asyncio.sleep(0.005)

            readers = [asyncio.create_task(read(session_id, n)) for n, session_id in enumerate(ids)]
            quitters = [asyncio.create_task(give_up(session_id)) for session_id in ids[:8]]
            await asyncio.sleep(0.2)
            before = own_sentinels.primary()
            await asyncio.to_thread(own_sentinels.settle)
            before.kill()
            while True:
                try:
                    await made.session_create("after", {})
                    break
                except JamStoreError:
                    await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            done.set()
            assert all(await asyncio.wait_for(asyncio.gather(*readers), timeout=20))
            await asyncio.wait_for(asyncio.gather(*quitters), timeout=20)

    asyncio.run(use())
