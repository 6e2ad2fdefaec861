"""Sessions on Redis: Jam's asyncio face against plain GETs of redis-py's, on the same server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import redis.asyncio
from jam.aio import Jam
from measure import Comparison, compare_async

TASKS_AND_TARGETS = {1: 1.0, 16: 4.0, 256: 10.0}
OPERATIONS = {1: 3_000, 16: 12_000, 256: 24_000}


async def comparisons(redis_uri: str) -> AsyncIterator[Comparison]:
    """Yields one comparison after the other."""
    jam = Jam(config={"session": {"session_type": "redis", "redis_uri": redis_uri}})
    session_id = await jam.session_create("user", {"user_id": 1, "role": "admin"})
    # A connection for each task: the client refuses more than a hundred unless told.
    client = redis.asyncio.Redis.from_url(redis_uri, max_connections=max(TASKS_AND_TARGETS))
    await client.set("plain", b'{"user_id": 1, "role": "admin"}')
    for tasks, target in TASKS_AND_TARGETS.items():
        yield await compare_async(
            f"session_get on Redis, {tasks} task{'s' if tasks > 1 else ''}",
            {
                "jam": _in_tasks(tasks, lambda: jam.session_get(session_id)),
                "redis.asyncio GET": _in_tasks(tasks, lambda: client.get("plain")),
            },
            OPERATIONS[tasks],
            target={"redis.asyncio GET": target},
        )
    await client.aclose()
    await jam.aclose()


async def cost_of_awaiting() -> float:
    """How many microseconds `await` adds to a method that does no I/O, against its blocking twin."""
    from jam import Jam as BlockingJam

    config = {"jwt": {"alg": "HS256", "secret": "a secret of at least thirty-two bytes"}}
    blocking, awaited = BlockingJam(config=config), Jam(config=config)
    payload = blocking.jwt_make_payload(exp=3600, data={"user_id": 1})
    rounds = [await _awaited_minus_blocking(blocking, awaited, payload) for _ in range(15)]
    return sorted(rounds)[len(rounds) // 2] * 1e6


async def _awaited_minus_blocking(blocking: object, awaited: object, payload: object, calls: int = 50_000) -> float:
    create_blocking, create_awaited = blocking.jwt_create_token, awaited.jwt_create_token  # type: ignore[attr-defined]
    start = time.perf_counter()
    for _ in range(calls):
        create_blocking(payload)
    middle = time.perf_counter()
    for _ in range(calls):
        await create_awaited(payload)
    end = time.perf_counter()
    return ((end - middle) - (middle - start)) / calls


def _in_tasks(tasks: int, operation: Callable[[], Awaitable[object]]) -> Callable[[int], Awaitable[None]]:
    async def worker(count: int) -> None:
        for _ in range(count):
            await operation()

    async def run(operations: int) -> None:
        await asyncio.gather(*(worker(operations // tasks) for _ in range(tasks)))

    return run
