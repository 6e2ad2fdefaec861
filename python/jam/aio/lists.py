"""White and black lists of tokens for asyncio: the classes of `jam.jwt.lists`, with coroutines."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from jam import _build, _jam
from jam._guarded import Guarded
from jam._postgresql import POSTGRESQL_KEYS, PostgreSQLOptions
from jam._redis import REDIS_KEYS, RedisOptions, refuse_beside_client
from jam._redis_client import LIST_NAMESPACE, is_client
from jam.aio._redis_client import ClientList
from jam.exceptions import JamConfigurationError
from jam.jwt.lists import ListType, check_type

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["BaseJWTList", "JSONList", "MemoryList", "PostgreSQLList", "RedisList", "SQLiteList", "create_instance"]


class BaseJWTList(ABC):
    """As `jam.jwt.lists.BaseJWTList`, with coroutines."""

    def __init__(self, type: ListType) -> None:
        self.type = type

    @abstractmethod
    async def add(self, token: str) -> None:
        """Puts a token on the list."""
        raise NotImplementedError

    @abstractmethod
    async def check(self, token: str) -> bool:
        """Whether the token is on the list."""
        raise NotImplementedError

    @abstractmethod
    async def delete(self, token: str) -> None:
        """Takes a token off the list. It is no error if it was not there."""
        raise NotImplementedError

    async def add_many(self, tokens: Iterable[str]) -> None:
        """Puts several tokens on the list."""
        for token in tokens:
            await self.add(token)

    async def revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        """Refuses every token of a subject that was issued up to a moment, now if left out."""
        raise JamConfigurationError(
            f"jwt.list: {type(self).__name__} does not define revoke_subject(sub, issued_before)"
        )

    async def revoke_sessions(self, sub: str, sids: Iterable[str], life_time: float | None = None) -> None:
        """Refuses every token of a subject that names one of these sessions as its `sid`."""
        raise JamConfigurationError(f"jwt.list: {type(self).__name__} does not define revoke_sessions(sub, sids)")

    async def close(self) -> None:
        """Lets go of connections and files."""


class _StoredList(Guarded, BaseJWTList):
    """The verbs over what does them in Rust."""

    _list: _jam.AsyncTokenList | ClientList

    async def add(self, token: str) -> None:
        await self._list.add(token)

    async def check(self, token: str) -> bool:
        return await self._list.check(token)

    async def delete(self, token: str) -> None:
        await self._list.delete(token)

    async def add_many(self, tokens: Iterable[str]) -> None:
        await self._list.add_many(list(tokens))

    async def revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        await self._list.revoke_subject(sub, issued_before)

    async def revoke_sessions(self, sub: str, sids: Iterable[str], life_time: float | None = None) -> None:
        await self._list.revoke_sessions(sub, list(sids), life_time)

    async def close(self) -> None:
        await self._list.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} type={self.type!r}>"


class MemoryList(_StoredList):
    """As `jam.jwt.lists.MemoryList`, with coroutines."""

    def __init__(
        self,
        type: ListType,
        *,
        in_list_life_time: float | None = None,
        token_life_time: float | None = None,
        leeway: float = 0,
    ) -> None:
        super().__init__(type)
        self._list = _jam.AsyncTokenList(
            "memory", type, in_list_life_time=in_list_life_time, token_life_time=token_life_time, leeway=leeway
        )


class JSONList(_StoredList):
    """As `jam.jwt.lists.JSONList`, with coroutines."""

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
        self._list = _jam.AsyncTokenList(
            "json",
            type,
            json_path=os.fspath(json_path),
            in_list_life_time=in_list_life_time,
            token_life_time=token_life_time,
            leeway=leeway,
        )


class SQLiteList(_StoredList):
    """As `jam.jwt.lists.SQLiteList`, with coroutines."""

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
        self._list = _jam.AsyncTokenList(
            "sqlite",
            type,
            sqlite_path=os.fspath(sqlite_path),
            in_list_life_time=in_list_life_time,
            token_life_time=token_life_time,
            leeway=leeway,
        )


class RedisList(_StoredList):
    """As `jam.jwt.lists.RedisList`, with coroutines."""

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
        if is_client(redis_uri, asynchronous=True):
            refuse_beside_client(redis)
            options = {"in_list_life_time": in_list_life_time, "token_life_time": token_life_time, "leeway": leeway}
            self._list = ClientList(redis_uri, type, LIST_NAMESPACE, options)
        else:
            self._list = _jam.AsyncTokenList(
                "redis",
                type,
                redis_uri=redis_uri,
                redis_keys={**redis},
                in_list_life_time=in_list_life_time,
                token_life_time=token_life_time,
                leeway=leeway,
            )


class PostgreSQLList(_StoredList):
    """As `jam.jwt.lists.PostgreSQLList`, with coroutines."""

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
        self._list = _jam.AsyncTokenList(
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


def create_instance(backend: str = "sqlite", **options: Any) -> BaseJWTList:
    """As `jam.jwt.lists.create_instance`, for asyncio."""
    check_type(options)
    return _build.create_of_type(_BY_BACKEND, "backend", backend, options)
