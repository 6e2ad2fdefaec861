"""`jam.sessions` and `jam.aio.sessions` on every store, used without a facade."""

from __future__ import annotations

import ast
import asyncio
import copy
import logging
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import jam.aio
import jam.aio.sessions
import jam.sessions
import pytest
from conftest import Store
from faces import Face
from jam.encoders import BaseEncoder
from jam.exceptions import (
    JamConfigurationError,
    JamSessionEmptyAESKey,
    JamSessionNotFound,
    JamStoreError,
    JamValidationError,
)

KEY = "A" * 43
OTHER_KEY = "B" * 42 + "A="

Make = Callable[..., Any]


@pytest.fixture
def make(face: Face, store: Store) -> Make:
    """Makes sessions on the store of the test, to be called as if they were blocking."""
    module = jam.aio.sessions if face.is_async else jam.sessions

    def make(**options: Any) -> Any:
        return face.drive(module.create_instance(session_type=store.name, **store.keys, **options))

    return make


@pytest.mark.parametrize("options", [{}, {"is_session_crypt": True, "session_aes_secret": KEY}])
def test_all_verbs(make: Make, options: dict[str, Any]) -> None:
    sessions = make(**options)
    session_id = sessions.create("user", {"n": 1})
    assert sessions.get(session_id) == {"n": 1}
    assert sessions.update(session_id, {}) is None
    assert sessions.get(session_id) == {}
    assert sessions.update(session_id, {"n": [2, None, {"x": 0.5}]}) is None
    new_id = sessions.rework(session_id)
    assert sessions.get(session_id) is None
    assert sessions.get(new_id) == {"n": [2, None, {"x": 0.5}]}
    assert [type(info.handle) for info in sessions.list("user")] == [str]
    assert sessions.delete(new_id) is None
    assert sessions.delete(new_id) is None
    assert sessions.get(new_id) is None
    sessions.create("user", {})
    assert sessions.clear("user") is None
    assert sessions.list("user") == []
    sessions.close()


def test_what_is_listed_is_no_id_and_tells_the_times(make: Make) -> None:
    sessions = make(default_ttl=100, absolute_ttl=1000.5)
    session_id = sessions.create("user", {})
    (info,) = sessions.list("user")
    assert info.handle not in session_id
    assert sessions.get(info.handle) is None
    assert info.created <= info.last_used < info.expires <= info.created + 101
    with pytest.raises(AttributeError):
        info.handle = "other"


# attack 55, attack 58: whatever a client sends for an id is no session, and none is made of it.
FORGED_IDS = [
    "",
    "x",
    "../../etc/passwd",
    "/etc/passwd",
    "*",
    "\0",
    "\ud800",
    "é" * 40,
    "A" * 16 + "." + "A" * 43,
    "A" * 16 + "." + "*" * 43,
    "A" * 10_000_000,
]


@pytest.mark.parametrize("forged", FORGED_IDS, ids=range(len(FORGED_IDS)))
def test_a_forged_id_is_no_session(make: Make, forged: str) -> None:
    sessions = make()
    assert sessions.get(forged) is None
    assert sessions.delete(forged) is None
    for call in (lambda: sessions.update(forged, {}), lambda: sessions.rework(forged)):
        with pytest.raises(JamSessionNotFound) as raised:
            call()
        assert raised.value.error_code == "sessions.not_found"
        assert not forged or forged == "x" or forged not in str(raised.value)
    assert sessions.get(forged) is None


@pytest.mark.parametrize("wrong", [None, 7, b"bytes", ["list"], {}])
def test_an_argument_of_a_wrong_type_is_a_typed_error(make: Make, wrong: Any) -> None:
    sessions = make()
    calls: list[Callable[[], Any]] = [
        lambda: sessions.create(wrong, {}),
        lambda: sessions.get(wrong),
        lambda: sessions.update(wrong, {}),
        lambda: sessions.delete(wrong),
        lambda: sessions.clear(wrong),
        lambda: sessions.rework(wrong),
        lambda: sessions.list(wrong),
        lambda: sessions.read(wrong),
        lambda: sessions.revoke(wrong, "handle"),
        lambda: sessions.revoke("user", wrong),
    ]
    if wrong is not None:
        calls += [
            lambda: sessions.update("id", {}, version=wrong),
            lambda: sessions.clear("user", keep=wrong),
        ]
    if wrong is not None and wrong != {}:
        calls.append(lambda: sessions.create("user", {}, metadata=wrong))
    for call in calls:
        with pytest.raises(JamValidationError):
            call()


@pytest.mark.parametrize("data", [None, [], "text", {"x": object()}, {1: 2}, {"x": float("nan")}, {"x": "\ud800"}])
def test_data_that_json_cannot_hold_are_a_typed_error(make: Make, data: Any) -> None:
    sessions = make()
    session_id = sessions.create("user", {"kept": True})
    with pytest.raises(JamValidationError):
        sessions.create("user", data)
    with pytest.raises(JamValidationError):
        sessions.update(session_id, data)
    assert sessions.get(session_id) == {"kept": True}
    assert len(sessions.list("user")) == 1


