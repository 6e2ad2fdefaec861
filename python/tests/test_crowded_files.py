"""Sessions in files that others use as well: greedy programs, a lock that is held, another SQLite, a full disk."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jam
import jam.aio
import pytest
from faces import Face
from jam.exceptions import JamStoreClosed, JamStoreTimedOut
from servers import TokenEndpoint

FILES = ["json", "sqlite"]


def section(name: str, path: Path) -> dict[str, Any]:
    return {"session_type": name, f"{name}_path": str(path)}


@contextlib.contextmanager
def program(code: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    """Another program, until the end of the block."""
    command = [sys.executable, "-c", code, *map(str, args)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


GREEDY = """
import sys
from jam import Jam
sessions = Jam({"session": {"session_type": sys.argv[1], sys.argv[1] + "_path": sys.argv[2]}})
print("started", flush=True)
while True:
    sessions.session_create("greedy", {})
"""


@pytest.mark.parametrize("name", FILES)
def test_a_program_that_writes_all_the_time_lets_others_write(face: Face, name: str, tmp_path: Path) -> None:
    made = face.jam({"session": section(name, tmp_path / "kept")})
    with program(GREEDY, name, tmp_path / "kept") as greedy:
        assert line(greedy) == "started"
        for number in range(20):
            session_id = made.session_create("modest", {"n": number})
            assert made.session_get(session_id) == {"n": number}
            time.sleep(0.003)
        before = len(made.session_list("greedy"))
        for number in range(10):
            made.session_create("modest", {"n": number})
        assert len(made.session_list("modest")) == 30
        assert len(made.session_list("greedy")) > before + 2, "and goes on itself"


HOLDER = """
import fcntl, sys
lock = open(sys.argv[1] + ".lock")
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("name", FILES)
def test_tasks_that_wait_for_a_locked_file_hold_up_nothing_else(
    name: str, tmp_path: Path, token_endpoint: TokenEndpoint
) -> None:
    """Many more tasks than there are threads for blocking work, which names are looked up on as well."""
    url = token_endpoint.url.replace("127.0.0.1", "localhost")
    provider = {"client_id": "id", "client_secret": "s", "auth_url": f"{url}/auth", "token_url": f"{url}/token"}
    config = {"session": section(name, tmp_path / "kept"), "oauth2": {"providers": {"own": provider}}}

    async def use() -> None:
        async with jam.aio.Jam(config) as made:
            session_id = await made.session_create("user", {"a": 1})
            with program(HOLDER, tmp_path / "kept") as holder:
                assert line(holder) == "locked"
                waiting: list[asyncio.Future[Any]] = [
                    asyncio.ensure_future(made.session_create("user", {})) for _ in range(60)
                ]
                waiting += [asyncio.ensure_future(made.session_delete(session_id)) for _ in range(60)]
                await asyncio.sleep(0)
                for _ in range(20):
                    assert await made.session_get(session_id) == {"a": 1}
                assert len(await made.session_list("user")) == 1
                assert (await made.oauth2_fetch_token("own", "code"))["token_type"] == "bearer"
                assert not any(task.done() for task in waiting), "all that came before the first time-out"
                ends = await asyncio.gather(*waiting, return_exceptions=True)
                assert {type(end) for end in ends} == {JamStoreTimedOut}
            assert await made.session_get(session_id) == {"a": 1}
            await made.session_delete(session_id)
            assert await made.session_list("user") == []

    asyncio.run(use())


@pytest.mark.parametrize("name", FILES)
def test_the_event_loop_goes_on_while_a_store_is_closed(name: str, tmp_path: Path) -> None:
    """What is being written is waited for, but not by the loop."""

    async def use() -> None:
        made = jam.aio.Jam({"session": section(name, tmp_path / "kept")})
        await made.session_create("user", {})
        with program(HOLDER, tmp_path / "kept") as holder:
            assert line(holder) == "locked"
            waiting = asyncio.ensure_future(made.session_create("user", {}))
            await asyncio.sleep(0.05)
            closing = asyncio.ensure_future(made.aclose())
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting
        await closing
        with pytest.raises(JamStoreClosed):
            await made.session_create("user", {})

    asyncio.run(use())


WRITER = """
import sys
from jam import Jam
sessions = Jam({"session": {"session_type": "sqlite", "sqlite_path": sys.argv[1]}})
print("started", flush=True)
while True:
    sessions.session_create("other", {"filler": "y" * 200})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has locks that another SQLite cannot take away")
@pytest.mark.parametrize("processes", [1, 2])
def test_the_file_survives_being_opened_with_pythons_own_sqlite(face: Face, processes: int, tmp_path: Path) -> None:
    """Two SQLites in one program: locks of POSIX would be lost with each `close()` of the other."""
    path, done = tmp_path / "kept", threading.Event()
    made = face.Jam({"session": section("sqlite", path)})
    ids: list[str] = []
    failures: list[Exception] = []

    def peek() -> None:
        while not done.is_set():
            with contextlib.closing(sqlite3.connect(path)) as connection:
                try:
                    connection.execute("SELECT count(*) FROM jam_store").fetchone()
                except sqlite3.Error as failure:
                    failures.append(failure)

    def write() -> None:
        while not done.is_set():
            ids.append(made.session_create("user", {"filler": "x" * 200}))

    async def write_async() -> None:
        while not done.is_set():
            ids.append(await made.session_create("user", {"filler": "x" * 200}))

    with contextlib.ExitStack() as stack:
        if processes == 2:
            assert line(stack.enter_context(program(WRITER, path))) == "started"
        writers = [write, write] if not face.is_async else [lambda: asyncio.run(write_async())] * 2
        threads = [threading.Thread(target=target) for target in (peek, *writers)]
        for thread in threads:
            thread.start()
        time.sleep(2)
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    driven = face.drive(made)
    assert len(ids) > 0
    assert all(driven.session_get(session_id) is not None for session_id in ids)
    driven.aclose() if face.is_async else driven.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


FULL = """
import errno, os, resource, sys
from jam import Jam
from jam.exceptions import JamStoreUnavailable

name, folder, how = sys.argv[1:]
path = os.path.join(folder, "kept")
sessions = Jam({"session": {"session_type": name, name + "_path": path, "default_ttl": None}})
kept = {}


def create(number):
    kept[sessions.session_create("user", {"n": number, "filler": "x" * 400})] = number


def fill():
    if how == "limit":  # a file may not become larger than the largest one is
        largest = max(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 2000, resource.RLIM_INFINITY))
        return
    with open(os.path.join(folder, "filler"), "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1000)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC


def make_room():
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        os.remove(os.path.join(folder, "filler"))


def check():
    assert all(sessions.session_get(session_id)["n"] == number for session_id, number in kept.items())
    assert len(sessions.session_list("user")) == len(kept)


for turn in range(3):
    for number in range(20):
        create(number)
    fill()
    refused = 0
    for number in range(100):
        try:
            create(number)
        except JamStoreUnavailable:
            refused += 1
    assert refused > 50, refused
    check()
    make_room()
    create(turn)
    check()
sessions.close()
sessions = Jam({"session": {"session_type": name, name + "_path": path, "default_ttl": None}})
check()
print("ok")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of resources")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_grow_is_told_and_loses_nothing(name: str, tmp_path: Path) -> None:
    with program(FULL, name, tmp_path, "limit") as process:
        assert line(process) == "ok"


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_is_told_and_loses_nothing(name: str, tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=1m tmpfs "{tmp_path}" && exec "$@"'
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody mount a small disk of their own")
    command = [*alone, sys.executable, "-c", FULL, name, str(tmp_path), "disk"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "ok\n"
