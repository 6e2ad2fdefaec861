"""How much memory a client of Redis takes for each task that waits for an answer, and for each connection that is idle.

Each client is measured in a process of its own, by what the system gave it, since what it takes below Python is seen
nowhere else: `python memory.py CLIENT REDIS_URI` prints both in bytes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import coredis
import redis
import redis.asyncio
from jam.aio import Jam

CLIENTS = ("jam", "redis.asyncio", "coredis")
TASKS = 2_000
CONNECTIONS = 200

Read = Callable[[], Awaitable[object]]


def measured(redis_uri: str) -> dict[str, dict[str, float]]:
    """For each client the bytes of a waiting task and of an idle connection; nothing where the system does not tell."""
    if not Path("/proc/self/statm").exists():
        return {}
    return {client: _in_own_process(client, redis_uri) for client in CLIENTS}


def _in_own_process(client: str, redis_uri: str) -> dict[str, float]:
    command = [sys.executable, __file__, client, redis_uri]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


async def of_waiting_task(client: str, redis_uri: str) -> float:
    """Holds the server still while so many tasks ask it. What they connect for that counts, too."""
    server = redis.Redis.from_url(redis_uri).info("server")["process_id"]
    async with opened(client, redis_uri) as read:
        await read()
        before = resident()
        await asyncio.gather(*(read() for _ in range(TASKS)))
        os.kill(server, signal.SIGSTOP)
        try:
            tasks = [asyncio.create_task(_do(read)) for _ in range(TASKS)]
            await asyncio.sleep(0.5)
            after = resident()
            if any(task.done() for task in tasks):
                raise RuntimeError("a task did not wait")
        finally:
            os.kill(server, signal.SIGCONT)
        await asyncio.gather(*tasks)
    return (after - before) / TASKS


async def of_idle_connection(client: str, redis_uri: str) -> float:
    """Opens as many clients, each with its connection."""
    async with opened(client, redis_uri) as read:
        await read()
        before = resident()
        clients = [opened(client, redis_uri) for _ in range(CONNECTIONS)]
        for each in clients:
            await (await each.__aenter__())()
        after = resident()
        for each in reversed(clients):
            await each.__aexit__(None, None, None)
    return (after - before) / CONNECTIONS


@asynccontextmanager
async def opened(client: str, redis_uri: str) -> AsyncIterator[Read]:
    """A client, as a call that reads."""
    if client == "jam":
        keys = {"session_type": "redis", "redis_uri": redis_uri, "redis_response_timeout": 60}
        jam = Jam(config={"session": keys})
        session_id = await jam.session_create("user", {"user_id": 1})
        yield lambda: jam.session_get(session_id)
        await jam.aclose()
    elif client == "redis.asyncio":
        plain = redis.asyncio.Redis.from_url(
            redis_uri, max_connections=TASKS, socket_timeout=60, socket_connect_timeout=60
        )
        yield lambda: plain.get("plain")
        await plain.aclose()
    else:
        async with coredis.Redis.from_url(redis_uri, stream_timeout=60, connect_timeout=60) as other:
            yield lambda: other.get("plain")


async def _do(read: Read) -> None:
    await read()


def resident() -> int:
    """The bytes of memory that this process has."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    name, uri = sys.argv[1:]
    # Idle connections first: the tasks leave room behind that would be used again.
    idle = asyncio.run(of_idle_connection(name, uri))
    print(json.dumps({"idle connection": idle, "waiting task": asyncio.run(of_waiting_task(name, uri))}))