@pytest.mark.parametrize("metadata", [{"x": object()}, {1: 2}, {"x": float("nan")}, {"x": "\ud800"}, {"x": "y" * 4000}])
def test_metadata_that_cannot_be_kept_are_a_typed_error(make: Make, metadata: Any) -> None:
    sessions = make()
    with pytest.raises(JamValidationError):
        sessions.create("user", {}, metadata=metadata)
    assert sessions.list("user") == []


def test_what_is_read_can_be_shown_and_changed_without_harm(make: Make) -> None:
    sessions = make()
    session_id = sessions.create("user", {"secret": "hunter2"}, metadata={"address": "192.0.2.1"})
    session, (info,) = sessions.read(session_id), sessions.list("user")
    for told in (session, info):
        told.metadata["address"] = "changed"
        assert told.metadata == {"address": "192.0.2.1"}
        assert "hunter2" not in repr(told)
        assert "192.0.2.1" not in repr(told)
        assert session_id not in repr(told)
        with pytest.raises(AttributeError):
            told.handle = "other"
    session.data["role"] = "admin"
    assert sessions.get(session_id) == {"secret": "hunter2"}
    assert jam.sessions.Session(session.data, session.version, session.handle, session.created).metadata == {}


def test_a_change_may_be_a_coroutine_function(store: Store) -> None:
    async def add(data: dict[str, Any]) -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"n": data["n"] + 1}

    async def use() -> None:
        async with jam.aio.Jam({"session": store.session()}) as made:
            session_id = await made.session_create("user", {"n": 0})
            changes = [made.session_modify(session_id, add) for _ in range(20)]
            assert sorted(data["n"] for data in await asyncio.gather(*changes)) == list(range(1, 21))
            assert await made.session_get(session_id) == {"n": 20}

    asyncio.run(use())


def test_a_change_that_forgets_to_return_the_data_writes_nothing(make: Make) -> None:
    sessions = make()
    session_id = sessions.create("user", {"n": 1})
    with pytest.raises(JamValidationError, match="data must be a dict, not NoneType"):
        sessions.modify(session_id, lambda data: data.update(n=2))
    assert sessions.get(session_id) == {"n": 1}


def test_every_write_seals_with_the_newest_key(face: Face, durable_store: Store) -> None:
    module = jam.aio.sessions if face.is_async else jam.sessions

    def made(*keys: str) -> Any:
        options = durable_store.session(is_session_crypt=True, session_aes_secret=list(keys))
        return face.drive(module.create_instance(**options))

    old, both, new = made(KEY), made(OTHER_KEY, KEY), made(OTHER_KEY)
    ids = [old.create("user", {"n": n}) for n in range(3)]
    assert [new.get(session_id) for session_id in ids] == [None] * 3
    both.update(ids[0], {"n": 0})
    both.modify(ids[1], dict)
    ids[2] = both.rework(ids[2])
    assert [new.get(session_id) for session_id in ids] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert [old.get(session_id) for session_id in ids] == [None] * 3
    for each in (old, both, new):
        each.close()


# attack 60, fault 25
SESSION_KEYS = ["", "*", "a:b", "a", "\r\nDEL", "{x}", "?", "[a-z]", "\0", "é", "' OR 1=1 --", "x" * 65_536]


def test_a_session_key_is_any_text(make: Make) -> None:
    sessions = make()
    ids = {key: sessions.create(key, {"key": key}) for key in SESSION_KEYS}
    for key, session_id in ids.items():
        assert sessions.get(session_id) == {"key": key}
        assert len(sessions.list(key)) == 1
    sessions.clear("*")
    assert sessions.get(ids.pop("*")) is None
    assert all(sessions.get(session_id) for session_id in ids.values())
    for bad in ("x" * 1_000_000, "\ud800"):
        with pytest.raises(JamValidationError):
            sessions.create(bad, {})


# attack 57, attack 58
def test_files_hold_no_usable_id_and_are_private(face: Face, tmp_path: Path) -> None:
    module = jam.aio.sessions if face.is_async else jam.sessions
    for sessions in (
        face.drive(module.JSONSessions(tmp_path / "sessions.json")),
        face.drive(module.SQLiteSessions(tmp_path / "sessions.sqlite3")),
    ):
        session_id = sessions.create("user", {"n": 1})
        secret = session_id.partition(".")[2].encode()
        files = [path for path in tmp_path.iterdir() if path.is_file()]
        assert files
        for path in files:
            assert secret not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0, path.name


