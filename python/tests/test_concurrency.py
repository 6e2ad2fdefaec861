"""Threads, processes, forks, tasks, event loops, and a server that dies: one instance serves them all."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jam
import jam.aio
import pytest
from conftest import EVERYWHERE, Store, store_fixture
from faces import Face
from jam.exceptions import JamStoreError

THREADS, CREATES = 8, 25

store = store_fixture(EVERYWHERE)
durable_store = store_fixture(EVERYWHERE[1:])


def create_from_threads(section: dict[str, Any], process: int, is_async: bool, ids: Any) -> None:
    """One of two processes: eight threads, or tasks, that create sessions."""
    if is_async:
        ids.put(asyncio.run(create_from_tasks(section, process)))
        return
    sessions = jam.Jam({"session": section})

    def create(thread: int) -> list[tuple[str, dict[str, int]]]:
        data = [{"process": process, "thread": thread, "n": n} for n in range(CREATES)]
        return [(sessions.session_create(f"owner {thread}", one), one) for one in data]

    with ThreadPoolExecutor(THREADS) as pool:
        ids.put([pair for pairs in pool.map(create, range(THREADS)) for pair in pairs])


async def create_from_tasks(section: dict[str, Any], process: int) -> list[tuple[str, dict[str, int]]]:
    sessions = jam.aio.Jam({"session": section})

    async def create(task: int) -> list[tuple[str, dict[str, int]]]:
        data = [{"process": process, "task": task, "n": n} for n in range(CREATES)]
        return [(await sessions.session_create(f"owner {task}", one), one) for one in data]

    made = await asyncio.gather(*map(create, range(THREADS)))
    await sessions.aclose()
    return [pair for pairs in made for pair in pairs]


@pytest.mark.parametrize("name", ["json", "sqlite"])
def test_two_processes_of_eight_threads_lose_nothing(face: Face, name: str, tmp_path: Path) -> None:
    section = {"session_type": name, f"{name}_path": str(tmp_path / "kept")}
    context = multiprocessing.get_context("spawn")
    ids = context.Queue()
    processes = [
        context.Process(target=create_from_threads, args=(section, number, face.is_async, ids)) for number in range(2)
    ]
    for process in processes:
        process.start()
    made = dict(pair for _ in processes for pair in ids.get(timeout=100))
    for process in processes:
        process.join(timeout=20)
        assert process.exitcode == 0
    sessions = face.jam({"session": section})
    assert len(made) == 2 * THREADS * CREATES
    assert all(sessions.session_get(session_id) == data for session_id, data in made.items())
    assert sum(len(sessions.session_list(f"owner {n}")) for n in range(THREADS)) == 2 * THREADS * CREATES


WRITER = """
import sys
from jam import Jam
sessions = Jam({"session": {"session_type": sys.argv[1], sys.argv[1] + "_path": sys.argv[2]}})
n = 0
while True:
    print(sessions.session_create("user", {"n": n}), n, flush=True)
    n += 1
