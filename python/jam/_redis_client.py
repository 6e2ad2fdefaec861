"""What Jam keeps in Redis, on a client object of redis-py (or fakeredis) in place of Jam's own connection.

What is stored is the same, byte for byte, so both ways can share a server. Every step is told as a generator: it
gives `Ask` and `Commit`, and gets the answers. This module runs them on a blocking client, `jam.aio._redis_client` on
one of `redis.asyncio`. There are no scripts: what must be atomic is watched, and done again if it changed meanwhile.
"""

from __future__ import annotations

import inspect
import math
import random
import struct
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import sleep
from typing import Any, TypeVar

from jam import _jam
from jam.exceptions import (
    JamConfigurationError,
    JamSessionConflict,
    JamSessionNotFound,
    JamStoreClosed,
    JamStoreRefused,
    JamStoreTimedOut,
    JamStoreUnavailable,
    JamValidationError,
)

T = TypeVar("T")
Command = Sequence[Any]
Key = tuple[str, str]

HEADER = struct.Struct("<Bdddd")
"""What a value begins with: version, creation, idle time, deadline, last use; in milliseconds, -1 for no limit."""

LAST_USE = struct.Struct("<d")

PLAIN, NOTED = 1, 2
"""The versions of a value: in the second a note follows the header, and its length comes first."""

NOTE_LENGTH = struct.Struct("<H")

START = HEADER.size + NOTE_LENGTH.size
"""So much of a value tells how much stands in front of its record."""

LIST_NAMESPACE = "jwt_list"
"""What the names of a list's keys begin with; the same as where Jam's own connection is used."""

REPLAY_GUARD_NAMESPACE = "otp_replay"
"""The same for the keys of a replay guard."""

NEVER = math.inf

ATTEMPTS = 100
"""How often an operation is done again because others write to the same owner's sessions at the same time."""

PAUSES = 0.0005, 0.05
"""Seconds: the first pause before another attempt, at most, and the longest."""

READS_BYTES = frozenset({"GET", "GETDEL", "GETRANGE", "ZRANGE"})
"""What is read as bytes even from a client that decodes everything else."""


@dataclass
class Ask:
    """Commands without a transaction. With `watch`, a later `Commit` happens only if these keys did not change."""

    commands: Sequence[Command]
    watch: Sequence[str] = ()


@dataclass
class Commit:
    """Commands in one transaction."""

    commands: Sequence[Command]


Operation = Generator[Ask | Commit, list[Any], T]


@dataclass
class Stored:
    """A value as it lies in Redis: its times and its bytes."""

    created: float
    idle: float
    deadline: float
    last_used: float
    note: bytes = b""
    record: bytes = b""

    @classmethod
    def parse(cls, value: bytes | None) -> Stored | None:
        if not value:
            return None
        end = front_size(value)
        if end > len(value):
            raise JamStoreRefused("a key in Redis holds what Jam did not write")
        _, created, idle, deadline, last_used = HEADER.unpack_from(value)
        note = value[START:end]
        return cls(created, idle, deadline, last_used, note, value[end:])

    def expires(self) -> float:
        by_idling = self.last_used + self.idle if self.idle >= 0 else NEVER
        return min(by_idling, self.deadline if self.deadline >= 0 else NEVER)

    def touch_is_due(self, now: float) -> bool:
        """Whether a use now is worth a write."""
        return _jam.SessionCodec.touch_is_due(self.idle, self.last_used, now)

    def to_bytes(self) -> bytes:
        note = NOTE_LENGTH.pack(len(self.note)) + self.note if self.note else b""
        version = NOTED if self.note else PLAIN
        return HEADER.pack(version, self.created, self.idle, self.deadline, self.last_used) + note + self.record


def front_size(value: bytes) -> int:
    """How much stands in front of the record of a value, which may be cut short after the length of its note."""
    if len(value) < HEADER.size or value[0] not in (PLAIN, NOTED):
        raise JamStoreRefused("a key in Redis holds what Jam did not write")
    if value[0] == PLAIN:
        return HEADER.size
    return START + int.from_bytes(value[HEADER.size : START], "little")


