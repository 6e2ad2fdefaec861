"""The promises of a session module, for tests of one of your own.

```python
from jam.testing import SessionModuleContract


class TestMySessions(SessionModuleContract):
    def make(self):
        return MySessions()
```

pytest finds the methods that begin with `test_`. They use nothing of it: a promise that is not kept is an
`AssertionError` that says which, and one that a module need not make is a `unittest.SkipTest`.
"""

from __future__ import annotations

import asyncio
import inspect
import time
import unittest
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from jam.exceptions import JamError, JamSessionConflict, JamSessionNotFound
from jam.sessions import BaseSessionModule

__all__ = ["SessionModuleContract"]

UNKNOWN_IDS = ("", "x", "../../etc/passwd", "*", "\0", "é" * 40, "A" * 16 + "." + "A" * 43, "A" * 100_000)
SESSION_KEYS = ("", "*", "a:b", "a", "\r\nDEL", "{x}", "?", "[a-z]", "\0", "é", "' OR 1=1 --", "x" * 1_000)
DATA: Sequence[dict[str, Any]] = (
    {},
    {"user_id": 1},
    {"text": "é \0 \r\n \U0001f40d", "": None, "number": -0.5, "list": [1, [True, {}]], "large": "x" * 100_000},
)
METADATA = {"address": "192.0.2.1", "user_agent": "Mozilla/5.0 (é)", "trusted": True}


def promise(kept: bool, sentence: str) -> None:
    """Fails with the sentence that was not kept."""
    if not kept:
        raise AssertionError(f"broken promise: {sentence}")


def raises(expected: type[BaseException], call: Callable[[], Any]) -> bool:
    try:
        call()
    except expected:
        return True
    return False


def offers(module: Any, method: str, keyword: str | None = None) -> bool:
    """Whether a module has a method, and takes the keyword there."""
    found: Any = getattr(module, method, None)
    if found is None or keyword is None:
        return not getattr(found, "__qualname__", BaseSessionModule.__name__).startswith(BaseSessionModule.__name__)
    parameters: Mapping[str, Any] = inspect.signature(found).parameters
    return keyword in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


class Driven:
    """A module whose coroutines are run to their end when they are called."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self._loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.module, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

        return call

    def together(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Makes calls at the same time: the names of methods and their arguments.

        Returns:
            What they gave, or the error of Jam that they raised.
        """

        def called(call: tuple[Any, ...]) -> Any:
            try:
                return getattr(self.module, call[0])(*call[1:])
            except JamError as error:
                return error

        async def awaited(call: tuple[Any, ...]) -> Any:
            try:
                return await getattr(self.module, call[0])(*call[1:])
            except JamError as error:
                return error

        async def all_awaited() -> list[Any]:
            return await asyncio.gather(*map(awaited, calls))

        if inspect.iscoroutinefunction(self.module.get):
            return self._loop.run_until_complete(all_awaited())
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(called, calls))

    def finish(self) -> None:
        self.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


