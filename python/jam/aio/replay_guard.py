"""The memory of used one-time passwords for asyncio: the classes of `jam.otp.replay_guard`, with coroutines."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from jam import _build, _jam, _postgresql
from jam._guarded import Guarded
from jam._jam import HOTP, TOTP
from jam._postgresql import POSTGRESQL_KEYS
from jam._redis import REDIS_KEYS, refuse_beside_client
from jam._redis_client import is_client
from jam.aio._redis_client import ClientReplayGuard
from jam.otp.replay_guard import Backend, ServerOptions, check_otp

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["BaseReplayGuard", "ReplayGuard", "create_instance"]


def __dir__() -> list[str]:
    return __all__


class BaseReplayGuard(ABC):
    """As `jam.otp.BaseReplayGuard`, with coroutines."""

    @abstractmethod
    async def accept(self, key: str, keep: int) -> bool:
        """Keeps a key for `keep` seconds, in one atomic step: of two calls at the same time, one gives `True`."""
        raise NotImplementedError

    async def verify(self, otp: TOTP | HOTP, code: str, factor: int | None = None, look_ahead: int = 1) -> int | None:
        """As `otp.verify_step`, but accepts the code of a step once."""
        check_otp(otp)
        step = otp.verify_step(code, factor, look_ahead)
        if step is None or not await self.accept(*otp.replay_entry(step)):
            return None
        return step

    async def close(self) -> None:
        """Lets go of connections and files."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class ReplayGuard(Guarded, BaseReplayGuard):
    """As `jam.otp.ReplayGuard`, with coroutines; a client object may be one of `redis.asyncio`."""

    def __init__(
        self,
        backend: Backend = "sqlite",
        *,
        json_path: str | os.PathLike[str] = "jam.json",
        sqlite_path: str | os.PathLike[str] = "jam.sqlite3",
        redis_uri: Any = "redis://localhost:6379/0",
        postgresql_uri: str | None = None,
        **server: Unpack[ServerOptions],
    ) -> None:
        postgresql, redis = _postgresql.split({"postgresql_uri": postgresql_uri, **server})
        self._guard: _jam.AsyncReplayGuard | ClientReplayGuard
        if backend == "redis" and is_client(redis_uri, asynchronous=True):
            refuse_beside_client(redis)
            self._guard = ClientReplayGuard(redis_uri)
        else:
            self._guard = _jam.AsyncReplayGuard(
                backend,
                json_path=os.fspath(json_path),
                sqlite_path=os.fspath(sqlite_path),
                redis_uri=redis_uri,
                redis_keys=redis,
                postgresql_keys=postgresql,
            )

    async def accept(self, key: str, keep: int) -> bool:
        """Keeps a key for `keep` seconds: `True` the first time, `False` for as long as it is kept."""
        return await self._guard.accept(key, keep)

    async def close(self) -> None:
        """Lets go of connections and files."""
        await self._guard.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


_BY_BACKEND: dict[str, tuple[Callable[..., BaseReplayGuard], tuple[str, ...]]] = {
    "memory": (partial(ReplayGuard, "memory"), ()),
    "json": (partial(ReplayGuard, "json"), ("json_path",)),
    "sqlite": (partial(ReplayGuard, "sqlite"), ("sqlite_path",)),
    "redis": (partial(ReplayGuard, "redis"), ("redis_uri", *REDIS_KEYS)),
    "postgresql": (partial(ReplayGuard, "postgresql"), POSTGRESQL_KEYS),
}


def create_instance(backend: str = "sqlite", **options: Any) -> BaseReplayGuard:
    """As `jam.otp.replay_guard.create_instance`, for asyncio."""
    return _build.create_of_type(_BY_BACKEND, "backend", backend, options)
