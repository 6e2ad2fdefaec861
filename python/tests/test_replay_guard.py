"""A one-time password is accepted once: on every store, by threads, tasks and processes at the same time."""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jam
import jam.aio
import jam.aio.replay_guard
import jam.otp.replay_guard
import pytest
from conftest import Store
from faces import Face
from jam.exceptions import JamConfigurationError, JamError, JamStoreError, JamValidationError
from jam.otp import HOTP, TOTP, BaseReplayGuard
from jam.utils import generate_otp_key
from servers import RedisServer

RFC_SECRET = b"12345678901234567890"
START = 1_700_000_010
STEP = START // 30
ROUNDS = 30


def section(store: Store, **more: Any) -> dict[str, Any]:
    return {"otp": {"replay_guard": {"backend": store.name, **store.keys}, **more}}


def test_attack_51_a_code_is_accepted_once_also_when_the_clock_has_moved_on(face: Face, store: Store) -> None:
    # fault 14
    made, secret = face.jam(section(store)), generate_otp_key()
    code = TOTP(secret).at(START)
    assert made.otp_verify_once(secret, "000000" if code != "000000" else "111111", START, look_ahead=0) is None
    assert made.otp_verify_once(secret, code, START) == STEP
    for moment in (START, START + 30, START + 300, START - 300):
        assert made.otp_verify_once(secret, code, moment, look_ahead=10) is None
    assert made.otp_verify_code(secret, code, START), "what asks no guard is as before"
    # Another step and another user have codes of their own.
    assert made.otp_verify_once(secret, TOTP(secret).at(START + 30), START) == STEP + 1
    other = generate_otp_key()
    assert made.otp_verify_once(other, TOTP(other).at(START), START) == STEP
    # A secret is the same in all of its forms.
    assert made.otp_verify_once(secret.lower() + "==", code, START) is None


def test_attack_51_a_counter_is_accepted_once(face: Face, store: Store) -> None:
    # RFC 4226 appendix D
    made = face.jam(section(store, type="hotp"))
    assert made.otp_verify_once(RFC_SECRET, "755224", 0, look_ahead=3) == 0
    assert made.otp_verify_once(RFC_SECRET, "969429", 0, look_ahead=3) == 3
    assert made.otp_verify_once(RFC_SECRET, "755224", 0, look_ahead=3) is None
    assert made.otp_verify_once(RFC_SECRET, "969429", 3) is None
    with pytest.raises(JamValidationError, match="needs its counter"):
        made.otp_verify_once(RFC_SECRET, "755224")


def test_a_code_of_now_is_accepted_once(face: Face, store: Store) -> None:
    made, secret = face.jam(section(store)), generate_otp_key()
    code = made.otp_code(secret)
    step = made.otp_verify_once(secret, code)
    assert step is not None
    assert abs(step - time.time() // 30) <= 1
    assert made.otp_verify_once(secret, code) is None


@pytest.mark.parametrize("code", ["", "12345", "1234567", "\uff11" * 6, " 12345", "\ud800", "x" * 1_000_000])
def test_attack_52_what_is_no_code_uses_nothing_up(face: Face, code: str) -> None:
    made = face.jam({"otp": {"replay_guard": {"backend": "memory"}}})
    assert made.otp_verify_once(RFC_SECRET, code, 59) is None
    assert made.otp_verify_once(RFC_SECRET, "287082", 59) == 1


def test_attack_51_of_many_threads_with_the_same_code_one_is_accepted(store: Store) -> None:
    made, secret = jam.Jam(section(store)), generate_otp_key()
    start = threading.Barrier(8)

    def accept(_: int) -> int:
        accepted = 0
        for number in range(ROUNDS):
            moment = START + 30 * number
            code = TOTP(secret).at(moment)
            start.wait()
            accepted += made.otp_verify_once(secret, code, moment) is not None
        return accepted

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(accept, range(8))) == ROUNDS
    made.close()


