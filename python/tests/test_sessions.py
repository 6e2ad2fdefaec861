"""Sessions from Python, on every store and through both facades."""

from __future__ import annotations

import re
import stat
import time
from pathlib import Path
from typing import Any

import jam.aio.sessions
import jam.sessions
import pytest
from conftest import EVERYWHERE, Store, store_fixture, stores_fixture
from faces import Face
from jam.exceptions import JamError, JamSessionEmptyAESKey, JamSessionNotFound
from jam.utils import generate_aes_key

DATA: dict[str, Any] = {
    "user_id": 1,
    "text": 'ünïcode "quoted" \\ \n 😀 \x00',
    "nested": {"list": [1, 2.5, -3, True, None, [], {}], "": "empty name"},
    "large": 2**63 - 1,
    "negative": -(2**63),
}

store = store_fixture(EVERYWHERE)
durable_store = store_fixture(EVERYWHERE[1:])
stores = stores_fixture(EVERYWHERE)


def made(face: Face, store: Store, **more: Any) -> Any:
    return face.jam({"session": store.session(**more)})


# The verbs


def test_what_is_put_in_comes_out(face: Face, store: Store) -> None:
    sessions = made(face, store)
    session_id = sessions.session_create("user", DATA)
    assert sessions.session_get(session_id) == DATA
    assert sessions.session_get(session_id) == DATA


@pytest.mark.parametrize("data", [{}, {"": ""}, {"a": "x" * 100_000}, {str(n): n for n in range(2_000)}])
def test_data_of_any_size_is_kept(face: Face, store: Store, data: dict[str, Any]) -> None:
    sessions = made(face, store)
    session_id = sessions.session_create("user", data)
    assert sessions.session_get(session_id) == data
    sessions.session_update(session_id, {})
    assert sessions.session_get(session_id) == {}
    sessions.session_update(session_id, data)
    assert sessions.session_get(session_id) == data


def test_update_replaces_and_never_creates(face: Face, store: Store) -> None:
    sessions = made(face, store)
    session_id = sessions.session_create("user", {"a": 1, "b": 2})
    sessions.session_update(session_id, {"c": 3})
    assert sessions.session_get(session_id) == {"c": 3}
    sessions.session_delete(session_id)
    with pytest.raises(JamSessionNotFound) as raised:
        sessions.session_update(session_id, {"d": 4})
    assert raised.value.error_code == "sessions.not_found"
    assert session_id not in str(raised.value)
    assert sessions.session_get(session_id) is None


def test_delete_ends_one_session_and_knows_no_error(face: Face, store: Store) -> None:
    sessions = made(face, store)
    first, second = (sessions.session_create("user", {"n": n}) for n in range(2))
    sessions.session_delete(first)
    sessions.session_delete(first)
    assert sessions.session_get(first) is None
    assert sessions.session_get(second) == {"n": 1}


def test_clear_ends_the_sessions_of_one_owner(face: Face, store: Store) -> None:
    sessions = made(face, store)
    own = [sessions.session_create("alice", {}) for _ in range(5)]
    others = [sessions.session_create(name, {}) for name in ("bob", "alic", "alice2", "alice:1", "*")]
    sessions.session_clear("alice")
    assert [sessions.session_get(session_id) for session_id in own] == [None] * 5
    assert [sessions.session_get(session_id) for session_id in others] == [{}] * 5
    sessions.session_clear("nobody")
    sessions.session_clear("*")
    assert [sessions.session_get(session_id) for session_id in others] == [{}] * 4 + [None]


def test_rework_gives_a_new_id_for_the_same_session(face: Face, store: Store) -> None:
    sessions = made(face, store)
    old = sessions.session_create("user", DATA)
    new = sessions.session_rework(old)
    assert new != old
    assert sessions.session_get(old) is None
    assert sessions.session_get(new) == DATA
    with pytest.raises(JamSessionNotFound):
        sessions.session_rework(old)
    sessions.session_clear("user")
    assert sessions.session_get(new) is None, "the new id belongs to the same owner"


def test_rework_keeps_the_deadline(face: Face, stores: list[Store]) -> None:
    kept = [made(face, store, default_ttl=None, absolute_ttl=2) for store in stores]
    ids = [sessions.session_create("user", {}) for sessions in kept]
    time.sleep(1.2)
    ids = [sessions.session_rework(session_id) for sessions, session_id in zip(kept, ids, strict=True)]
    assert each_get(kept, ids) == [{}] * len(stores)
    time.sleep(1.2)
    assert each_get(kept, ids) == [None] * len(stores)