"""


@pytest.mark.parametrize("name", ["json", "sqlite"])
def test_nothing_acknowledged_is_lost_when_a_writer_is_killed(face: Face, name: str, tmp_path: Path) -> None:
    """Attack 59: `kill -9` in the middle of writing, six times."""
    path = str(tmp_path / "kept")
    acknowledged: dict[str, int] = {}
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, name, path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(20):
                session_id, number = writer.stdout.readline().split()
                acknowledged[session_id] = int(number)
            writer.send_signal(signal.SIGKILL)
            for line in writer.stdout:
                if line.endswith("\n"):
                    session_id, number = line.split()
                    acknowledged[session_id] = int(number)
    sessions = face.jam({"session": {"session_type": name, f"{name}_path": path}})
    assert len(acknowledged) >= 120
    assert all(sessions.session_get(session_id) == {"n": n} for session_id, n in acknowledged.items())


def test_threads_share_one_instance(face: Face, store: Store) -> None:
    """Eight threads use one instance at once; with asyncio each has an event loop of its own."""
    made = face.Jam({"jwt": {"alg": "HS256", "secret": "s" * 32}, "session": store.session()})

    def use(thread: int) -> bool:
        for number in range(20):
            data = {"thread": thread, "n": number}
            session_id = made.session_create(f"owner {thread}", data)
            assert made.session_get(session_id) == data
            assert made.jwt_verify_token(made.jwt_create_token(data)) == data
        return True

    async def use_async(thread: int) -> bool:
        for number in range(20):
            data = {"thread": thread, "n": number}
            session_id = await made.session_create(f"owner {thread}", data)
            assert await made.session_get(session_id) == data
            assert await made.jwt_verify_token(await made.jwt_create_token(data)) == data
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        work = (lambda thread: asyncio.run(use_async(thread))) if face.is_async else use
        assert list(pool.map(work, range(THREADS))) == [True] * THREADS
    face.run(made.aclose()) if face.is_async else made.close()


# Fork


@contextlib.contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Ends the process if the block takes longer: what hangs in Rust hears of no exception."""
    watch = threading.Timer(seconds, os._exit, args=(70,))
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def in_child(work: Callable[[], object], seconds: int = 10) -> int:
    """Forks, works in the child, and gives its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with time_limit(seconds):
                work()
            code = 0
        finally:
            os._exit(code)
    return child


def exit_code(child: int, seconds: float = 15) -> int:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


@contextlib.contextmanager
def own_loop(face: Face, made: Any) -> Iterator[Any]:
    """The instance, driven by an event loop of its own: a child has its parent's loop in the state of the fork."""
    own = Face(face.name)
    yield own.drive(made.target)
    own.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.parametrize("round_trips", [1, 3])
def test_an_instance_is_used_on_after_a_fork(face: Face, durable_store: Store, round_trips: int) -> None:
    made = face.jam({"jwt": {"alg": "HS256", "secret": "s" * 32}, "session": durable_store.session()})
    before = made.session_create("user", {"made": "before"})

    def use(who: str) -> None:
        with own_loop(face, made) as driven:
            create_and_read(driven, who)

    def create_and_read(driven: Any, who: str) -> None:
        for number in range(20):
            assert driven.session_get(before) == {"made": "before"}
            session_id = driven.session_create(who, {"n": number})
            assert driven.session_get(session_id) == {"n": number}
            assert driven.jwt_verify_token(driven.jwt_create_token({"n": number})) == {"n": number}

    children = []
    for number in range(round_trips):
        children.append(in_child(lambda number=number: use(f"child {number}")))
        with time_limit(10):
            use(f"parent {number}")
    assert [exit_code(child) for child in children] == [0] * round_trips
    for number in range(round_trips):
        assert len(made.session_list(f"child {number}")) == 20


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_ids_made_after_a_fork_differ(face: Face, tmp_path: Path) -> None:
    """Attack 56: both processes go on from the same memory."""
    made = face.jam({"session": {"session_type": "memory"}})
    made.session_create("user", {})
    path = tmp_path / "ids"

    def create() -> list[str]:
        with own_loop(face, made) as driven:
            return [driven.session_create("user", {}) for _ in range(100)]

    child = in_child(lambda: path.write_text("\n".join(create())))
    ours = create()
    assert exit_code(child) == 0
    theirs = path.read_text().split()
    assert len(set(ours) | set(theirs)) == 200


# Tasks, cancellation, loops