def new_value(record: bytes, idle: int | None, rest: int | None, now: float, note: bytes = b"") -> Stored:
    """A value that is made now: it lives `idle` ms after each use, and `rest` ms from now at most."""
    return Stored(now, -1 if idle is None else idle, -1 if rest is None else now + rest, now, note, record)


def set_value(name: str, stored: Stored) -> list[Command]:
    expires = stored.expires()
    lifetime = () if expires == NEVER else ("PXAT", int(expires))
    return [("SET", name, stored.to_bytes(), *lifetime)]


def enlist(index: str, key_id: str, expires: float, now: float, last: list[Any]) -> list[Command]:
    """Puts an id into its owner's index, which lives as long as its longest-living member.

    Args:
        index: The name of the index.
        key_id: The id.
        expires: When the value expires.
        now: The server's time.
        last: The index's last member with its score, as `ZRANGE` gives it.
    """
    longest = max([expires, *(float(pair[1]) for pair in pairs(last))])
    return [
        ("ZREMRANGEBYSCORE", index, "-inf", f"({int(now)}"),
        ("ZADD", index, "+inf" if expires == NEVER else int(expires), key_id),
        ("PERSIST", index) if longest == NEVER else ("PEXPIREAT", index, int(longest)),
    ]


def last_of(index: str) -> Command:
    return ("ZRANGE", index, -1, -1, "WITHSCORES")


def pairs(answer: list[Any]) -> list[Any]:
    """Members with scores: clients give them flat or in pairs, by the version of their protocol."""
    if answer and not isinstance(answer[0], (list, tuple)):
        return list(zip(answer[::2], answer[1::2], strict=True))
    return answer


def milliseconds(answer: Any) -> float:
    """The answer to `TIME`."""
    return int(answer[0]) * 1000 + int(answer[1]) // 1000


def text(value: bytes | str) -> str:
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        raise JamStoreRefused("a key in Redis holds what Jam did not write") from None


def check_namespace(namespace: str, path: str) -> str:
    if not 1 <= len(namespace) <= 128 or not all(" " <= character <= "~" for character in namespace):
        raise JamConfigurationError("must be 1 to 128 printable ASCII characters").at(path)
    if "{" in namespace or "}" in namespace:
        raise JamConfigurationError("must not have braces").at(path)
    return namespace


