"""Sessions on the server, blocking. `jam.aio.sessions` has the same for asyncio."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from jam import _build, _jam, _postgresql
from jam._guarded import Guarded
from jam._jam import Session, SessionInfo
from jam._postgresql import POSTGRESQL_KEYS, PostgreSQLOptions
from jam._redis import REDIS_KEYS, RedisOptions, refuse_beside_client, split
from jam._redis_client import ClientSessions, is_client, pause
from jam.encoders import BaseEncoder
from jam.exceptions import JamConfigurationError, JamSessionConflict, JamSessionNotFound

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

if TYPE_CHECKING:
    from typing_extensions import Unpack

SessionChange = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the new data of a session of its old data."""

MODIFY_ATTEMPTS = 64
"""How often `modify` begins anew when others write to the same session at the same time."""


class BaseSessionModule(ABC):
    """A store of sessions of the user's own, named by `custom_module` in the section `session`.

    The keys of the section are given to the class as keywords. `read`, `revoke` and `list` may be left out, and so may
    the keywords `metadata`, `version` and `keep`: whoever asks for them is told so. `modify` works where there are
    `read` and `version`. `jam.testing.SessionModuleContract` tests a class.
    """

    @abstractmethod
    def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        """Makes a session.

        Args:
            session_key: The owner; any text.
            data: What to keep: a dict that JSON can hold.
            metadata: What `list` and `read` tell of it, such as the address and the browser that it was opened from: at
                most 3072 bytes as JSON.

        Returns:
            The new session's id.
        """
        raise NotImplementedError

    @abstractmethod
    def get(self, session_id: str) -> dict[str, Any] | None:
        """Gives the data of a session, or `None` where the id names no live one."""
        raise NotImplementedError

    def read(self, session_id: str) -> Session | None:
        """Gives a session with its data, their version, its metadata and its times; `None` as for `get`."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define read(session_id)")

    @abstractmethod
    def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        """Replaces the data of a session.

        Args:
            session_id: The session's id.
            data: The new data.
            version: As `read` told it: then only if nothing was written since.

        Raises:
            JamSessionNotFound: The id names no live session; none is made.
            JamSessionConflict: The session has another version.
        """
        raise NotImplementedError

    def modify(self, session_id: str, change: SessionChange) -> dict[str, Any]:
        """Replaces the data of a session by what `change` makes of them, and gives that.

        When others write meanwhile, it is done again with the new data, up to 64 times; so `change` should do nothing
        but compute. What it raises comes through, and nothing is written.

        Raises:
            JamSessionNotFound: The id names no live session.
            JamSessionConflict: Others wrote all the time.
        """
        for attempt in range(MODIFY_ATTEMPTS):
            session = self.read(session_id)
            if session is None:
                raise JamSessionNotFound("no live session has this id")
            data = change(session.data)
            try:
                self.update(session_id, data, version=session.version)
            except JamSessionConflict:
                time.sleep(pause(attempt))
            else:
                return data
        raise JamSessionConflict("others wrote to the session all the time; try again")

    @abstractmethod
    def delete(self, session_id: str) -> None:
        """Ends a session. An unknown id is no error."""
        raise NotImplementedError

    @abstractmethod
    def clear(self, session_key: str, *, keep: str | None = None) -> None:
        """Ends all sessions of an owner, but the one with the id `keep`."""
        raise NotImplementedError

    def revoke(self, session_key: str, handle: str) -> bool:
        """Ends the session of an owner that `list` tells under this handle; `False` where there is none."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define revoke(session_key, handle)")

    @abstractmethod
    def rework(self, session_id: str) -> str:
        """Gives a session a new id; the data and the deadline stay, the old id is dead.

        Raises:
            JamSessionNotFound: The id names no live session.
        """
        raise NotImplementedError

    def list(self, session_key: str) -> Sequence[Any]:
        """Tells the live sessions of an owner, never their ids."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define list(session_key)")

    def keep(self, name: str, data: bytes, life_time: float) -> None:
        """Keeps data beside the sessions for one later `take`: a login that waits for its callback.

        Args:
            name: What `take` will name them by: a secret that is never used twice.
            data: What to keep.
            life_time: Seconds after which they are gone.
        """
        raise JamConfigurationError(f"session: {type(self).__name__} does not define keep(name, data, life_time)")

    def take(self, name: str) -> bytes | None:
        """Gives what was kept under a name, once: of any number of callers, one gets it and all others `None`."""
        raise JamConfigurationError(f"session: {type(self).__name__} does not define take(name)")

    def close(self) -> None:
        """Lets go of connections and files."""


class SessionOptions(TypedDict, total=False):
    """What all session stores of Jam take as keywords.

    Attributes:
        default_ttl: Seconds a session lives after its last use (3600); `None` for no such limit.
        absolute_ttl: Seconds a session lives at the most, however much it is used (`None`).
        is_session_crypt: Whether the data are encrypted where they are kept (`False`).
        session_aes_secret: The key for that, as `jam.utils.generate_aes_key` makes it; or several, the newest
            first: it encrypts, all of them decrypt.
        id_factory: Makes the secret part of a new id, in place of 256 bits from the operating system.
        serializer: What turns data into bytes; JSON if left out.
    """

    default_ttl: float | None
    absolute_ttl: float | None
    is_session_crypt: bool
    session_aes_secret: str | bytes | Sequence[str | bytes] | None
    id_factory: Callable[[], str] | None
    serializer: type[BaseEncoder] | BaseEncoder | None


class RedisSessionOptions(SessionOptions, RedisOptions, total=False):
    """What `RedisSessions` takes as keywords."""


class PostgreSQLSessionOptions(SessionOptions, PostgreSQLOptions, total=False):
    """What `PostgreSQLSessions` takes as keywords."""


class _StoredSessions(Guarded, BaseSessionModule):
    """The verbs over what does them: Rust, or the Python steps around a client object of redis-py."""

    _sessions: _jam.Sessions | ClientSessions

    def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        return self._sessions.create(session_key, data, metadata=metadata)

    def get(self, session_id: str) -> dict[str, Any] | None:
        return self._sessions.get(session_id)

    def read(self, session_id: str) -> Session | None:
        return self._sessions.read(session_id)

    def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        self._sessions.update(session_id, data, version=version)

    def delete(self, session_id: str) -> None:
        self._sessions.delete(session_id)

    def clear(self, session_key: str, *, keep: str | None = None) -> None:
        self._sessions.clear(session_key, keep=keep)

    def revoke(self, session_key: str, handle: str) -> bool:
        return self._sessions.revoke(session_key, handle)

    def rework(self, session_id: str) -> str:
        return self._sessions.rework(session_id)

    def list(self, session_key: str) -> Sequence[SessionInfo]:
        return self._sessions.list(session_key)

    def keep(self, name: str, data: bytes, life_time: float) -> None:
        self._sessions.keep(name, data, life_time)

    def take(self, name: str) -> bytes | None:
        return self._sessions.take(name)

    def close(self) -> None:
        self._sessions.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


class MemorySessions(_StoredSessions):
    """Sessions in this process; they end with it.

    Args:
        **options: See `SessionOptions`.
    """

    def __init__(self, **options: Unpack[SessionOptions]) -> None:
        self._sessions = _jam.Sessions("memory", **options)


class JSONSessions(_StoredSessions):
    """Sessions in one readable JSON file, safe between threads and processes; for development.

    Args:
        json_path: The file; it is made with mode 0600 if it is not there.
        **options: See `SessionOptions`.
    """

    def __init__(self, json_path: str | os.PathLike[str] = "jam.json", **options: Unpack[SessionOptions]) -> None:
        self._sessions = _jam.Sessions("json", json_path=os.fspath(json_path), **options)


class SQLiteSessions(_StoredSessions):
    """Sessions in an SQLite database: for one machine with any number of worker processes.

    Args:
        sqlite_path: The file; it is made with mode 0600 if it is not there.
        **options: See `SessionOptions`.
    """

    def __init__(self, sqlite_path: str | os.PathLike[str] = "jam.sqlite3", **options: Unpack[SessionOptions]) -> None:
        self._sessions = _jam.Sessions("sqlite", sqlite_path=os.fspath(sqlite_path), **options)


class RedisSessions(_StoredSessions):
    """Sessions on Redis (6.2 or later) or Valkey: one server, one with sentinels, or a cluster; for several machines.

    Args:
        redis_uri: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, `redis+unix://` for a socket;
            a list of them for a cluster or for sentinels; or a client object of redis-py or fakeredis, which is driven
            from Python and several times slower. It is not closed with the sessions.
        redis_sessions_key: What the names of all keys in Redis begin with.
        **options: See `SessionOptions` and `RedisOptions`.
    """

    def __init__(
        self,
        redis_uri: Any = "redis://localhost:6379/0",
        redis_sessions_key: str = "sessions",
        **options: Unpack[RedisSessionOptions],
    ) -> None:
        redis, others = split(options)
        if is_client(redis_uri, asynchronous=False):
            refuse_beside_client(redis)
            self._sessions = ClientSessions(redis_uri, redis_sessions_key, others)
        else:
            self._sessions = _jam.Sessions(
                "redis", redis_uri=redis_uri, redis_keys=redis, redis_sessions_key=redis_sessions_key, **others
            )


class PostgreSQLSessions(_StoredSessions):
    """Sessions in a table of a PostgreSQL database, version 12 or later: for several machines that have one already.

    Args:
        postgresql_uri: `postgresql://[user[:password]@]host[:port][/database]`. To another machine, it is TLS with a
            certificate that is checked, unless `?sslmode=disable` follows.
        **options: See `SessionOptions` and `PostgreSQLOptions`.
    """

    def __init__(self, postgresql_uri: str, **options: Unpack[PostgreSQLSessionOptions]) -> None:
        postgresql, others = _postgresql.split({"postgresql_uri": postgresql_uri, **options})
        self._sessions = _jam.Sessions("postgresql", postgresql_keys=postgresql, **others)


_BY_TYPE: dict[str, tuple[Callable[..., BaseSessionModule], tuple[str, ...]]] = {
    "memory": (MemorySessions, ()),
    "json": (JSONSessions, ("json_path",)),
    "sqlite": (SQLiteSessions, ("sqlite_path",)),
    "redis": (RedisSessions, ("redis_uri", "redis_sessions_key", *REDIS_KEYS)),
    "postgresql": (PostgreSQLSessions, POSTGRESQL_KEYS),
}


def create_instance(session_type: str = "sqlite", **options: Any) -> BaseSessionModule:
    """Makes the session store that a section `session` asks for.

    Args:
        session_type: `memory`, `json`, `sqlite`, `redis`, `postgresql`, or `custom` together with `custom_module`.
        **options: The further keys of the section; those of other types are ignored.
    """
    return _build.create_of_type(_BY_TYPE, "session_type", session_type, options)