def each_get(kept: list[Any], ids: list[str]) -> list[dict[str, Any] | None]:
    return [sessions.session_get(session_id) for sessions, session_id in zip(kept, ids, strict=True)]


def test_list_tells_what_is_live_without_ids(face: Face, store: Store) -> None:
    sessions = made(face, store, default_ttl=60)
    ids = [sessions.session_create("alice", {"n": n}) for n in range(3)]
    sessions.session_create("bob", {})
    sessions.session_delete(ids.pop())
    told = sessions.session_list("alice")
    assert len(told) == 2
    assert len({session.handle for session in told}) == 2
    for session in told:
        assert session.created
        assert session.expires
        assert all(session_id not in repr(session) for session_id in ids)
        assert sessions.session_get(session.handle) is None
    assert list(sessions.session_list("nobody")) == []


# Time


def test_a_session_ends_when_it_is_not_used(face: Face, stores: list[Store]) -> None:
    kept = [made(face, store, default_ttl=1.5) for store in stores]
    ids = [sessions.session_create("user", {"a": 1}) for sessions in kept]
    for _ in range(3):
        time.sleep(0.6)
        assert each_get(kept, ids) == [{"a": 1}] * len(stores), "each use starts the time anew"
    time.sleep(1.7)
    assert each_get(kept, ids) == [None] * len(stores)
    for sessions, session_id in zip(kept, ids, strict=True):
        with pytest.raises(JamSessionNotFound):
            sessions.session_update(session_id, {})
        with pytest.raises(JamSessionNotFound):
            sessions.session_rework(session_id)
        assert list(sessions.session_list("user")) == []


def test_a_session_ends_at_its_absolute_deadline_however_used(face: Face, stores: list[Store]) -> None:
    kept = [made(face, store, default_ttl=60, absolute_ttl=1) for store in stores]
    ids = [sessions.session_create("user", {"a": 1}) for sessions in kept]
    deadline = time.monotonic() + 1.3
    while time.monotonic() < deadline:
        each_get(kept, ids)
        time.sleep(0.1)
    assert each_get(kept, ids) == [None] * len(stores)


def test_the_default_lifetime_is_an_hour(face: Face, redis_server: Any) -> None:
    sessions = face.jam({"session": {"session_type": "redis", "redis_uri": redis_server.uri}})
    sessions.session_create("user", {})
    names = re.findall(rb"\$\d+\r\n(\S+)", redis_server.command("KEYS", "*"))
    lifetimes = [int(redis_server.command("TTL", name.decode())[1:]) for name in names]
    assert lifetimes
    assert all(3_500 < lifetime <= 3_600 for lifetime in lifetimes)


def test_none_means_no_end(face: Face, redis_server: Any) -> None:
    section = {"session_type": "redis", "redis_uri": redis_server.uri, "default_ttl": None}
    sessions = face.jam({"session": section})
    session_id = sessions.session_create("user", {"a": 1})
    names = re.findall(rb"\$\d+\r\n(\S+)", redis_server.command("KEYS", "*"))
    assert {int(redis_server.command("TTL", name.decode())[1:]) for name in names} == {-1}
    assert sessions.session_get(session_id) == {"a": 1}


# Where they are kept


def test_sessions_survive_a_restart(face: Face, durable_store: Store) -> None:
    session_id = made(face, durable_store).session_create("user", DATA)
    assert made(face, durable_store).session_get(session_id) == DATA


def test_the_faces_share_their_sessions(durable_store: Store) -> None:
    blocking, awaited = Face("blocking"), Face("asyncio")
    first, second = made(blocking, durable_store), made(awaited, durable_store)
    session_id = first.session_create("user", {"a": 1})
    assert second.session_get(session_id) == {"a": 1}
    session_id = second.session_rework(session_id)
    assert first.session_get(session_id) == {"a": 1}
    first.session_clear("user")
    assert second.session_get(session_id) is None
    blocking.close()
    awaited.close()