class SessionSteps:
    """The verbs of sessions as generators. `options` are those of `_jam.SessionCodec`."""

    def __init__(self, namespace: str, options: dict[str, Any]) -> None:
        self._namespace = check_namespace(namespace, "session.redis_sessions_key")
        self._codec = _jam.SessionCodec(**options)

    def _index(self, group: str) -> str:
        return f"{self._namespace}:{{{group}}}:"

    def _names(self, key: Key) -> tuple[str, str]:
        """The names of a value and of its index."""
        index = self._index(key[0])
        return index + key[1], index

    def _located(self, session_id: str) -> Key:
        key = self._codec.locate(session_id)
        if key is None:
            raise JamSessionNotFound("no live session has this id")
        return key

    def create(self, session_key: str, data: dict[str, Any], metadata: dict[str, Any] | None) -> Operation[str]:
        session_id, key = self._codec.new_id(self._codec.group(session_key))
        record, note = self._codec.seal(key, data), self._codec.seal_metadata(key, metadata)
        name, index = self._names(key)
        time, exists, last = yield Ask([("TIME",), ("EXISTS", name), last_of(index)], watch=(name, index))
        if exists:
            raise JamValidationError("the id factory made an id that is in use; it must never make one twice")
        now = milliseconds(time)
        stored = new_value(record, self._codec.idle, self._codec.absolute, now, note)
        yield Commit([*set_value(name, stored), *enlist(index, key[1], stored.expires(), now, last)])
        return session_id

    def get(self, session_id: str) -> Operation[dict[str, Any] | None]:
        key = self._codec.locate(session_id)
        stored = None if key is None else (yield from self._find(key, touches=self._codec.idle is not None))
        return None if key is None or stored is None else self._codec.open(key, stored.record)

    def read(self, session_id: str) -> Operation[_jam.Session | None]:
        key = self._codec.locate(session_id)
        stored = None if key is None else (yield from self._find(key, touches=True))
        if key is None or stored is None:
            return None
        data, version = self._codec.open(key, stored.record), self._codec.version(stored.record)
        if data is None or version is None:
            return None
        metadata = self._codec.open_metadata(key, stored.note)
        return _jam.Session(data, version, key[1], stored.created / 1000, seconds(stored.expires()), metadata)

    def _find(self, key: Key, *, touches: bool) -> Operation[Stored | None]:
        name, index = self._names(key)
        value, time = yield Ask([("GET", name), ("TIME",)])
        stored = Stored.parse(value)
        if stored is not None and touches and stored.touch_is_due(milliseconds(time)):
            stored = yield from self._touch(name, index, key[1])
        return stored

    def _touch(self, name: str, index: str, key_id: str) -> Operation[Stored | None]:
        value, time, last = yield Ask([("GET", name), ("TIME",), last_of(index)], watch=(name, index))
        stored = Stored.parse(value)
        if stored is not None:
            stored.last_used = milliseconds(time)
            commands: list[Command] = [("SETRANGE", name, HEADER.size - LAST_USE.size, LAST_USE.pack(stored.last_used))]
            expires = stored.expires()
            if expires != NEVER:
                commands.append(("PEXPIREAT", name, int(expires)))
            yield Commit([*commands, *enlist(index, key_id, expires, stored.last_used, last)])
        return stored

    def update(self, session_id: str, data: dict[str, Any], version: str | None) -> Operation[None]:
        key = self._located(session_id)
        record = self._codec.seal(key, data)
        expected = b"" if version is None else self._codec.expected(version)
        name, index = self._names(key)
        value, time, last = yield Ask([("GET", name), ("TIME",), last_of(index)], watch=(name, index))
        stored = Stored.parse(value)
        if stored is None:
            raise JamSessionNotFound("no live session has this id")
        if not stored.record.startswith(expected):
            raise JamSessionConflict(
                "the session was changed meanwhile; read it again and repeat what was to be changed"
            )
        stored.record, stored.last_used = record, milliseconds(time)
        commands = enlist(index, key[1], stored.expires(), stored.last_used, last)
        yield Commit([*set_value(name, stored), *commands])

    def delete(self, session_id: str) -> Operation[None]:
        key = self._codec.locate(session_id)
        if key is not None:
            name, index = self._names(key)
            yield Commit([("DEL", name), ("ZREM", index, key[1])])

    def clear(self, session_key: str, keep: str | None) -> Operation[None]:
        group = self._codec.group(session_key)
        kept = self._codec.locate(keep) if keep is not None else None
        kept_id = kept[1] if kept is not None and kept[0] == group else None
        index = self._index(group)
        (ids,) = yield Ask([("ZRANGE", index, 0, -1)], watch=(index,))
        ended = [key_id for key_id in map(text, ids) if key_id != kept_id]
        if kept_id is None:
            yield Commit([("DEL", index, *(index + key_id for key_id in ended))])
        elif ended:
            yield Commit([("DEL", *(index + key_id for key_id in ended)), ("ZREM", index, *ended)])

    def revoke(self, session_key: str, handle: str) -> Operation[bool]:
        key = self._codec.locate_handle(session_key, handle)
        if key is None:
            return False
        name, index = self._names(key)
        deleted, _ = yield Commit([("DEL", name), ("ZREM", index, key[1])])
        return bool(deleted)

    def rework(self, session_id: str) -> Operation[str]:
        old = self._located(session_id)
        new_id, new = self._codec.new_id(old[0])
        (old_name, index), (new_name, _) = self._names(old), self._names(new)
        commands = [("GET", old_name), ("EXISTS", new_name), ("TIME",), last_of(index)]
        value, exists, time, last = yield Ask(commands, watch=(old_name, new_name, index))
        stored = Stored.parse(value)
        if stored is None:
            raise JamSessionNotFound("no live session has this id")
        if exists:
            raise JamValidationError("the id factory made an id that is in use; it must never make one twice")
        stored.record, stored.note = self._codec.reseal(old, new, stored.record, stored.note)
        stored.last_used = milliseconds(time)
        moved = [("DEL", old_name), ("ZREM", index, old[1])]
        listed = enlist(index, new[1], stored.expires(), stored.last_used, last)
        yield Commit([*set_value(new_name, stored), *moved, *listed])
        return new_id

    def list(self, session_key: str) -> Operation[Sequence[_jam.SessionInfo]]:
        group = self._codec.group(session_key)
        index = self._index(group)
        (ids,) = yield Ask([("ZRANGE", index, 0, -1)])
        handles = [text(key_id) for key_id in ids]
        starts = yield Ask([("GETRANGE", index + handle, 0, START - 1) for handle in handles])
        fronts = {handle: start for handle, start in zip(handles, starts, strict=True) if start}
        noted = [handle for handle, start in fronts.items() if start[0] == NOTED]
        if noted:
            whole = yield Ask([("GETRANGE", index + handle, 0, front_size(fronts[handle]) - 1) for handle in noted])
            fronts.update(zip(noted, whole, strict=True))
        live = [(Stored.parse(front), handle) for handle, front in fronts.items()]
        oldest_first = sorted((stored.created, handle, stored) for stored, handle in live if stored is not None)
        return [self._info((group, handle), stored) for _, handle, stored in oldest_first]

    def _info(self, key: Key, stored: Stored) -> _jam.SessionInfo:
        created, last_used, expires = stored.created / 1000, stored.last_used / 1000, seconds(stored.expires())
        return _jam.SessionInfo(key[1], created, last_used, expires, self._codec.open_metadata(key, stored.note))

    def _kept(self, name: str) -> str:
        return f"{self._namespace}:{{{self._codec.kept_id(name)}}}"

    def keep(self, name: str, data: bytes, life_time: float) -> Operation[None]:
        (time,) = yield Ask([("TIME",)])
        stored = new_value(data, None, int(life_time * 1000), milliseconds(time))
        (command,) = set_value(self._kept(name), stored)
        (done,) = yield Ask([(*command, "NX")])
        if not done:
            raise JamValidationError("something is kept under this name; a name must never be used twice")

    def take(self, name: str) -> Operation[bytes | None]:
        (value,) = yield Ask([("GETDEL", self._kept(name))])
        stored = Stored.parse(value)
        return None if stored is None else stored.record


