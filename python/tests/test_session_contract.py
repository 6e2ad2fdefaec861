"""The public contract of session modules, on everything that Jam keeps sessions in, and on modules that break it."""

from __future__ import annotations

import itertools
import unittest
from collections.abc import Callable
from typing import Any

import fakeredis
import jam.aio.sessions
import jam.sessions
import pytest
from conftest import EVERYWHERE, make_store
from jam.exceptions import JamSessionConflict, JamSessionNotFound
from jam.sessions import BaseSessionModule, MemorySessions, Session
from jam.testing import SessionModuleContract

KEY = "A" * 43
OPTIONS: dict[str, dict[str, Any]] = {"plain": {}, "encrypted": {"is_session_crypt": True, "session_aes_secret": KEY}}
PLACES = (*EVERYWHERE, "fakeredis client")
FACES: dict[str, Any] = {"blocking": jam.sessions, "asyncio": jam.aio.sessions}

Make = Callable[..., Any]


def maker(place: str, module: Any, request: pytest.FixtureRequest) -> Make:
    """What makes sessions of one of the two faces at a place."""
    is_async = module is jam.aio.sessions
    if place == "fakeredis client":
        server = fakeredis.FakeServer()
        fake = fakeredis.FakeAsyncRedis if is_async else fakeredis.FakeRedis
        return lambda **options: module.RedisSessions(fake(server=server), **options)
    store = make_store(place, request)
    return lambda **options: module.create_instance(**store.session(**options))


class TestEverywhere(SessionModuleContract):
    """A row for each place, face and kind of record."""

    @pytest.fixture(autouse=True, params=itertools.product(PLACES, FACES, OPTIONS), ids=" ".join)
    def place(self, request: pytest.FixtureRequest) -> None:
        place, face, options = request.param
        self._make, self._options = maker(place, FACES[face], request), OPTIONS[options]

    def make(self) -> Any:
        return self._make(**self._options)

    def make_short_lived(self) -> tuple[Any, float]:
        return self._make(**self._options, default_ttl=1), 1


class KeepsPromises(BaseSessionModule):
    """A whole module of a user's own, for one thread at a time."""

    def __init__(self) -> None:
        self._inner = MemorySessions()

    def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        return self._inner.create(session_key, data, metadata=metadata)

    def get(self, session_id: str) -> dict[str, Any] | None:
        return self._inner.get(session_id)

    def read(self, session_id: str) -> Session | None:
        return self._inner.read(session_id)

    def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        self._inner.update(session_id, data, version=version)

    def delete(self, session_id: str) -> None:
        self._inner.delete(session_id)

    def clear(self, session_key: str, *, keep: str | None = None) -> None:
        self._inner.clear(session_key, keep=keep)

    def revoke(self, session_key: str, handle: str) -> bool:
        return self._inner.revoke(session_key, handle)

    def rework(self, session_id: str) -> str:
        return self._inner.rework(session_id)


class TestAModuleOfTheUsersOwn(SessionModuleContract):
    def make(self) -> Any:
        return KeepsPromises()


class RecreatesSessions(KeepsPromises):
    def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        try:
            super().update(session_id, data, version=version)
        except JamSessionNotFound:
            self.create("user", data)


class ForgetsVersions(KeepsPromises):
    def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        super().update(session_id, data)


class ClearsEverything(KeepsPromises):
    def clear(self, session_key: str, *, keep: str | None = None) -> None:
        super().clear(session_key)


class KeepsTheOldId(KeepsPromises):
    def rework(self, session_id: str) -> str:
        if self.get(session_id) is None:
            raise JamSessionNotFound("no live session has this id")
        return session_id


def broken_promises(module: type[BaseSessionModule]) -> list[str]:
    class Contract(SessionModuleContract):
        def make(self) -> Any:
            return module()

    broken: list[str] = []
    for name in dir(Contract):
        if name.startswith("test_"):
            try:
                getattr(Contract(), name)()
            except unittest.SkipTest:
                continue
            except AssertionError as error:
                broken.append(str(error))
    return broken


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (RecreatesSessions, "JamSessionNotFound"),
        (ForgetsVersions, "update with another version raises JamSessionConflict"),
        (ClearsEverything, "the session to keep lives"),
        (KeepsTheOldId, "rework gives a new id"),
    ],
)
def test_a_broken_promise_is_told_in_a_sentence(module: type[BaseSessionModule], sentence: str) -> None:
    broken = broken_promises(module)
    assert all(each.startswith("broken promise: ") for each in broken)
    assert any(sentence in each for each in broken), broken


def test_a_module_without_what_it_may_lack_keeps_its_promises() -> None:
    class Old(KeepsPromises):
        read = BaseSessionModule.read
        revoke = BaseSessionModule.revoke

        def create(self, session_key: str, data: dict[str, Any]) -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
            return super().create(session_key, data)

        def update(self, session_id: str, data: dict[str, Any]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().update(session_id, data)

        def clear(self, session_key: str) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            super().clear(session_key)

    assert broken_promises(Old) == []


def test_modify_gives_up_when_others_write_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jam.sessions.pause", lambda attempt: 0)
    sessions = KeepsPromises()
    session_id, calls = sessions.create("user", {}), itertools.count(1)

    def change(data: dict[str, Any]) -> dict[str, Any]:
        sessions.update(session_id, {"by": "another", "call": next(calls)})
        return {"by": "me"}

    with pytest.raises(JamSessionConflict):
        sessions.modify(session_id, change)
    assert sessions.get(session_id) == {"by": "another", "call": 64}