def test_attack_51_of_many_tasks_with_the_same_code_one_is_accepted(store: Store) -> None:
    secret = generate_otp_key()

    async def accept() -> list[int]:
        async with jam.aio.Jam(section(store)) as made:
            rounds: list[int] = []
            for number in range(ROUNDS):
                moment = START + 30 * number
                code = TOTP(secret).at(moment)
                steps = await asyncio.gather(*(made.otp_verify_once(secret, code, moment) for _ in range(16)))
                rounds.append(sum(step is not None for step in steps))
            return rounds

    assert asyncio.run(accept()) == [1] * ROUNDS


def accept_in_process(config: dict[str, Any], is_async: bool, secret: str, steps: Any) -> None:
    moments = [(TOTP(secret).at(START + 30 * number), START + 30 * number) for number in range(ROUNDS)]
    if is_async:
        steps.put(asyncio.run(accept_in_tasks(config, secret, moments)))
        return
    made = jam.Jam(config)
    steps.put([made.otp_verify_once(secret, code, moment) for code, moment in moments])


async def accept_in_tasks(config: dict[str, Any], secret: str, moments: list[tuple[str, int]]) -> list[int | None]:
    async with jam.aio.Jam(config) as made:
        return [await made.otp_verify_once(secret, code, moment) for code, moment in moments]


def test_attack_51_of_many_processes_with_the_same_code_one_is_accepted(durable_store: Store) -> None:
    context = multiprocessing.get_context("spawn")
    steps, secret = context.Queue(), generate_otp_key()
    processes = [
        context.Process(target=accept_in_process, args=(section(durable_store), number == 1, secret, steps))
        for number in range(3)
    ]
    for process in processes:
        process.start()
    accepted = Counter(step for _ in processes for step in steps.get(timeout=100))
    for process in processes:
        process.join(timeout=20)
        assert process.exitcode == 0
    del accepted[None]
    assert accepted == dict.fromkeys(range(STEP, STEP + ROUNDS), 1)


def test_what_one_face_has_accepted_the_other_refuses(durable_store: Store) -> None:
    blocking, secret = jam.Jam(section(durable_store)), generate_otp_key()

    async def accept(code: str) -> int | None:
        async with jam.aio.Jam(section(durable_store)) as awaited:
            return await awaited.otp_verify_once(secret, code, START)

    code, next_code = TOTP(secret).at(START), TOTP(secret).at(START + 30)
    assert blocking.otp_verify_once(secret, code, START) == STEP
    assert asyncio.run(accept(code)) is None
    assert asyncio.run(accept(next_code)) == STEP + 1
    assert blocking.otp_verify_once(secret, next_code, START) is None
    blocking.close()


def test_a_guard_is_used_without_a_facade(face: Face, store: Store) -> None:
    module = jam.aio.replay_guard if face.is_async else jam.otp.replay_guard
    options: dict[str, Any] = store.keys
    guard = face.drive(module.ReplayGuard(store.name, **options))  # pyright: ignore[reportArgumentType]
    for otp, factor, step in ((TOTP(RFC_SECRET), 59, 1), (HOTP(RFC_SECRET), 2, 2)):
        code = otp.at(factor)
        assert guard.verify(otp, "000000", factor) is None
        assert guard.verify(otp, code, factor) == step
        assert guard.verify(otp, code, factor, 10) is None
    assert RFC_SECRET.decode() not in repr(guard.target)
    guard.close()
    guard.close()
    with pytest.raises(JamStoreError) as raised:
        guard.accept("key", 60)
    assert raised.value.error_code == "store.closed"


def test_an_entry_is_kept_for_its_time_and_any_text_is_a_key(face: Face, stores: list[Store]) -> None:
    module = jam.aio.replay_guard if face.is_async else jam.otp.replay_guard
    guards = [face.drive(module.ReplayGuard(store.name, **store.keys)) for store in stores]  # pyright: ignore[reportArgumentType]
    for guard in guards:
        for key in ("", "a", "a\0", "{a}", "*", "\r\nDEL", "x" * 100_000):
            assert guard.accept(key, 60) is True
            assert guard.accept(key, 60) is False
        assert guard.accept("long", 2**60) is True
        assert guard.accept("long", 2**60) is False
        assert guard.accept("short", 2) is True
        assert guard.accept("short", 2) is False
        for key, keep in (("\ud800", 60), ("a", -1), ("a", 2**70), (None, 60), ("a", 1.5), ("a", None)):
            with pytest.raises((JamValidationError, TypeError)):
                guard.accept(key, keep)
    time.sleep(2.1)
    for guard in guards:
        assert guard.accept("short", 2) is True
        guard.close()