def seconds(expires: float) -> float | None:
    return None if expires == NEVER else expires / 1000


class ListSteps:
    """The verbs of a list as generators. `options` are those of `_jam.TokenListCodec`."""

    def __init__(self, kind: str, namespace: str, options: dict[str, Any]) -> None:
        self._namespace = check_namespace(namespace, "jwt.list.redis_list_key")
        self._codec = _jam.TokenListCodec(kind, **options)

    def _index(self, group: str) -> str:
        return f"{self._namespace}:{{{group}}}:"

    def _name(self, key: tuple[str | None, str]) -> str:
        group, key_id = key
        return f"{self._namespace}:{{{key_id}}}" if group is None else self._index(group) + key_id

    def add_many(self, tokens: Iterable[str]) -> Operation[None]:
        entries = [entry for entry in map(self._codec.entry, tokens) if entry is not None]
        yield from self._put(entries)

    def revoke_sessions(self, sub: str, sids: Iterable[str], life_time: float | None) -> Operation[None]:
        yield from self._put(self._codec.session_entries(sub, sids, life_time))

    def _put(self, entries: Sequence[tuple[tuple[str | None, str], bytes, int | None]]) -> Operation[None]:
        if not entries:
            return
        groups = sorted({group for (group, _), _, _ in entries if group is not None})
        indexes = [self._index(group) for group in groups]
        time, *lasts = yield Ask([("TIME",), *map(last_of, indexes)], watch=indexes)
        now, last_by_index = milliseconds(time), dict(zip(indexes, lasts, strict=True))
        values = [(key, new_value(record, None, rest, now)) for key, record, rest in entries]
        commands: list[Command] = []
        # The one that lives longest comes last, and so decides how long its index lives.
        for key, stored in sorted(values, key=lambda value: value[1].expires()):
            commands += set_value(self._name(key), stored)
            if key[0] is not None:
                index = self._index(key[0])
                commands += enlist(index, key[1], stored.expires(), now, last_by_index[index])
        yield Commit(commands)

    def check(self, token: str) -> Operation[bool]:
        values = yield Ask([("GET", self._name(key)) for key in self._codec.lookup(token)])
        found = [Stored.parse(value) for value in values]
        return self._codec.names(token, [None if stored is None else stored.record for stored in found])

    def delete(self, token: str) -> Operation[None]:
        key = self._codec.key(token)
        commands: list[Command] = [("DEL", self._name(key))]
        if key[0] is not None:
            commands.append(("ZREM", self._index(key[0]), key[1]))
        yield Commit(commands)

    def revoke_subject(self, sub: str, issued_before: float | None) -> Operation[None]:
        key, _ = self._codec.cut_off(sub, issued_before, None)
        name, index = self._name(key), self._index(key[0])
        value, time, last = yield Ask([("GET", name), ("TIME",), last_of(index)], watch=(name, index))
        there = Stored.parse(value)
        _, entry = self._codec.cut_off(sub, issued_before, None if there is None else there.record)
        if entry is not None:
            _, record, idle = entry
            now = milliseconds(time)
            stored = new_value(record, idle, None, now)
            yield Commit([*set_value(name, stored), *enlist(index, key[1], stored.expires(), now, last)])


