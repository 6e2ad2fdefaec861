"""What `jam.aio` awaits: operations of the Rust core, under asyncio, uvloop and loops that watch no files."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from jam import _jam
from jam.exceptions import JamSessionNotFound, JamStoreError, JamValidationError
from servers import RedisServer


class LoopWithoutFiles(asyncio.SelectorEventLoop):
    """As the event loop of Windows: it cannot be told to watch a file."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:
        raise NotImplementedError


def plain_loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def debugged_loop() -> asyncio.AbstractEventLoop:
    event_loop = asyncio.new_event_loop()
    event_loop.set_debug(True)
    event_loop.slow_callback_duration = 60
    return event_loop


def uvloop_loop() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()


def loop_of_python_tasks() -> asyncio.AbstractEventLoop:
    """Its tasks are those written in Python, which look at what they await through other doors than those in C."""
    event_loop = asyncio.new_event_loop()
    event_loop.set_task_factory(lambda it, work, **more: asyncio.tasks._PyTask(work, loop=it, **more))  # type: ignore[attr-defined]
    return event_loop


LOOPS = [plain_loop, debugged_loop, uvloop_loop, loop_of_python_tasks, LoopWithoutFiles]

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def run_in(event_loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """What `asyncio.run` does, with this loop."""
    try:
        return event_loop.run_until_complete(work)
    finally:
        pending = asyncio.all_tasks(event_loop)
        for task in pending:
            task.cancel()
        if pending:
            event_loop.run_until_complete(asyncio.wait(pending))
        event_loop.close()


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    if request.param is uvloop_loop:
        pytest.importorskip("uvloop")
    return lambda work: run_in(request.param(), work)


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[_jam.AsyncSessions]:
    sessions = _jam.AsyncSessions("sqlite", sqlite_path=str(tmp_path / "jam.sqlite3"))
    yield sessions
    sessions.close().close()


class PausedRedis:
    """Sessions on a server that can be made silent."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.sessions = _jam.AsyncSessions("redis", redis_uri=server.uri)

    def pause(self) -> None:
        os.kill(self.server.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.server.pid, signal.SIGCONT)


@pytest.fixture
def paused_redis(own_redis: RedisServer) -> PausedRedis:
    return PausedRedis(own_redis)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="counts open files through /proc")


# An operation is a coroutine


def test_an_operation_is_awaited_as_a_coroutine_is(run: Run, sqlite: _jam.AsyncSessions) -> None:
    async def use() -> None:
        session_id = await sqlite.create("user", {"n": 1})
        assert await sqlite.get(session_id) == {"n": 1}
        assert await asyncio.create_task(sqlite.get(session_id)) == {"n": 1}
        assert await asyncio.ensure_future(sqlite.get(session_id)) == {"n": 1}
        assert await asyncio.wait_for(sqlite.get(session_id), 10) == {"n": 1}
        assert await asyncio.shield(sqlite.get(session_id)) == {"n": 1}
        reads = [sqlite.get(session_id) for _ in range(200)]
        assert await asyncio.gather(*reads) == [{"n": 1}] * 200

    run(use())


def test_an_operation_may_be_made_before_its_loop_runs(run: Run, sqlite: _jam.AsyncSessions) -> None:
    session_id = run(sqlite.create("user", {"n": 1}))
    assert run(sqlite.get(session_id)) == {"n": 1}


def test_an_operation_says_that_it_is_a_coroutine_and_no_future(sqlite: _jam.AsyncSessions) -> None:
    operation: Any = sqlite.get("unknown")
    assert asyncio.iscoroutine(operation)
    assert inspect.isawaitable(operation)
    assert not asyncio.isfuture(operation)
    operation.close()


def test_an_operation_is_awaited_once(run: Run, paused_redis: PausedRedis) -> None:
    async def use() -> None:
        done: Any = paused_redis.sessions.create("user", {})
        await done
        with pytest.raises(RuntimeError, match="already awaited"):
            await done
        paused_redis.pause()
        waiting: Any = paused_redis.sessions.list("nobody")
        first = asyncio.ensure_future(waiting)
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="being awaited"):
            await waiting
        paused_redis.go_on()
        assert await first == []

    run(use())


def test_an_operation_outside_of_a_loop_is_refused(sqlite: _jam.AsyncSessions) -> None:
    operation: Any = sqlite.get("unknown")
    with pytest.raises(RuntimeError, match="no running event loop"):
        operation.send(None)
    operation.close()


def test_an_operation_that_was_never_awaited_warns_and_did_nothing(sqlite: _jam.AsyncSessions) -> None:
    with pytest.warns(RuntimeWarning, match="never awaited"):
        sqlite.create("user", {})  # pyright: ignore[reportUnusedCoroutine]
    assert asyncio.run(listed(sqlite, "user")) == []


async def listed(sessions: _jam.AsyncSessions, session_key: str) -> list[Any]:
    return await sessions.list(session_key)


def test_a_closed_operation_does_nothing_and_does_not_warn(sqlite: _jam.AsyncSessions) -> None:
    operation: Any = sqlite.create("user", {})
    operation.close()
    with pytest.raises(RuntimeError, match="already awaited"):
        operation.send(None)
    del operation
    assert asyncio.run(listed(sqlite, "user")) == []


def test_what_is_thrown_into_an_operation_comes_out_of_it(sqlite: _jam.AsyncSessions) -> None:
    for thrown in [(KeyError("a"),), (KeyError, "a"), (KeyError, KeyError("a"), None)]:
        operation: Any = sqlite.create("user", {})
        with pytest.raises(KeyError, match="a"):
            operation.throw(*thrown)


def test_context_variables_stay_with_their_task(run: Run, sqlite: _jam.AsyncSessions) -> None:
    variable = contextvars.ContextVar("variable", default=-1)

    async def use(number: int) -> None:
        variable.set(number)
        await sqlite.list("nobody")
        assert variable.get() == number

    async def use_all() -> None:
        await asyncio.gather(*map(use, range(50)))
        assert variable.get() == -1

    run(use_all())


# Errors


def test_errors_of_the_core_are_raised_where_it_is_awaited(run: Run, sqlite: _jam.AsyncSessions) -> None:
    async def use() -> None:
        dead = await sqlite.create("user", {})
        await sqlite.delete(dead)
        with pytest.raises(JamSessionNotFound) as caught:
            await sqlite.update(dead, {})
        assert caught.value.error_code == "sessions.not_found"
        answers = await asyncio.gather(*[sqlite.rework(dead) for _ in range(20)], return_exceptions=True)
        assert {type(answer) for answer in answers} == {JamSessionNotFound}

    run(use())


def test_a_stop_iteration_is_an_error_and_no_result(run: Run) -> None:
    made = iter(["made-by-the-user-1"])
    sessions = _jam.AsyncSessions("memory", id_factory=lambda: next(made))

    async def use() -> None:
        assert (await sessions.create("user", {})).endswith(".made-by-the-user-1")
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await sessions.create("user", {})
        assert isinstance(caught.value.__cause__, StopIteration)

    run(use())


def test_errors_of_a_serializer_reach_the_task(run: Run, tmp_path: Path) -> None:
    class Broken:
        @staticmethod
        def dumps(_: Any) -> bytes:
            return b"stored"

        @staticmethod
        def loads(_: bytes) -> Any:
            raise LookupError("of the serializer")

    serializer: Any = Broken
    sessions = _jam.AsyncSessions("sqlite", sqlite_path=str(tmp_path / "jam.sqlite3"), serializer=serializer)

    async def use() -> None:
        session_id = await sessions.create("user", {})
        with pytest.raises(JamValidationError) as caught:
            await sessions.get(session_id)
        assert isinstance(caught.value.__cause__, LookupError)
        await sessions.close()

    run(use())


def test_a_program_that_ends_in_a_task_leaves_the_other_answers_alone(sqlite: _jam.AsyncSessions) -> None:
    event_loop = asyncio.new_event_loop()

    async def end() -> None:
        await sqlite.list("nobody")
        raise SystemExit(3)

    async def start() -> list[asyncio.Task[Any]]:
        reads = [asyncio.create_task(listed(sqlite, "user")) for _ in range(10)]
        return [*reads, asyncio.create_task(end()), asyncio.create_task(listed(sqlite, "user"))]

    tasks = event_loop.run_until_complete(start())
    with pytest.raises(SystemExit):
        event_loop.run_until_complete(asyncio.wait(tasks))
    answers = event_loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    event_loop.close()
    assert [answer for answer in answers if answer != []] == [answers[10]]


# Waiting and cancelling


def test_the_loop_goes_on_while_a_server_is_silent(run: Run, paused_redis: PausedRedis) -> None:
    async def use() -> None:
        await paused_redis.sessions.create("user", {})
        paused_redis.pause()
        read = asyncio.ensure_future(paused_redis.sessions.list("nobody"))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not read.done()
        paused_redis.go_on()
        assert await read == []

    run(use())


def test_a_cancelled_task_stops_waiting_and_the_operation_goes_on(run: Run, paused_redis: PausedRedis) -> None:
    sessions = paused_redis.sessions

    async def use() -> None:
        await sessions.create("user", {"n": 0})
        paused_redis.pause()
        create = asyncio.ensure_future(sessions.create("user", {"n": 1}))
        await asyncio.sleep(0.05)
        create.cancel("not needed")
        with pytest.raises(asyncio.CancelledError):
            await create
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sessions.list("nobody"), 0.01)
        paused_redis.go_on()
        assert len(await sessions.list("user")) == 2

    run(use())


def test_a_task_may_clean_up_after_it_was_cancelled(run: Run, paused_redis: PausedRedis) -> None:
    async def use() -> None:
        session_id = await paused_redis.sessions.create("user", {"n": 0})

        async def clean_up() -> Any:
            try:
                await paused_redis.sessions.list("nobody")
            except asyncio.CancelledError:
                paused_redis.go_on()
                return await paused_redis.sessions.get(session_id)

        paused_redis.pause()
        task = asyncio.ensure_future(clean_up())
        await asyncio.sleep(0.01)
        task.cancel()
        assert await task == {"n": 0}

    run(use())


def test_a_task_that_is_cancelled_before_it_starts_asks_nothing(run: Run, sqlite: _jam.AsyncSessions) -> None:
    async def use() -> None:
        task = asyncio.ensure_future(sqlite.create("user", {}))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await sqlite.list("user") == []

    run(use())


# Loops, threads, processes


@needs_proc
@pytest.mark.parametrize("make_loop", [plain_loop, uvloop_loop, LoopWithoutFiles])
def test_a_thousand_loops_leave_no_file_open(
    make_loop: Callable[[], asyncio.AbstractEventLoop], sqlite: _jam.AsyncSessions
) -> None:
    run_in(make_loop(), listed(sqlite, "user"))
    before = open_files()
    for _ in range(1_000):
        run_in(make_loop(), listed(sqlite, "user"))
    # A store may have opened a second connection meanwhile; a file for each loop would be a thousand.
    assert open_files() < before + 10


@needs_proc
@pytest.mark.parametrize("make_loop", [plain_loop, uvloop_loop, LoopWithoutFiles])
def test_loops_that_close_with_work_under_way_leave_no_file_open(
    make_loop: Callable[[], asyncio.AbstractEventLoop], paused_redis: PausedRedis
) -> None:
    sessions = paused_redis.sessions

    async def leave() -> None:
        cancelled = asyncio.ensure_future(sessions.list("user"))
        abandoned: Any = sessions.list("user")
        abandoned.send(None)
        await asyncio.sleep(0)
        assert not cancelled.done()

    run_in(make_loop(), listed(sessions, "user"))
    before = open_files()
    for _ in range(5):
        paused_redis.pause()
        for _ in range(10):
            run_in(make_loop(), leave())
        paused_redis.go_on()
        run_in(make_loop(), listed(sessions, "user"))
    gc.collect()
    assert open_files() <= before


@needs_proc
@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
def test_a_loop_that_is_dropped_without_being_closed_leaves_no_file_open(sqlite: _jam.AsyncSessions) -> None:
    asyncio.run(listed(sqlite, "user"))
    before = open_files()
    for _ in range(20):
        event_loop = asyncio.new_event_loop()
        event_loop.run_until_complete(listed(sqlite, "user"))
        del event_loop
    gc.collect()
    assert open_files() <= before


def test_loops_of_several_threads_share_one_instance(run: Run, sqlite: _jam.AsyncSessions) -> None:
    failures: list[BaseException] = []

    async def use(thread: int) -> None:
        ids = await asyncio.gather(*[sqlite.create(f"user {thread}", {"n": n}) for n in range(30)])
        read = await asyncio.gather(*[sqlite.get(session_id) for session_id in ids])
        assert read == [{"n": n} for n in range(30)]

    def work(thread: int) -> None:
        try:
            for _ in range(5):
                run(use(thread))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_two_loops_of_one_thread_take_turns(sqlite: _jam.AsyncSessions) -> None:
    loops = [asyncio.new_event_loop(), asyncio.new_event_loop(), LoopWithoutFiles()]
    for _ in range(20):
        for event_loop in loops:
            assert event_loop.run_until_complete(listed(sqlite, "user")) == []
    for event_loop in loops:
        event_loop.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_fork_with_work_under_way_harms_neither_process(paused_redis: PausedRedis) -> None:
    sessions = paused_redis.sessions

    async def fork() -> None:
        session_id = await sessions.create("user", {"n": 1})
        paused_redis.pause()
        reads = [asyncio.ensure_future(sessions.get(session_id)) for _ in range(20)]
        await asyncio.sleep(0.01)
        child = os.fork()
        if child == 0:
            os._exit(use_in_child(session_id))
        paused_redis.go_on()
        assert await asyncio.gather(*reads) == [{"n": 1}] * 20
        assert await asyncio.to_thread(os.waitpid, child, 0) == (child, 0)
        assert await sessions.get(session_id) == {"n": 1}

    def use_in_child(session_id: str) -> int:
        asyncio.events._set_running_loop(None)

        async def use() -> int:
            reads = await asyncio.gather(*[sessions.get(session_id) for _ in range(20)])
            return 0 if reads == [{"n": 1}] * 20 else 2

        try:
            return asyncio.run(use())
        except BaseException:
            return 1

    asyncio.run(fork())


@pytest.mark.parametrize("ending", ["pass", "sys.exit()", "raise KeyboardInterrupt", "os._exit(0)"])
def test_a_program_may_end_with_work_under_way(ending: str, tmp_path: Path) -> None:
    program = f"""
import asyncio, os, sys
from jam import _jam

sessions = _jam.AsyncSessions("sqlite", sqlite_path={str(tmp_path / "jam.sqlite3")!r})

async def main():
    global tasks
    tasks = [asyncio.ensure_future(sessions.create("user", {{}})) for _ in range(200)]
    await asyncio.sleep(0.001)
    {ending}

try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


# Log


def test_what_the_core_notices_on_its_own_thread_is_logged(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    keys = [Path(__file__).name.encode().ljust(32, bytes([number])).hex()[:43] + "=" for number in range(2)]

    def sealed(key: str) -> _jam.AsyncSessions:
        options: dict[str, Any] = {"is_session_crypt": True, "session_aes_secret": key}
        return _jam.AsyncSessions("redis", redis_uri=own_redis.uri, **options)

    async def use() -> None:
        session_id = await sealed(keys[0]).create("user", {"n": 1})
        assert await sealed(keys[1]).get(session_id) is None

    with caplog.at_level(logging.INFO, logger="jam"):
        asyncio.run(use())
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "does not open" in caplog.text


def test_a_dead_server_is_a_store_error(run: Run, own_redis: RedisServer) -> None:
    sessions = _jam.AsyncSessions("redis", redis_uri=own_redis.uri)

    async def use() -> None:
        session_id = await sessions.create("user", {})
        own_redis.kill()
        answers = await asyncio.gather(*[sessions.get(session_id) for _ in range(20)], return_exceptions=True)
        assert all(isinstance(answer, JamStoreError) for answer in answers)

    run(use())