# attack 63, fault 26
def test_forged_data_are_no_session(face: Face, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = jam.aio.sessions if face.is_async else jam.sessions
    path = tmp_path / "sessions.sqlite3"
    options: dict[str, Any] = {"is_session_crypt": True}
    sessions = face.drive(module.SQLiteSessions(path, session_aes_secret=KEY, **options))
    first, second = (sessions.create("user", {"n": n}) for n in (1, 2))
    stranger = face.drive(module.SQLiteSessions(path, session_aes_secret=OTHER_KEY, **options))
    plain = face.drive(module.SQLiteSessions(path))
    with caplog.at_level(logging.WARNING, "jam"):
        for opened_by in (stranger, plain):
            assert opened_by.get(first) is None
    assert "does not open" in caplog.text
    assert first not in caplog.text

    planted = plain.create("user", {"admin": True})
    assert sessions.get(planted) is None, "plain data where encrypted data are configured"
    both = face.drive(module.SQLiteSessions(path, session_aes_secret=[OTHER_KEY, KEY], **options))
    assert [both.get(first), both.get(second)] == [{"n": 1}, {"n": 2}]
    plain.delete(planted)
    for each in (sessions, stranger, plain, both):
        each.close()
    give_all_rows_one_value(path)
    sessions = face.drive(module.SQLiteSessions(path, session_aes_secret=KEY, **options))
    assert [sessions.get(first), sessions.get(second)].count(None) == 1, "opened with the value of another session"


def give_all_rows_one_value(path: Path) -> None:
    # The connection itself, as a context manager, commits but does not close.
    with closing(sqlite3.connect(path)) as connection, connection as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%value%'")]
        assert tables
        for table in tables:
            database.execute(f'UPDATE "{table}" SET value = (SELECT value FROM "{table}" LIMIT 1)')


def test_a_custom_id_factory_makes_the_secret_part(make: Make) -> None:
    made = iter(f"made-by-the-user-{number}" for number in range(100))
    sessions = make(id_factory=lambda: next(made))
    session_id = sessions.create("user", {"n": 1})
    assert session_id.endswith(".made-by-the-user-0")
    assert sessions.get(sessions.rework(session_id)) == {"n": 1}


def test_what_an_id_factory_raises_comes_through(make: Make) -> None:
    def broken() -> str:
        raise LookupError("mine")

    sessions = make(id_factory=broken)
    with pytest.raises(LookupError, match="mine"):
        sessions.create("user", {})
    # It belongs to this call, and to none after it.
    assert sessions.get("unknown") is None
    with pytest.raises(JamSessionNotFound):
        sessions.rework("unknown")
    for bad in ("short", "with spaces in it all", "x" * 201, "\ud800" * 20, 7, None, b"x" * 40):
        with pytest.raises(JamValidationError) as caught:
            make(id_factory=lambda bad=bad: bad).create("user", {})
        assert "xxx" not in str(caught.value)
    with pytest.raises(JamConfigurationError, match="id_factory"):
        make(id_factory="made.by.name")


class Reversing(BaseEncoder):
    """Bytes that are no JSON."""

    @classmethod
    def dumps(cls, var: dict[str, Any]) -> bytes:
        return repr(var).encode()[::-1]

    @classmethod
    def loads(cls, var: str | bytes) -> dict[str, Any]:
        assert isinstance(var, bytes)
        return ast.literal_eval(var[::-1].decode())


@pytest.mark.parametrize("serializer", [Reversing, Reversing()])
def test_a_custom_serializer_replaces_json(make: Make, serializer: Any) -> None:
    sessions = make(serializer=serializer)
    session_id = sessions.create("user", {"a": (1, 2)})
    assert sessions.get(session_id) == {"a": (1, 2)}
    sessions.update(session_id, {1: {2}})
    assert sessions.get(session_id) == {1: {2}}


@pytest.mark.parametrize(
    "options",
    [
        {"default_ttl": 0},
        {"default_ttl": -1},
        {"default_ttl": "3600"},
        {"default_ttl": True},
        {"default_ttl": float("nan")},
        {"absolute_ttl": float("inf")},
        {"absolute_ttl": 10**400},
        {"is_session_crypt": True, "session_aes_secret": "too short"},
        {"is_session_crypt": True, "session_aes_secret": 7},
    ],
)
def test_options_that_cannot_be_used_are_errors_at_construction(make: Make, options: dict[str, Any]) -> None:
    with pytest.raises(JamConfigurationError) as raised:
        make(**options)
    assert "too short" not in str(raised.value)


@pytest.mark.parametrize("keys", [None, "", [], [""]])
def test_encryption_without_a_key_is_an_error(make: Make, keys: Any) -> None:
    with pytest.raises(JamSessionEmptyAESKey) as raised:
        make(is_session_crypt=True, session_aes_secret=keys)
    assert raised.value.error_code == "sessions.empty_aes_key"


# attack 74
def test_sessions_show_no_secret_and_are_not_pickled(make: Make) -> None:
    sessions = make(is_session_crypt=True, session_aes_secret=KEY)
    sessions.create("user", {})
    assert KEY not in repr(sessions.target)
    for refused in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            refused(sessions.target._sessions)


def test_a_closed_instance_says_so(make: Make) -> None:
    sessions = make()
    session_id = sessions.create("user", {})
    sessions.close()
    sessions.close()
    with pytest.raises(JamStoreError) as raised:
        sessions.get(session_id)
    assert raised.value.error_code == "store.closed"
