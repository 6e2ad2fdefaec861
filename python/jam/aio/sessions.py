"""Sessions on the server for asyncio: the classes of `jam.sessions`, with coroutines."""

from __future__ import annotations

import asyncio
import inspect
import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from jam import _build, _jam, _postgresql
from jam._guarded import Guarded
from jam._postgresql import POSTGRESQL_KEYS
from jam._redis import REDIS_KEYS, refuse_beside_client, split
from jam._redis_client import is_client, pause
from jam.aio._redis_client import ClientSessions
from jam.exceptions import JamConfigurationError, JamSessionConflict, JamSessionNotFound
from jam.sessions import (
    MODIFY_ATTEMPTS,
    PostgreSQLOptions,
    PostgreSQLSessionOptions,
    RedisOptions,
    RedisSessionOptions,
    Session,
    SessionInfo,
    SessionOptions,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "BaseSessionModule",
    "JSONSessions",
    "MemorySessions",
    "PostgreSQLOptions",
    "PostgreSQLSessionOptions",
    "PostgreSQLSessions",
    "RedisOptions",
    "RedisSessionOptions",
    "RedisSessions",
    "SQLiteSessions",
    "Session",
    "SessionChange",
    "SessionInfo",
    "SessionOptions",
    "create_instance",
]


SessionChange = Callable[[dict[str, Any]], "dict[str, Any] | Awaitable[dict[str, Any]]"]
"""Makes the new data of a session of its old data; it may be a coroutine function."""


class BaseSessionModule(ABC):
    """As `jam.sessions.BaseSessionModule`, with coroutines."""

    @abstractmethod
    async def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        """Makes a session of the owner `session_key`, and gives its id."""
        raise NotImplementedError

    @abstractmethod
    async def get(self, session_id: str) -> dict[str, Any] | None:
        """Gives the data of a session, or `None` where the id names no live one."""
        raise NotImplementedError

    async def read(self, session_id: str) -> Session | None:
        """Gives a session with its data, their version, its metadata and its times; `None` as for `get`."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define read(session_id)")

    @abstractmethod
    async def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        """Replaces the data of a session; with `version` only if nothing was written since `read` told that.

        Raises:
            JamSessionNotFound: The id names no live session; none is made.
            JamSessionConflict: The session has another version.
        """
        raise NotImplementedError

    async def modify(self, session_id: str, change: SessionChange) -> dict[str, Any]:
        """As `jam.sessions.BaseSessionModule.modify`; `change` may be a coroutine function.

        Raises:
            JamSessionNotFound: The id names no live session.
            JamSessionConflict: Others wrote all the time.
        """
        for attempt in range(MODIFY_ATTEMPTS):
            session = await self.read(session_id)
            if session is None:
                raise JamSessionNotFound("no live session has this id")
            changed = change(session.data)
            data = await changed if inspect.isawaitable(changed) else changed
            try:
                await self.update(session_id, data, version=session.version)
            except JamSessionConflict:
                await asyncio.sleep(pause(attempt))
            else:
                return data
        raise JamSessionConflict("others wrote to the session all the time; try again")

    @abstractmethod
    async def delete(self, session_id: str) -> None:
        """Ends a session. An unknown id is no error."""
        raise NotImplementedError

    @abstractmethod
    async def clear(self, session_key: str, *, keep: str | None = None) -> None:
        """Ends all sessions of an owner, but the one with the id `keep`."""
        raise NotImplementedError

    async def revoke(self, session_key: str, handle: str) -> bool:
        """Ends the session of an owner that `list` tells under this handle; `False` where there is none."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define revoke(session_key, handle)")

    @abstractmethod
    async def rework(self, session_id: str) -> str:
        """Gives a session a new id; the data and the deadline stay, the old id is dead.

        Raises:
            JamSessionNotFound: The id names no live session.
        """
        raise NotImplementedError

    async def list(self, session_key: str) -> Sequence[Any]:
        """Tells the live sessions of an owner, never their ids."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define list(session_key)")

    async def keep(self, name: str, data: bytes, life_time: float) -> None:
        """Keeps data beside the sessions for one later `take`: a login that waits for its callback."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define keep(name, data, life_time)")

    async def take(self, name: str) -> bytes | None:
        """Gives what was kept under a name, once: of any number of callers, one gets it and all others `None`."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define take(name)")

    async def close(self) -> None:
        """Lets go of connections and files."""


class _StoredSessions(Guarded, BaseSessionModule):
    """The verbs over what does them: Rust, or the Python steps around a client object of redis-py."""

    _sessions: _jam.AsyncSessions | ClientSessions

    async def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        return await self._sessions.create(session_key, data, metadata=metadata)

    async def get(self, session_id: str) -> dict[str, Any] | None:
        return await self._sessions.get(session_id)

    async def read(self, session_id: str) -> Session | None:
        return await self._sessions.read(session_id)

    async def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        await self._sessions.update(session_id, data, version=version)

    async def delete(self, session_id: str) -> None:
        await self._sessions.delete(session_id)

    async def clear(self, session_key: str, *, keep: str | None = None) -> None:
        await self._sessions.clear(session_key, keep=keep)

    async def revoke(self, session_key: str, handle: str) -> bool:
        return await self._sessions.revoke(session_key, handle)

    async def rework(self, session_id: str) -> str:
        return await self._sessions.rework(session_id)

    async def list(self, session_key: str) -> Sequence[SessionInfo]:
        return await self._sessions.list(session_key)

    async def keep(self, name: str, data: bytes, life_time: float) -> None:
        await self._sessions.keep(name, data, life_time)

    async def take(self, name: str) -> bytes | None:
        return await self._sessions.take(name)

    async def close(self) -> None:
        await self._sessions.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


class MemorySessions(_StoredSessions):
    """As `jam.sessions.MemorySessions`, with coroutines."""

    def __init__(self, **options: Unpack[SessionOptions]) -> None:
        self._sessions = _jam.AsyncSessions("memory", **options)


class JSONSessions(_StoredSessions):
    """As `jam.sessions.JSONSessions`, with coroutines; the file is used on threads of Jam's own."""

    def __init__(self, json_path: str | os.PathLike[str] = "jam.json", **options: Unpack[SessionOptions]) -> None:
        self._sessions = _jam.AsyncSessions("json", json_path=os.fspath(json_path), **options)