class ReplayGuardSteps:
    """The verb of a replay guard as a generator."""

    def accept(self, key: str, keep: int) -> Operation[bool]:
        key_id, rest = _jam.replay_guard_entry(key, keep)
        (time,) = yield Ask([("TIME",)])
        stored = new_value(b"1", None, rest, milliseconds(time))
        (command,) = set_value(f"{REPLAY_GUARD_NAMESPACE}:{{{key_id}}}", stored)
        (done,) = yield Ask([(*command, "NX")])
        return bool(done)


@contextmanager
def store_errors() -> Generator[None, None, None]:
    """The client's errors as those of a store. Their own words may quote keys, so they are not passed on."""
    from redis import exceptions

    try:
        yield
    except exceptions.TimeoutError as error:
        reason = "the Redis server did not answer in time; the operation may or may not have happened"
        raise JamStoreTimedOut(reason) from error
    except getattr(exceptions, "MaxConnectionsError", ()) as error:  # redis-py 4.6 has no such class
        raise JamStoreUnavailable("the Redis client's pool is used up; give it a larger max_connections") from error
    except exceptions.ConnectionError as error:
        raise JamStoreUnavailable("the Redis server cannot be reached, or broke off") from error
    except exceptions.RedisError as error:
        raise JamStoreRefused(f"the Redis server refused ({type(error).__name__})") from error


def is_client(value: Any, *, asynchronous: bool) -> bool:
    """Whether a `redis_uri` is a client object, not an address; and refuses a client of the other kind."""
    if value is None or isinstance(value, (str, bytes, list, tuple)):
        return False
    execute = getattr(value, "execute_command", None)
    if execute is None or isinstance(value, type):
        given = f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
        reason = f"must be an address, a list of them, or a client object of redis-py, not {given}"
        raise JamConfigurationError(reason).at("redis_uri")
    if inspect.iscoroutinefunction(execute) is not asynchronous:
        wanted = "redis.asyncio.Redis" if asynchronous else "redis.Redis"
        raise JamConfigurationError(f"this client object cannot be used here; give a {wanted}").at("redis_uri")
    return True


def still_changing() -> JamStoreRefused:
    return JamStoreRefused("others wrote to the same owner's sessions all the time; try again")


def pause(attempt: int) -> float:
    """How many seconds to wait before another attempt. By chance, since those who met once would meet again."""
    shortest, longest = PAUSES
    return random.uniform(0, min(shortest * 2**attempt, longest))  # noqa: S311


def closed() -> JamStoreClosed:
    return JamStoreClosed("the store is closed")


def options_of(command: Command) -> dict[str, Any]:
    """redis-py's own way to read one answer as bytes."""
    return {"NEVER_DECODE": True} if command[0] in READS_BYTES else {}


