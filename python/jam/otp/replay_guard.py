"""The memory of used one-time passwords, blocking. `jam.aio.replay_guard` has the same for asyncio."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from jam import _build, _jam, _postgresql
from jam._guarded import Guarded
from jam._jam import HOTP, TOTP
from jam._postgresql import POSTGRESQL_KEYS, PostgreSQLOptions
from jam._redis import REDIS_KEYS, RedisOptions, refuse_beside_client
from jam._redis_client import ClientReplayGuard, is_client

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

__all__ = ["BaseReplayGuard", "ReplayGuard", "create_instance"]


def __dir__() -> list[str]:
    return __all__


Backend = Literal["memory", "json", "sqlite", "redis", "postgresql"]


class ServerOptions(RedisOptions, PostgreSQLOptions, total=False):
    """How the server is reached."""


class BaseReplayGuard(ABC):
    """A memory of the user's own, named by `custom_module` in the section `otp.replay_guard`.

    The keys of the section are given to the class as keywords.
    """

    @abstractmethod
    def accept(self, key: str, keep: int) -> bool:
        """Keeps a key, in one atomic step: of two calls at the same time, one gives `True`.

        Args:
            key: What a code's `replay_entry` gave; any text.
            keep: For how many seconds.

        Returns:
            `True` the first time, `False` for as long as the key is kept.
        """
        raise NotImplementedError

    def verify(self, otp: TOTP | HOTP, code: str, factor: int | None = None, look_ahead: int = 1) -> int | None:
        """As `otp.verify_step`, but accepts the code of a step once.

        Args:
            otp: The passwords of a secret.
            code: What the user typed.
            factor: As for `verify_step`.
            look_ahead: As for `verify_step`.

        Returns:
            The step, or `None` for a wrong code and for one that was used. Compare it with `None`: the first counter
            is 0.

        Raises:
            TypeError: `otp` has not the methods of a `TOTP`.
        """
        check_otp(otp)
        step = otp.verify_step(code, factor, look_ahead)
        if step is None or not self.accept(*otp.replay_entry(step)):
            return None
        return step

    def close(self) -> None:
        """Lets go of connections and files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ReplayGuard(Guarded, BaseReplayGuard):
    """A memory in one of Jam's stores, which sessions and lists may share.

    Args:
        backend: `memory` for one process; `json` or `sqlite` for the processes of one machine; `redis` or
            `postgresql` for several.
        json_path: The file of the backend `json`; it is made with mode 0600 if it is not there.
        sqlite_path: The file of the backend `sqlite`; it is made with mode 0600 if it is not there.
        redis_uri: As for `jam.sessions.RedisSessions`.
        postgresql_uri: As for `jam.sessions.PostgreSQLSessions`.
        **server: See `jam.sessions.RedisOptions` and `jam.sessions.PostgreSQLOptions`.
    """

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
        self._guard: _jam.ReplayGuard | ClientReplayGuard
        if backend == "redis" and is_client(redis_uri, asynchronous=False):
            refuse_beside_client(redis)
            self._guard = ClientReplayGuard(redis_uri)
        else:
            self._guard = _jam.ReplayGuard(
                backend,
                json_path=os.fspath(json_path),
                sqlite_path=os.fspath(sqlite_path),
                redis_uri=redis_uri,
                redis_keys=redis,
                postgresql_keys=postgresql,
            )

    def accept(self, key: str, keep: int) -> bool:
        """Keeps a key for `keep` seconds: `True` the first time, `False` for as long as it is kept."""
        return self._guard.accept(key, keep)

    def close(self) -> None:
        """Lets go of connections and files."""
        self._guard.close()

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


def check_otp(otp: object) -> None:
    """Refuses what is no `TOTP` or `HOTP`, and has not their methods either."""
    if not (hasattr(otp, "verify_step") and hasattr(otp, "replay_entry")):
        raise TypeError(f"otp: expected jam.otp.TOTP or jam.otp.HOTP, not {type(otp).__name__}")


_BY_BACKEND: dict[str, tuple[Callable[..., BaseReplayGuard], tuple[str, ...]]] = {
    "memory": (partial(ReplayGuard, "memory"), ()),
    "json": (partial(ReplayGuard, "json"), ("json_path",)),
    "sqlite": (partial(ReplayGuard, "sqlite"), ("sqlite_path",)),
    "redis": (partial(ReplayGuard, "redis"), ("redis_uri", *REDIS_KEYS)),
    "postgresql": (partial(ReplayGuard, "postgresql"), POSTGRESQL_KEYS),
}


def create_instance(backend: str = "sqlite", **options: Any) -> BaseReplayGuard:
    """Makes the memory that a section `otp.replay_guard` asks for.

    Args:
        backend: `memory`, `json`, `sqlite`, `redis`, `postgresql`, or `custom` together with `custom_module`.
        **options: The further keys of the section; those of other backends are ignored.
    """
    return _build.create_of_type(_BY_BACKEND, "backend", backend, options)
