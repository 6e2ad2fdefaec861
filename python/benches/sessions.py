"""Sessions on Redis: Jam's asyncio face against other clients of the same server, with more and more tasks at once.

redis.asyncio and coredis do no more than a GET of the data, or a SET with an expiry; Jam hashes the id, keeps an index
of each owner's sessions and reads the data into a dict. starsessions is a session library, and uses redis.asyncio.
"""

from __future__ import annotations

import itertools
import json
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import coredis
import redis.asyncio
from jam import Jam as BlockingJam
from jam.aio import Jam
from measure import LOAD, Measured, measure_load
from starsessions import JsonSerializer
from starsessions.stores.redis import RedisStore

DATA = {"user_id": 1, "role": "admin"}
AS_JSON = json.dumps(DATA).encode()
LIFETIME = 3600
OWNERS = 1_000

PATIENCE = 60
"""Seconds after which a client gives up: a busy machine is no reason to."""

AIMS = {1: 1.0, 16: 4.0, 256: 10.0}
"""To read, against a GET of redis.asyncio."""

ROWS = 2 * len(LOAD)


async def measured(redis_uri: str) -> AsyncIterator[Measured]:
    """Measures one row after the other."""
    keys = {"session_type": "redis", "redis_uri": redis_uri, "default_ttl": LIFETIME}
    jam = Jam(config={"session": {**keys, "redis_response_timeout": PATIENCE}})
    # A connection for each task, which was faster than a pool for which they wait.
    patience = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
    plain = redis.asyncio.Redis.from_url(redis_uri, max_connections=max(LOAD), **patience)
    other = coredis.Redis.from_url(redis_uri, stream_timeout=PATIENCE, connect_timeout=PATIENCE)
    store, serializer = RedisStore(connection=plain), JsonSerializer()
    session_id = await jam.session_create("user", DATA)
    await plain.set("plain", AS_JSON)
    await store.write("session", serializer.serialize(DATA), LIFETIME, LIFETIME)
    owners = itertools.cycle([f"user {number}" for number in range(OWNERS)])

    async def read_of_starsessions() -> dict[str, Any]:
        return serializer.deserialize(await store.read("session", LIFETIME))

    async def written_by_starsessions() -> str:
        return await store.write(secrets.token_hex(16), serializer.serialize(DATA), LIFETIME, LIFETIME)

    reading = {
        "jam": lambda: jam.session_get(session_id),
        "redis.asyncio": lambda: plain.get("plain"),
        "coredis": lambda: other.get("plain"),
        "starsessions": read_of_starsessions,
    }
    creating = {
        "jam": lambda: jam.session_create(next(owners), DATA),
        "redis.asyncio": lambda: plain.set(secrets.token_urlsafe(32), AS_JSON, ex=LIFETIME),
        "coredis": lambda: other.set(secrets.token_urlsafe(32), AS_JSON, ex=LIFETIME),
        "starsessions": written_by_starsessions,
    }
    async with other:
        for tasks in LOAD:
            row = await measure_load("sessions", "session_get", reading, tasks)
            row.aims = {"redis.asyncio": AIMS[tasks]} if tasks in AIMS else {}
            yield row
        for tasks in LOAD:
            yield await measure_load("sessions", "session_create", creating, tasks)
    await plain.aclose()
    await jam.aclose()


async def cost_of_awaiting() -> float:
    """How many seconds `await` adds to a method that does no I/O, against its blocking twin."""
    config = {"jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}
    blocking, awaited = BlockingJam(config=config), Jam(config=config)
    payload = blocking.jwt_make_payload(exp=3600, data={"user_id": 1})
    rounds = [await _awaited_minus_blocking(blocking, awaited, payload) for _ in range(501)]
    return sorted(rounds)[len(rounds) // 2]


async def _awaited_minus_blocking(blocking: BlockingJam, awaited: Jam, payload: dict[str, Any]) -> float:
    calls = range(500)
    create_blocking, create_awaited = blocking.jwt_create_token, awaited.jwt_create_token
    start = time.perf_counter()
    for _ in calls:
        create_blocking(payload)
    middle = time.perf_counter()
    for _ in calls:
        await create_awaited(payload)
    end = time.perf_counter()
    return ((end - middle) - (middle - start)) / len(calls)