@pytest.mark.parametrize("loop_factory", ["asyncio", "uvloop"])
def test_cancelled_reads_never_answer_for_another_user(store: Store, loop_factory: str) -> None:
    """Attack 61: of 200 concurrent reads every third is cancelled, over and over; on Redis ten thousand in all."""

    async def use() -> None:
        made = jam.aio.Jam({"session": store.session()})
        ids = [await made.session_create(f"user {n}", {"user": n}) for n in range(200)]
        for turn in range(150 if store.name == "redis" else 5):
            tasks = [asyncio.ensure_future(made.session_get(session_id)) for session_id in ids]
            await asyncio.sleep(0 if turn % 2 else 0.0005)
            for task in tasks[turn % 3 :: 3]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            for number, answer in enumerate(answers):
                assert isinstance(answer, asyncio.CancelledError) or answer == {"user": number}
            assert sum(answer == {"user": number} for number, answer in enumerate(answers)) >= 130
        assert [await made.session_get(session_id) for session_id in ids] == [{"user": n} for n in range(200)]
        await made.aclose()

    if loop_factory == "uvloop":
        pytest.importorskip("uvloop").run(use())
    else:
        asyncio.run(use())


def test_an_instance_serves_one_event_loop_after_the_other(store: Store) -> None:
    made = jam.aio.Jam({"session": store.session()})

    async def use(number: int) -> str:
        session_id = await made.session_create("user", {"n": number})
        assert await made.session_get(session_id) == {"n": number}
        return session_id

    ids = [asyncio.run(use(number)) for number in range(5)]
    assert len(set(ids)) == 5
    asyncio.run(made.aclose())


def test_an_event_loop_may_close_with_work_under_way(durable_store: Store) -> None:
    made = jam.aio.Jam({"session": durable_store.session()})

    async def leave() -> None:
        for number in range(50):
            asyncio.ensure_future(made.session_create("user", {"n": number}))  # noqa: RUF006
        await asyncio.sleep(0)

    async def use() -> None:
        session_id = await made.session_create("other", {"a": 1})
        assert await made.session_get(session_id) == {"a": 1}

    asyncio.run(leave())
    asyncio.run(use())
    asyncio.run(made.aclose())


def test_calls_may_be_gathered_scheduled_and_timed(store: Store) -> None:
    async def use() -> None:
        async with jam.aio.Jam({"session": store.session()}) as made:
            ids = await asyncio.gather(*(made.session_create("user", {"n": n}) for n in range(50)))
            task = asyncio.create_task(made.session_get(ids[7]))
            assert await asyncio.wait_for(task, timeout=5) == {"n": 7}
            assert await asyncio.wait_for(made.session_get(ids[8]), timeout=5) == {"n": 8}
            finished, _ = await asyncio.wait([asyncio.create_task(made.session_get(ids[9]))])
            assert [one.result() for one in finished] == [{"n": 9}]

    asyncio.run(use())


# A server that dies


def test_redis_may_be_killed_and_restarted_during_use(face: Face, own_redis: Any) -> None:
    made = face.jam({"session": {"session_type": "redis", "redis_uri": own_redis.uri}})
    for turn in range(3):
        session_id = made.session_create("user", {"turn": turn})
        assert made.session_get(session_id) == {"turn": turn}
        own_redis.kill()
        start = time.monotonic()
        with pytest.raises(JamStoreError):
            made.session_get(session_id)
        assert time.monotonic() - start < 10
        own_redis.start()
        assert made.session_get(session_id) is None


def test_tasks_under_way_hear_of_a_killed_server(own_redis: Any) -> None:
    async def use() -> None:
        made = jam.aio.Jam({"session": {"session_type": "redis", "redis_uri": own_redis.uri}})
        ids = [await made.session_create("user", {"n": n}) for n in range(20)]

        async def read_for_ever(session_id: str, number: int) -> None:
            while True:
                assert await made.session_get(session_id) == {"n": number}

        tasks = [asyncio.create_task(read_for_ever(session_id, n)) for n, session_id in enumerate(ids)]
        await asyncio.sleep(0.05)
        own_redis.kill()
        ends = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), timeout=20)
        assert all(isinstance(end, JamStoreError) for end in ends)
        own_redis.start()
        session_id = await made.session_create("user", {"a": 1})
        assert await made.session_get(session_id) == {"a": 1}
        await made.aclose()

    asyncio.run(use())