def test_an_entry_of_a_code_shows_neither_the_secret_nor_the_step() -> None:
    entries = {TOTP(RFC_SECRET).replay_entry(STEP), TOTP(RFC_SECRET, 8, "sha512").replay_entry(STEP)}
    ((key, keep),) = entries
    assert keep == 201 * 30
    assert len(key) == 43
    assert key != TOTP(RFC_SECRET).replay_entry(STEP + 1)[0]
    assert key != TOTP(RFC_SECRET[::-1]).replay_entry(STEP)[0]
    assert TOTP(RFC_SECRET, interval=1).replay_entry(STEP) == (key, 3600)
    assert HOTP(RFC_SECRET).replay_entry(STEP) == (key, 30 * 86_400)
    for step in (-1, 2**64):
        with pytest.raises(JamValidationError):
            TOTP(RFC_SECRET).replay_entry(step)


def test_attack_57_the_server_is_told_neither_the_secret_nor_the_code(face: Face, redis_server: RedisServer) -> None:
    made = face.jam({"otp": {"replay_guard": {"backend": "redis", "redis_uri": redis_server.uri}}})
    assert made.otp_verify_once(RFC_SECRET, "287082", 59) == 1
    ((name, rest),) = [(name, redis_server.command("PTTL", name)) for name in names_in(redis_server)]
    assert name.startswith("otp_replay:{")
    assert TOTP(RFC_SECRET).replay_entry(1)[0] not in name
    assert 6_000_000 < int(rest[1:]) <= 6_030_000


def names_in(server: RedisServer) -> list[str]:
    lines = server.command("KEYS", "*").decode().split("\r\n")
    return [line for line in lines[1:] if line and line[0] not in "$*"]


def test_attack_64_a_server_that_cannot_be_reached_accepts_nothing(face: Face) -> None:
    made = face.jam({"otp": {"replay_guard": {"backend": "redis", "redis_uri": "redis://127.0.0.1:1/0"}}})
    with pytest.raises(JamStoreError) as raised:
        made.otp_verify_once(RFC_SECRET, "287082", 59)
    assert raised.value.error_code == "store.unavailable"
    assert made.otp_verify_once(RFC_SECRET, "000000", 59) is None


def test_a_closed_facade_accepts_nothing_and_other_calls_work_on(face: Face) -> None:
    made = face.jam({"otp": {"replay_guard": {"backend": "memory"}}})
    made.aclose() if face.is_async else made.close()
    with pytest.raises(JamStoreError):
        made.otp_verify_once(RFC_SECRET, "287082", 59)
    assert made.otp_verify_code(RFC_SECRET, "287082", 59) is True


class OwnGuard(BaseReplayGuard):
    """A guard of the user's own, blocking."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[str, int] = {}

    def accept(self, key: str, keep: int) -> bool:
        return self.kept.setdefault(key, keep) == keep and len(self.kept) == 1


class OwnAsyncGuard(jam.aio.replay_guard.BaseReplayGuard):
    """A guard of the user's own, with coroutines."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def accept(self, key: str, keep: int) -> bool:
        await asyncio.sleep(0)
        return len(key) == 43 and keep == 6030


def test_a_class_of_the_users_own_is_asked(face: Face) -> None:
    for guard in (OwnGuard, OwnAsyncGuard) if face.is_async else (OwnGuard,):
        made = face.jam({"otp": {"replay_guard": {"backend": "custom", "custom_module": guard, "name": "own"}}})
        assert made.target.otp.replay_guard.name == "own"
        assert made.otp_verify_once(RFC_SECRET, "287082", 59) == 1


def test_without_a_section_the_missing_one_is_named(face: Face) -> None:
    for config, missing in (({}, "otp"), ({"otp": {}}, "otp.replay_guard")):
        made = face.jam(config)
        with pytest.raises(JamConfigurationError) as raised:
            made.otp_verify_once(RFC_SECRET, "287082", 59)
        assert raised.value.error_code == "configuration.missing_section"
        assert f'"{missing}"' in str(raised.value)
        assert made.otp is None or made.target.otp.replay_guard is None