class SessionModuleContract(ABC):
    """What every session module promises, blocking or with coroutines: a test class to derive from.

    What a module may leave out is tested where it is there: `read`, `revoke` and `list`, and the keywords `version`,
    `metadata` and `keep`.
    """

    @abstractmethod
    def make(self) -> Any:
        """Makes a module that holds no sessions. It is closed after each test."""
        raise NotImplementedError

    def make_short_lived(self) -> tuple[Any, float]:
        """Makes a module whose sessions end when they were not used for so many seconds; and gives those, too."""
        raise unittest.SkipTest("make_short_lived() is not defined, so expiry is not tested")

    @contextmanager
    def _sessions(self, module: Any = None) -> Generator[Driven]:
        sessions = Driven(self.make() if module is None else module)
        try:
            yield sessions
        finally:
            sessions.finish()

    @contextmanager
    def _sessions_with(self, method: str, keyword: str | None = None) -> Generator[Driven]:
        """The same, for tests of what a module may lack."""
        with self._sessions() as sessions:
            if not offers(sessions.module, method, keyword):
                raise unittest.SkipTest(f"the module has no {keyword or method}")
            yield sessions

    def test_data_are_kept_as_they_are(self) -> None:
        with self._sessions() as sessions:
            for data in DATA:
                session_id = sessions.create("user", data)
                promise(isinstance(session_id, str) and bool(session_id), "create gives an id that is a str")
                promise(sessions.get(session_id) == data, "get gives the data that create was given")
                promise(sessions.update(session_id, {"new": data}) is None, "update gives nothing")
                promise(sessions.get(session_id) == {"new": data}, "get gives the data that update was given")

    def test_data_are_nobodys_but_the_sessions(self) -> None:
        with self._sessions() as sessions:
            given: dict[str, Any] = {"roles": ["user"]}
            session_id = sessions.create("user", given)
            given["roles"].append("admin")
            promise(
                sessions.get(session_id) == {"roles": ["user"]}, "a dict that is changed after create changes nothing"
            )
            sessions.get(session_id)["roles"].append("admin")
            promise(sessions.get(session_id) == {"roles": ["user"]}, "a dict that get gave can be changed without harm")

    def test_ids_cannot_be_guessed(self) -> None:
        with self._sessions() as sessions:
            ids = [sessions.create("user", {}) for _ in range(200)]
            promise(len(set(ids)) == len(ids), "no two sessions have the same id")
            promise(min(map(len, ids)) >= 22, "an id has room for 128 bits")
            promise(len({session_id[-16:] for session_id in ids}) == len(ids), "ids do not differ in a counter alone")

    def test_what_is_no_id_is_no_session(self) -> None:
        with self._sessions() as sessions:
            for unknown in UNKNOWN_IDS:
                promise(sessions.get(unknown) is None, "get gives None for what is no session's id")
                promise(sessions.delete(unknown) is None, "delete of an unknown id is no error")
                for error in sessions.together([("update", unknown, DATA[1]), ("rework", unknown)]):
                    promise(isinstance(error, JamSessionNotFound), "update and rework of it raise JamSessionNotFound")
                promise(sessions.get(unknown) is None, "no session is made under an id that a client sent")

    def test_what_was_ended_stays_so(self) -> None:
        with self._sessions() as sessions:
            session_id, other = sessions.create("user", {}), sessions.create("user", {"n": 1})
            sessions.delete(session_id)
            promise(sessions.get(session_id) is None, "a deleted session is gone")
            promise(
                raises(JamSessionNotFound, lambda: sessions.update(session_id, {})), "update brings no session back"
            )
            promise(raises(JamSessionNotFound, lambda: sessions.rework(session_id)), "rework brings no session back")
            promise(sessions.get(session_id) is None, "a deleted session is gone for ever")
            promise(sessions.get(other) == {"n": 1}, "delete ends one session only")

    def test_clear_ends_the_sessions_of_one_owner(self) -> None:
        with self._sessions() as sessions:
            ids = {key: [sessions.create(key, {"key": key}) for _ in range(2)] for key in SESSION_KEYS}
            for key in SESSION_KEYS:
                promise(all(sessions.get(one) == {"key": key} for one in ids[key]), "a session key is any text")
                promise(sessions.clear(key) is None, "clear gives nothing")
                promise(not any(sessions.get(one) for one in ids.pop(key)), "clear ends all sessions of the owner")
                kept = (sessions.get(one) for others in ids.values() for one in others)
                promise(all(kept), "clear ends no session of others")
            promise(sessions.clear("nobody") is None, "clear of an owner without sessions is no error")

    def test_rework_gives_a_new_id(self) -> None:
        with self._sessions() as sessions:
            old = sessions.create("user", {"n": 1})
            new = sessions.rework(old)
            promise(new != old and sessions.get(new) == {"n": 1}, "rework gives a new id for the same data")
            promise(sessions.get(old) is None, "the old id is dead after a rework")
            promise(raises(JamSessionNotFound, lambda: sessions.update(old, {})), "the old id writes nothing")
            sessions.clear("user")
            promise(sessions.get(new) is None, "a session keeps its owner over a rework")

    def test_of_many_reworks_one_wins(self) -> None:
        with self._sessions() as sessions:
            old = sessions.create("user", {"n": 1})
            made = sessions.together([("rework", old)] * 8)
            won = [one for one in made if isinstance(one, str)]
            promise(len(won) == 1, "of many reworks of one id at the same time exactly one succeeds")
            promise(
                sum(isinstance(one, JamSessionNotFound) for one in made) == 7, "the others raise JamSessionNotFound"
            )
            promise(sessions.get(won[0]) == {"n": 1}, "the session of the one that succeeded lives")

    def test_many_at_the_same_time_lose_nothing(self) -> None:
        with self._sessions() as sessions:
            ids = sessions.together([("create", f"user {n % 3}", {"n": n}) for n in range(32)])
            data = sessions.together([("get", session_id) for session_id in ids])
            promise(data == [{"n": n} for n in range(32)], "sessions that are made at the same time are all there")

    def test_an_unused_session_ends(self) -> None:
        module, seconds = self.make_short_lived()
        with self._sessions(module) as sessions:
            session_id = sessions.create("user", {})
            promise(sessions.get(session_id) == {}, "a session lives at first")
            time.sleep(seconds + 0.5)
            promise(sessions.get(session_id) is None, "a session that was not used for so long is gone")
            promise(
                raises(JamSessionNotFound, lambda: sessions.update(session_id, {})), "update does not bring it back"
            )

    def test_list_tells_what_lives(self) -> None:
        with self._sessions_with("list") as sessions:
            promise(list(sessions.list("user")) == [], "an owner without sessions has an empty list")
            ids = [sessions.create("user", {}) for _ in range(3)]
            sessions.create("other", {})
            handles = [info.handle for info in sessions.list("user")]
            promise(len(set(handles)) == 3, "list tells each live session of the owner once")
            promise(not any(sessions.get(handle) for handle in handles), "what list tells is no id that could be used")
            sessions.delete(ids[0])
            promise(len(sessions.list("user")) == 2, "list tells no session that was ended")

    def test_metadata_are_told(self) -> None:
        with self._sessions_with("create", "metadata") as sessions:
            session_id = sessions.create("user", {"n": 1}, metadata=METADATA)
            promise(sessions.read(session_id).metadata == METADATA, "read tells the metadata that create was given")
            sessions.update(session_id, {"n": 2})
            session_id = sessions.rework(session_id)
            promise(sessions.read(session_id).metadata == METADATA, "metadata outlive update and rework")
            promise(sessions.get(session_id) == {"n": 2}, "metadata are no part of the data")
            if offers(sessions.module, "list"):
                told = [info.metadata for info in sessions.list("user")]
                promise(told == [METADATA], "list tells the metadata that create was given")
            without = sessions.create("user", {})
            promise(sessions.read(without).metadata == {}, "a session without metadata has an empty dict")

    def test_read_tells_a_version_that_changes_with_the_data(self) -> None:
        with self._sessions_with("read") as sessions:
            session_id = sessions.create("user", {"n": 1})
            first, again = sessions.read(session_id), sessions.read(session_id)
            promise(first.data == {"n": 1}, "read gives the data")
            promise(first.version == again.version, "reading does not change the version")
            sessions.update(session_id, {"n": 1})
            promise(sessions.read(session_id).version != first.version, "every write changes the version")
            promise(all(sessions.read(unknown) is None for unknown in UNKNOWN_IDS), "read gives None for an unknown id")

    def test_a_stale_write_is_refused(self) -> None:
        with self._sessions_with("update", "version") as sessions:
            session_id = sessions.create("user", {"n": 1})
            version = sessions.read(session_id).version
            sessions.update(session_id, {"n": 2}, version=version)
            promise(sessions.get(session_id) == {"n": 2}, "update with the version that was read writes")
            for stale in (version, "", "x", "\0", version + "x", version[:-1], "é" * 100):
                refused = raises(JamSessionConflict, lambda stale=stale: sessions.update(session_id, {}, version=stale))
                promise(refused, "update with another version raises JamSessionConflict")
            promise(sessions.get(session_id) == {"n": 2}, "a refused update writes nothing")
            sessions.delete(session_id)
            gone = raises(JamSessionNotFound, lambda: sessions.update(session_id, {}, version=version))
            promise(gone, "update with a version of an ended session raises JamSessionNotFound")

    def test_modify_loses_no_change(self) -> None:
        def count(data: dict[str, Any]) -> dict[str, Any]:
            return {"n": data["n"] + 1}

        with self._sessions_with("update", "version") as sessions:
            session_id = sessions.create("user", {"n": 0})
            promise(sessions.modify(session_id, count) == {"n": 1}, "modify gives the new data")
            done = sessions.together([("modify", session_id, count)] * 16)
            promise(sorted(each["n"] for each in done) == list(range(2, 18)), "each change is made on the latest data")
            promise(sessions.get(session_id) == {"n": 17}, "no change that was made at the same time is lost")

    def test_a_modify_that_fails_writes_nothing(self) -> None:
        def fail(data: dict[str, Any]) -> dict[str, Any]:
            data["n"] = 2
            raise LookupError

        with self._sessions_with("update", "version") as sessions:
            session_id = sessions.create("user", {"n": 1})
            promise(
                raises(LookupError, lambda: sessions.modify(session_id, fail)), "what the change raises comes through"
            )
            promise(sessions.get(session_id) == {"n": 1}, "a change that raises writes nothing")
            unknown = raises(JamSessionNotFound, lambda: sessions.modify("unknown", dict))
            promise(unknown, "modify of an unknown id raises JamSessionNotFound")

    def test_clear_keeps_the_session_it_is_told_to_keep(self) -> None:
        with self._sessions_with("clear", "keep") as sessions:
            here, there = sessions.create("user", {"n": 1}), sessions.create("user", {"n": 2})
            other = sessions.create("other", {"n": 3})
            sessions.clear("user", keep=here)
            promise(sessions.get(here) == {"n": 1}, "the session to keep lives")
            promise(sessions.get(there) is None, "all others of the owner are ended")
            sessions.clear("user", keep=other)
            promise(sessions.get(here) is None, "a session of somebody else keeps none of the owner's")
            promise(sessions.get(other) == {"n": 3}, "and is not ended")
            for unknown in UNKNOWN_IDS:
                one = sessions.create("user", {})
                sessions.clear("user", keep=unknown)
                promise(sessions.get(one) is None, "an unknown id keeps none")

    def test_revoke_ends_one_session_by_its_handle(self) -> None:
        with self._sessions_with("revoke") as sessions:
            first, second = sessions.create("user", {"n": 1}), sessions.create("user", {"n": 2})
            handle = sessions.read(first).handle
            if offers(sessions.module, "list"):
                listed = [info.handle for info in sessions.list("user")]
                promise(handle in listed, "read and list tell the same handle")
            promise(sessions.revoke("other", handle) is False, "nobody ends a session of somebody else")
            promise(sessions.revoke("user", first) is False, "an id is no handle")
            promise(
                not any(sessions.revoke("user", unknown) for unknown in UNKNOWN_IDS), "an unknown handle ends nothing"
            )
            promise(sessions.revoke("user", handle) is True, "revoke of a live session gives True")
            promise(sessions.get(first) is None, "a revoked session is gone")
            promise(sessions.get(second) == {"n": 2}, "revoke ends one session only")
            promise(sessions.revoke("user", handle) is False, "revoke of an ended session gives False")