class Driver:
    """Runs operations on a blocking client. The client stays the caller's: it is not closed here."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_closed = False

    def run(self, start: Callable[[], Operation[T]]) -> T:
        from redis.exceptions import WatchError

        if self._is_closed:
            raise closed()
        with store_errors():
            for attempt in range(ATTEMPTS):
                with suppress(WatchError):
                    return self._run_once(start())
                sleep(pause(attempt))
        raise still_changing()

    def _run_once(self, operation: Operation[T]) -> T:
        with self._client.pipeline() as watching:
            try:
                step = next(operation)
                while True:
                    step = operation.send(self._answer(step, watching))
            except StopIteration as finished:
                return finished.value

    def _answer(self, step: Ask | Commit, watching: Any) -> list[Any]:
        if isinstance(step, Commit):
            watching.multi()
            for command in step.commands:
                watching.execute_command(*command)
            return watching.execute()
        if step.watch:
            watching.watch(*step.watch)
            return [watching.execute_command(*command, **options_of(command)) for command in step.commands]
        with self._client.pipeline(transaction=False) as plain:
            for command in step.commands:
                plain.execute_command(*command, **options_of(command))
            return plain.execute()

    def close(self) -> None:
        self._is_closed = True


class ClientSessions:
    """What `_jam.Sessions` does, on a client object."""

    def __init__(self, client: Any, namespace: str, options: dict[str, Any]) -> None:
        self._steps = SessionSteps(namespace, options)
        self._driver = Driver(client)

    def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        return self._driver.run(lambda: self._steps.create(session_key, data, metadata))

    def get(self, session_id: str) -> dict[str, Any] | None:
        return self._driver.run(lambda: self._steps.get(session_id))

    def read(self, session_id: str) -> _jam.Session | None:
        return self._driver.run(lambda: self._steps.read(session_id))

    def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        self._driver.run(lambda: self._steps.update(session_id, data, version))

    def delete(self, session_id: str) -> None:
        self._driver.run(lambda: self._steps.delete(session_id))

    def clear(self, session_key: str, *, keep: str | None = None) -> None:
        self._driver.run(lambda: self._steps.clear(session_key, keep))

    def revoke(self, session_key: str, handle: str) -> bool:
        return self._driver.run(lambda: self._steps.revoke(session_key, handle))

    def rework(self, session_id: str) -> str:
        return self._driver.run(lambda: self._steps.rework(session_id))

    def list(self, session_key: str) -> Sequence[_jam.SessionInfo]:
        return self._driver.run(lambda: self._steps.list(session_key))

    def keep(self, name: str, data: bytes, life_time: float) -> None:
        self._driver.run(lambda: self._steps.keep(name, data, life_time))

    def take(self, name: str) -> bytes | None:
        return self._driver.run(lambda: self._steps.take(name))

    def close(self) -> None:
        self._driver.close()


class ClientList:
    """What `_jam.TokenList` does, on a client object."""

    def __init__(self, client: Any, kind: str, namespace: str, options: dict[str, Any]) -> None:
        self._steps = ListSteps(kind, namespace, options)
        self._driver = Driver(client)

    def add(self, token: str) -> None:
        self.add_many([token])

    def add_many(self, tokens: Sequence[str]) -> None:
        self._driver.run(lambda: self._steps.add_many(tokens))

    def revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        self._driver.run(lambda: self._steps.revoke_subject(sub, issued_before))

    def revoke_sessions(self, sub: str, sids: Sequence[str], life_time: float | None = None) -> None:
        self._driver.run(lambda: self._steps.revoke_sessions(sub, sids, life_time))

    def check(self, token: str) -> bool:
        return self._driver.run(lambda: self._steps.check(token))

    def delete(self, token: str) -> None:
        self._driver.run(lambda: self._steps.delete(token))

    def close(self) -> None:
        self._driver.close()


class ClientReplayGuard:
    """What `_jam.ReplayGuard` does, on a client object."""

    def __init__(self, client: Any) -> None:
        self._steps = ReplayGuardSteps()
        self._driver = Driver(client)

    def accept(self, key: str, keep: int) -> bool:
        return self._driver.run(lambda: self._steps.accept(key, keep))

    def close(self) -> None:
        self._driver.close()