class SQLiteSessions(_StoredSessions):
    """As `jam.sessions.SQLiteSessions`, with coroutines; the file is used on threads of Jam's own."""

    def __init__(self, sqlite_path: str | os.PathLike[str] = "jam.sqlite3", **options: Unpack[SessionOptions]) -> None:
        self._sessions = _jam.AsyncSessions("sqlite", sqlite_path=os.fspath(sqlite_path), **options)


class RedisSessions(_StoredSessions):
    """As `jam.sessions.RedisSessions`, with coroutines; a client object may be one of `redis.asyncio`."""

    def __init__(
        self,
        redis_uri: Any = "redis://localhost:6379/0",
        redis_sessions_key: str = "sessions",
        **options: Unpack[RedisSessionOptions],
    ) -> None:
        redis, others = split(options)
        if is_client(redis_uri, asynchronous=True):
            refuse_beside_client(redis)
            self._sessions = ClientSessions(redis_uri, redis_sessions_key, others)
        else:
            self._sessions = _jam.AsyncSessions(
                "redis", redis_uri=redis_uri, redis_keys=redis, redis_sessions_key=redis_sessions_key, **others
            )


class PostgreSQLSessions(_StoredSessions):
    """As `jam.sessions.PostgreSQLSessions`, with coroutines."""

    def __init__(self, postgresql_uri: str, **options: Unpack[PostgreSQLSessionOptions]) -> None:
        postgresql, others = _postgresql.split({"postgresql_uri": postgresql_uri, **options})
        self._sessions = _jam.AsyncSessions("postgresql", postgresql_keys=postgresql, **others)


_BY_TYPE: dict[str, tuple[Callable[..., BaseSessionModule], tuple[str, ...]]] = {
    "memory": (MemorySessions, ()),
    "json": (JSONSessions, ("json_path",)),
    "sqlite": (SQLiteSessions, ("sqlite_path",)),
    "redis": (RedisSessions, ("redis_uri", "redis_sessions_key", *REDIS_KEYS)),
    "postgresql": (PostgreSQLSessions, POSTGRESQL_KEYS),
}


def create_instance(session_type: str = "sqlite", **options: Any) -> BaseSessionModule:
    """As `jam.sessions.create_instance`, for asyncio."""
    return _build.create_of_type(_BY_TYPE, "session_type", session_type, options)