@pytest.mark.parametrize(
    ("guard", "path", "told"),
    [
        ({"bakend": "memory"}, "otp.replay_guard.bakend", "backend"),
        ({"backend": "redsi"}, "otp.replay_guard.backend", "redis"),
        ({"backend": "memory", "sqlite_pth": "x"}, "otp.replay_guard.sqlite_pth", "sqlite_path"),
        ({"backend": "sqlite", "sqlite_path": 1}, "otp.replay_guard.sqlite_path", "text"),
        ({"backend": "custom"}, "otp.replay_guard.custom_module", "required"),
        ({"redis_uri": "redis://localhost"}, "otp.replay_guard.redis_uri", "redis"),
        ({"backend": "redis", "redis_uri": object()}, "otp.replay_guard.redis_uri", "client object"),
        ({"backend": "redis", "redis_uri": "http://localhost"}, "otp.replay_guard", "redis"),
        ("memory", "otp.replay_guard", "table"),
    ],
)
def test_a_mistake_in_the_section_names_its_key(face: Face, guard: Any, path: str, told: str) -> None:
    with pytest.raises(JamError) as raised:
        face.jam({"otp": {"replay_guard": guard}})
    assert str(raised.value).startswith(path)
    assert told in str(raised.value)


def test_a_near_miss_of_the_section_is_told(face: Face) -> None:
    for typed in ("replay", "repaly_guard", "guard", "replayGuard"):
        with pytest.raises(JamConfigurationError, match='did you mean "replay_guard"'):
            face.jam({"otp": {typed: {}}})


def test_a_guard_without_a_backend_is_kept_in_sqlite(
    face: Face, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = face.jam({"otp": {"replay_guard": {}}})
    assert made.otp_verify_once(RFC_SECRET, "287082", 59) == 1
    assert (tmp_path / "jam.sqlite3").stat().st_mode & 0o777 == 0o600


def test_a_guard_closes_at_the_end_of_its_block(store: Store) -> None:
    with jam.otp.ReplayGuard(store.name, **store.keys) as guard:  # type: ignore[arg-type]
        assert guard.accept("a", 60)
    with pytest.raises(JamStoreError):
        guard.accept("b", 60)

    async def asynchronous() -> None:
        async with jam.aio.replay_guard.ReplayGuard(store.name, **store.keys) as guard:  # type: ignore[arg-type]
            assert await guard.accept("b", 60)
            assert not await guard.accept("a", 60) or store.name == "memory"
        with pytest.raises(JamStoreError):
            await guard.accept("c", 60)

    asyncio.run(asynchronous())


def test_attack_51_what_would_not_be_kept_is_refused(store: Store) -> None:
    guard: Any = jam.otp.ReplayGuard(store.name, **store.keys)  # type: ignore[arg-type]
    asynchronous: Any = jam.aio.replay_guard.ReplayGuard(store.name, **store.keys)  # type: ignore[arg-type]

    async def awaited(keep: Any) -> bool:
        return await asynchronous.accept("a", keep)

    for keep, error in (
        (0, JamValidationError),
        (-1, JamValidationError),
        (2**64, JamValidationError),
        (True, TypeError),
        (0.0, TypeError),
        (float("nan"), TypeError),
        (float("inf"), TypeError),
        (None, TypeError),
    ):
        with pytest.raises(error, match=r"^keep"):
            guard.accept("a", keep)
        with pytest.raises(error, match=r"^keep"):
            asyncio.run(awaited(keep))
    assert guard.accept("a", 1)


def test_what_is_no_otp_is_named() -> None:
    guard: Any = jam.otp.ReplayGuard("memory")
    asynchronous: Any = jam.aio.replay_guard.ReplayGuard("memory")
    for other in (object(), None, "287082", 1):
        with pytest.raises(TypeError, match=rf"not {type(other).__name__}$"):
            guard.verify(other, "287082")
        with pytest.raises(TypeError, match=rf"not {type(other).__name__}$"):
            asyncio.run(asynchronous.verify(other, "287082"))
