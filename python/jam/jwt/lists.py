"""White and black lists of tokens, blocking. `jam.aio.lists` has the same for asyncio."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from jam import _build, _jam
from jam._guarded import Guarded
from jam._postgresql import POSTGRESQL_KEYS, PostgreSQLOptions
from jam._redis import REDIS_KEYS, RedisOptions, refuse_beside_client
from jam._redis_client import LIST_NAMESPACE, ClientList, is_client
from jam.exceptions import JamConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["BaseJWTList", "JSONList", "MemoryList", "PostgreSQLList", "RedisList", "SQLiteList", "create_instance"]

ListType = Literal["white", "black"]


class BaseJWTList(ABC):
    """A list of tokens of the user's own, named by `custom_module` in the section `jwt.list`.

    The keys of the section are given to the class as keywords.

    Args:
        type: `white`: only tokens on the list are good. `black`: tokens on the list are no longer good.
    """

    def __init__(self, type: ListType) -> None:
        self.type = type

    @abstractmethod
    def add(self, token: str) -> None:
        """Puts a token on the list."""
        raise NotImplementedError

    @abstractmethod
    def check(self, token: str) -> bool:
        """Whether the token is on the list."""
        raise NotImplementedError

    @abstractmethod
    def delete(self, token: str) -> None:
        """Takes a token off the list. It is no error if it was not there."""
        raise NotImplementedError

    def add_many(self, tokens: Iterable[str]) -> None:
        """Puts several tokens on the list."""
        for token in tokens:
            self.add(token)

    def revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        """Refuses every token of a subject that was issued up to a moment. A list may be without it.

        Args:
            sub: The claim `sub` of the tokens.
            issued_before: Seconds since 1970, compared with `iat`; now if left out.
        """
        raise JamConfigurationError(
            f"jwt.list: {type(self).__name__} does not define revoke_subject(sub, issued_before)"
        )

    def revoke_sessions(self, sub: str, sids: Iterable[str], life_time: float | None = None) -> None:
        """Refuses every token of a subject that names one of these sessions. A list may be without it.

        Args:
            sub: The claim `sub` of the tokens.
            sids: What they may have as their claim `sid`.
            life_time: Seconds that such a token lives at most, and so for how long they are refused.
        """
        raise JamConfigurationError(f"jwt.list: {type(self).__name__} does not define revoke_sessions(sub, sids)")

    def close(self) -> None:
        """Lets go of connections and files."""


class _StoredList(Guarded, BaseJWTList):
    """The verbs over what does them in Rust."""

    _list: _jam.TokenList | ClientList

    def add(self, token: str) -> None:
        self._list.add(token)

    def check(self, token: str) -> bool:
        return self._list.check(token)

    def delete(self, token: str) -> None:
        self._list.delete(token)

    def add_many(self, tokens: Iterable[str]) -> None:
        self._list.add_many(list(tokens))

    def revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        self._list.revoke_subject(sub, issued_before)

    def revoke_sessions(self, sub: str, sids: Iterable[str], life_time: float | None = None) -> None:
        self._list.revoke_sessions(sub, list(sids), life_time)

    def close(self) -> None:
        self._list.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} type={self.type!r}>"


class MemoryList(_StoredList):
    """A list in this process; it ends with it.

    An entry is keyed by the token's `jti`, else by a hash of the token, and is kept no longer than the token
    lives. The token is not verified here.

    Args:
        type: `white` or `black`.
        in_list_life_time: Seconds that a token without `exp` stays listed; on a white list, any token at the most.
        token_life_time: Seconds that any token lives at the most: for so long it is remembered that the tokens of a
            subject were revoked; if left out, without end.
        leeway: Seconds after `exp` for which tokens are still accepted, and so kept.
    """

    def __init__(
        self,
        type: ListType,
        *,
        in_list_life_time: float | None = None,
        token_life_time: float | None = None,
        leeway: float = 0,
    ) -> None:
        super().__init__(type)
        self._list = _jam.TokenList(
            "memory", type, in_list_life_time=in_list_life_time, token_life_time=token_life_time, leeway=leeway
        )


class JSONList(_StoredList):
    """A list in one readable JSON file, which sessions may share.

    Args:
        type: `white` or `black`.
        json_path: The file; it is made with mode 0600 if it is not there.
        in_list_life_time: As for `MemoryList`.
        token_life_time: As for `MemoryList`.
        leeway: As for `MemoryList`.
    """

    def __init__(
        self,
        type: ListType,
        json_path: str | os.PathLike[str] = "jam.json",
        *,
        in_list_life_time: float | None = None,
        token_life_time: float | None = None,
        leeway: float = 0,
    ) -> None:
        super().__init__(type)
        self._list = _jam.TokenList(
            "json",
            type,
            json_path=os.fspath(json_path),
            in_list_life_time=in_list_life_time,
            token_life_time=token_life_time,
            leeway=leeway,
        )


class SQLiteList(_StoredList):
    """A list in an SQLite database, which sessions may share.

    Args:
        type: `white` or `black`.
        sqlite_path: The file; it is made with mode 0600 if it is not there.
        in_list_life_time: As for `MemoryList`.
        token_life_time: As for `MemoryList`.
        leeway: As for `MemoryList`.
    """

    def __init__(
        self,
        type: ListType,
        sqlite_path: str | os.PathLike[str] = "jam.sqlite3",
        *,
        in_list_life_time: float | None = None,
        token_life_time: float | None = None,
        leeway: float = 0,
    ) -> None:
        super().__init__(type)
        self._list = _jam.TokenList(
            "sqlite",
            type,
            sqlite_path=os.fspath(sqlite_path),
            in_list_life_time=in_list_life_time,
            token_life_time=token_life_time,
            leeway=leeway,
        )


class RedisList(_StoredList):
    """A list on Redis or Valkey: one server, one with sentinels, or a cluster.

    Args:
        type: `white` or `black`.
        redis_uri: As for `jam.sessions.RedisSessions`.
        in_list_life_time: As for `MemoryList`.
        token_life_time: As for `MemoryList`.
        leeway: As for `MemoryList`.
        **redis: See `jam.sessions.RedisOptions`.
    """

    def __init__(
        self,
        type: ListType,
        redis_uri: Any = "redis://localhost:6379/0",
        *,
        in_list_life_time: float | None = None,
        token_life_time: float | None = None,
        leeway: float = 0,
        **redis: Unpack[RedisOptions],
    ) -> None:
        super().__init__(type)
        if is_client(redis_uri, asynchronous=False):
            refuse_beside_client(redis)
            options = {"in_list_life_time": in_list_life_time, "token_life_time": token_life_time, "leeway": leeway}
            self._list = ClientList(redis_uri, type, LIST_NAMESPACE, options)
        else:
            self._list = _jam.TokenList(
                "redis",
                type,
                redis_uri=redis_uri,
                redis_keys={**redis},
                in_list_life_time=in_list_life_time,
                token_life_time=token_life_time,
                leeway=leeway,
            )


class PostgreSQLList(_StoredList):
    """A list in a table of a PostgreSQL database.

    Args:
        type: `white` or `black`.
        postgresql_uri: As for `jam.sessions.PostgreSQLSessions`.
        in_list_life_time: As for `MemoryList`.
        token_life_time: As for `MemoryList`.
        leeway: As for `MemoryList`.
        **postgresql: See `jam.sessions.PostgreSQLOptions`.
    """

    def __init__(
        self,
        type: ListType,
        postgresql_uri: str,
        *,
        in_list_life_time: float | None = None,
        token_life_time: float | None = None,
        leeway: float = 0,
        **postgresql: Unpack[PostgreSQLOptions],
    ) -> None:
        super().__init__(type)
        self._list = _jam.TokenList(
            "postgresql",
            type,
            postgresql_keys={"postgresql_uri": postgresql_uri, **postgresql},
            in_list_life_time=in_list_life_time,
            token_life_time=token_life_time,
            leeway=leeway,
        )


_BY_BACKEND: dict[str, tuple[Callable[..., BaseJWTList], tuple[str, ...]]] = {
    "memory": (MemoryList, ()),
    "json": (JSONList, ("json_path",)),
    "sqlite": (SQLiteList, ("sqlite_path",)),
    "redis": (RedisList, ("redis_uri", *REDIS_KEYS)),
    "postgresql": (PostgreSQLList, POSTGRESQL_KEYS),
}


def check_type(options: Mapping[str, Any]) -> None:
    """Refuses a section without the kind of its list; a class of the user's own may know its kind itself."""
    if options.get("type") not in ("white", "black") and "custom_module" not in options:
        raise JamConfigurationError('is required: "white" or "black"').at("type")


def create_instance(backend: str = "sqlite", **options: Any) -> BaseJWTList:
    """Makes the list that a section `jwt.list` asks for.

    Args:
        backend: `memory`, `json`, `sqlite`, `redis`, `postgresql`, or `custom` together with `custom_module`.
        **options: The further keys of the section; those of other backends are ignored.
    """
    check_type(options)
    return _build.create_of_type(_BY_BACKEND, "backend", backend, options)