def test_sessions_and_lists_may_share_a_store(face: Face, durable_store: Store) -> None:
    config = {"jwt": {"alg": "HS256", "secret": "s" * 32, "list": durable_store.list("white")}}
    both = face.jam({**config, "session": durable_store.session()})
    token = both.jwt_create_token(both.jwt_make_payload(exp=60))
    session_id = both.session_create("user", {"a": 1})
    both.session_clear("user")
    assert both.jwt_verify_token(token)
    assert both.session_get(session_id) is None


def test_without_a_type_sessions_are_kept_in_sqlite(
    face: Face, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sessions = face.jam({"session": {}})
    assert sessions.session_get(sessions.session_create("user", {"a": 1})) == {"a": 1}
    assert type(sessions.session).__name__ == "SQLiteSessions"
    assert (tmp_path / "jam.sqlite3").exists()


@pytest.mark.parametrize("name", ["json", "sqlite"])
def test_files_are_for_their_owner_only(face: Face, name: str, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    sessions = face.jam({"session": {"session_type": name, f"{name}_path": str(path)}})
    sessions.session_create("user", {})
    files = list(tmp_path.iterdir())
    assert path in files
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name


def test_redis_keys_begin_with_the_configured_text(face: Face, redis_server: Any) -> None:
    section = {"session_type": "redis", "redis_uri": redis_server.uri}
    first = face.jam({"session": {**section, "redis_sessions_key": "first"}})
    second = face.jam({"session": {**section, "session_path": "second"}})
    session_id = first.session_create("user", {})
    names = re.findall(rb"\$\d+\r\n(\S+)", redis_server.command("KEYS", "*"))
    assert names
    assert all(name.startswith(b"first") for name in names)
    assert second.session_get(session_id) is None
    second.session_clear("user")
    assert first.session_get(session_id) == {}


# Encryption at rest


def test_encrypted_data_are_not_readable_at_rest(face: Face, tmp_path: Path) -> None:
    key = generate_aes_key()
    section = {"session_type": "json", "json_path": str(tmp_path / "jam.json")}
    sealed = face.jam({"session": {**section, "is_session_crypt": True, "session_aes_secret": key}})
    session_id = sealed.session_create("user", {"word": "xylophone"})
    assert sealed.session_get(session_id) == {"word": "xylophone"}
    assert b"xylophone" not in (tmp_path / "jam.json").read_bytes()
    plain = face.jam({"session": section})
    assert plain.session_get(session_id) is None, "what is sealed does not open without the key"


def test_keys_are_changed_by_putting_a_new_one_in_front(face: Face, durable_store: Store) -> None:
    old, new = generate_aes_key(), generate_aes_key()
    options = {"is_session_crypt": True}
    first = made(face, durable_store, session_aes_secret=old, **options)
    session_id = first.session_create("user", {"a": 1})
    both = made(face, durable_store, session_aes_secret=[new, old], **options)
    assert both.session_get(session_id) == {"a": 1}
    both.session_update(session_id, {"a": 2})
    assert made(face, durable_store, session_aes_secret=new, **options).session_get(session_id) == {"a": 2}
    assert made(face, durable_store, session_aes_secret=old, **options).session_get(session_id) is None


@pytest.mark.parametrize("key", ["short", "", b"", b"x" * 31, "é" * 32, "A" * 42, []])
def test_a_key_that_is_none_is_refused(face: Face, key: Any) -> None:
    with pytest.raises(JamError):
        face.jam({"session": {"session_type": "memory", "is_session_crypt": True, "session_aes_secret": key}})


def test_encryption_without_a_key_is_refused_by_the_modules() -> None:
    for module in (jam.sessions, jam.aio.sessions):
        with pytest.raises(JamSessionEmptyAESKey):
            module.MemorySessions(is_session_crypt=True)


# Ids


def test_ids_are_long_opaque_and_differ(face: Face, store: Store) -> None:
    sessions = made(face, store)
    ids = {sessions.session_create("user", {}) for _ in range(50)}
    assert len(ids) == 50
    for session_id in ids:
        assert re.fullmatch(r"[A-Za-z0-9_.-]{43,}", session_id)
        assert "user" not in session_id


def test_an_id_factory_of_the_users_own_is_used(face: Face, store: Store) -> None:
    numbers = iter(range(1_000))
    sessions = made(face, store, id_factory=lambda: f"own-{next(numbers):040}")
    session_id = sessions.session_create("user", {"a": 1})
    assert "own-" + "0" * 40 in session_id
    assert sessions.session_get(session_id) == {"a": 1}
    assert sessions.session_get(sessions.session_rework(session_id)) == {"a": 1}


@pytest.mark.parametrize("answer", ["", None, 5, "short", "a b" * 20, "é" * 43, "x" * 10_000, "../" * 20])
def test_an_id_factory_that_gives_no_id_is_refused(face: Face, answer: Any) -> None:
    sessions = face.jam({"session": {"session_type": "memory", "id_factory": lambda: answer}})
    with pytest.raises((JamError, TypeError)):
        sessions.session_create("user", {})


def test_an_error_in_an_id_factory_is_seen(face: Face) -> None:
    def broken() -> str:
        raise LookupError("no more ids")

    sessions = face.jam({"session": {"session_type": "memory", "id_factory": broken}})
    with pytest.raises((JamError, LookupError)):
        sessions.session_create("user", {})


# A client object of redis-py


def clients(face: Face, uri: str) -> list[Any]:
    import fakeredis
    import redis
    import redis.asyncio

    if face.is_async:
        return [redis.asyncio.Redis.from_url(uri), fakeredis.FakeAsyncRedis()]
    return [redis.Redis.from_url(uri), fakeredis.FakeRedis()]


@pytest.mark.parametrize("number", [0, 1], ids=["redis-py", "fakeredis"])
def test_a_client_object_of_redis_py_is_driven(face: Face, number: int, redis_server: Any) -> None:
    client = clients(face, redis_server.uri)[number]
    sessions = face.jam({"session": {"session_type": "redis", "redis_uri": client, "default_ttl": 60}})
    session_id = sessions.session_create("alice", DATA)
    assert sessions.session_get(session_id) == DATA
    sessions.session_update(session_id, {"a": 1})
    new = sessions.session_rework(session_id)
    assert sessions.session_get(session_id) is None
    assert sessions.session_get(new) == {"a": 1}
    assert len(sessions.session_list("alice")) == 1
    with pytest.raises(JamSessionNotFound):
        sessions.session_update(session_id, {})
    sessions.session_delete(new)
    assert sessions.session_get(new) is None
    session_id = sessions.session_create("alice", {})
    sessions.session_clear("alice")
    assert sessions.session_get(session_id) is None
    face.drive(client).aclose() if face.is_async else client.close()


def test_a_client_object_and_a_url_share_their_sessions(face: Face, redis_server: Any) -> None:
    client = clients(face, redis_server.uri)[0]
    driven = face.jam({"session": {"session_type": "redis", "redis_uri": client}})
    native = face.jam({"session": {"session_type": "redis", "redis_uri": redis_server.uri}})
    session_id = driven.session_create("user", {"a": 1})
    assert native.session_get(session_id) == {"a": 1}
    session_id = native.session_rework(session_id)
    assert driven.session_get(session_id) == {"a": 1}
    face.drive(client).aclose() if face.is_async else client.close()


# The modules used directly


def test_the_modules_work_without_a_facade(face: Face, tmp_path: Path, redis_server: Any) -> None:
    module = jam.aio.sessions if face.is_async else jam.sessions
    for sessions in (
        module.MemorySessions(),
        module.JSONSessions(tmp_path / "jam.json"),
        module.SQLiteSessions(str(tmp_path / "jam.sqlite3"), default_ttl=None),
        module.RedisSessions(redis_uri=redis_server.uri),
        module.create_instance("memory"),
    ):
        driven = face.drive(sessions)
        session_id = driven.create("user", {"a": 1})
        assert driven.get(session_id) == {"a": 1}
        driven.update(session_id, {"a": 2})
        session_id = driven.rework(session_id)
        assert [type(info.handle) for info in driven.list("user")] == [str]
        driven.delete(session_id)
        driven.clear("user")
        assert driven.get(session_id) is None
        driven.close()
        assert isinstance(sessions, module.BaseSessionModule)


@pytest.mark.parametrize(
    "options",
    [
        {"default_ttl": 0},
        {"default_ttl": -1},
        {"default_ttl": float("nan")},
        {"default_ttl": float("inf")},
        {"absolute_ttl": 0},
        {"default_ttl": 1e300},
        {"default_ttl": "1"},
        {"unknown": 1},
    ],
)
def test_the_modules_check_their_arguments(options: dict[str, Any]) -> None:
    for module in (jam.sessions, jam.aio.sessions):
        with pytest.raises((JamError, TypeError)):
            module.MemorySessions(**options)
