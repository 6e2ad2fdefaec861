"""Pairs of access and refresh tokens for asyncio: the classes of `jam.tokens`, with coroutines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from jam import _build, _jam
from jam._postgresql import POSTGRESQL_KEYS
from jam._redis import REDIS_KEYS, refuse_beside_client
from jam._redis_client import is_client
from jam.aio._redis_client import ClientTokenFamilies
from jam.exceptions import JamConfigurationError
from jam.tokens import (
    MARGIN,
    AccessTokenMaker,
    Backend,
    TokenFamily,
    TokenOptions,
    TokenPair,
    before_this_second,
    checked_claims,
    make_access_token,
    place,
    reused,
    split_options,
)

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from jam.aio.lists import BaseJWTList

__all__ = [
    "AccessTokenMaker",
    "BaseTokens",
    "TokenFamily",
    "TokenOptions",
    "TokenPair",
    "Tokens",
    "create_instance",
]


def __dir__() -> list[str]:
    return __all__


class BaseTokens(ABC):
    """As `jam.tokens.BaseTokens`, with coroutines."""

    @abstractmethod
    async def issue(self, subject: str, claims: Mapping[str, Any] | None = None) -> TokenPair:
        """Makes the first pair of a login."""
        raise NotImplementedError

    @abstractmethod
    async def refresh(self, refresh_token: str) -> TokenPair:
        """Makes the next pair of a login, for a refresh token that is used up by it.

        Raises:
            JamRefreshTokenReused: The token had been used before; the login is revoked.
            JamRefreshTokenInvalid: The text is no token of a live login.
        """
        raise NotImplementedError

    @abstractmethod
    async def revoke(self, refresh_token: str) -> None:
        """Ends the login of a refresh token. What is no such token is no error."""
        raise NotImplementedError

    @abstractmethod
    async def revoke_all(self, subject: str) -> None:
        """Ends all logins of a subject."""
        raise NotImplementedError

    async def revoke_family(self, subject: str, handle: str) -> bool:
        """Ends the login of a subject that `list` tells under this handle; `False` where there is none."""
        raise JamConfigurationError(f"tokens: {type(self).__name__} does not define revoke_family(subject, handle)")

    async def list(self, subject: str) -> Sequence[Any]:
        """Tells the live logins of a subject, never their tokens."""
        raise JamConfigurationError(f"tokens: {type(self).__name__} does not define list(subject)")

    async def close(self) -> None:
        """Lets go of connections and files."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Tokens(BaseTokens):
    """As `jam.tokens.Tokens`, with coroutines; the list is one of `jam.aio.lists`."""

    def __init__(
        self,
        access: AccessTokenMaker,
        backend: Backend = "sqlite",
        *,
        list: BaseJWTList | None = None,
        **options: Unpack[TokenOptions],
    ) -> None:
        self._access = access
        self._list = list
        self._families: _jam.AsyncTokenFamilies | ClientTokenFamilies
        redis, times = split_options(options)
        client = options.get("redis_uri")
        if backend == "redis" and is_client(client, asynchronous=True):
            refuse_beside_client(redis)
            self._families = ClientTokenFamilies(client, times)
        else:
            self._families = _jam.AsyncTokenFamilies(backend, **place(options), redis_keys=redis, **times)

    async def issue(self, subject: str, claims: Mapping[str, Any] | None = None) -> TokenPair:
        """Makes the first pair of a login; see `BaseTokens.issue`."""
        kept = checked_claims(claims)
        refresh_token, sid = await self._families.issue(subject, kept)
        return await self._pair(refresh_token, subject, sid, kept)

    async def refresh(self, refresh_token: str) -> TokenPair:
        """Makes the next pair of a login, for a refresh token that is used up by it.

        Raises:
            JamRefreshTokenReused: The token had been used before; the login is revoked.
            JamRefreshTokenInvalid: The text is no token of a live login.
        """
        following, subject, sid, claims = await self._families.refresh(refresh_token)
        if following is None:
            await self._refuse(subject, [sid])
            raise reused()
        return await self._pair(following, subject, sid, claims)

    async def revoke(self, refresh_token: str) -> None:
        """Ends the login of a refresh token. What is no such token is no error."""
        revoked = await self._families.revoke(refresh_token)
        if revoked is not None:
            subject, sid = revoked
            await self._refuse(subject, [sid])

    async def revoke_family(self, subject: str, handle: str) -> bool:
        """Ends the login of a subject that `list` tells under this handle; `False` where there is none."""
        revoked = await self._families.revoke_family(subject, handle)
        if revoked:
            await self._refuse(subject, [handle])
        return revoked

    async def revoke_all(self, subject: str) -> None:
        """Ends all logins of a subject; see `jam.tokens.Tokens.revoke_all`."""
        if self._list is not None:
            await self._refuse(subject, [family.handle for family in await self._families.list(subject)])
            await self._list.revoke_subject(subject, before_this_second())
        await self._families.revoke_all(subject)

    async def list(self, subject: str) -> Sequence[TokenFamily]:
        """Tells the live logins of a subject, oldest first: handle, created, last used, expires; never a token."""
        return await self._families.list(subject)

    async def close(self) -> None:
        """Lets go of connections and files; the list stays open."""
        await self._families.close()

    async def _pair(self, refresh_token: str, subject: str, sid: str, claims: dict[str, Any]) -> TokenPair:
        expires_in = self._families.expires_in
        access_token = make_access_token(self._access, expires_in, subject, sid, claims)
        if self._list is not None and self._list.type == "white":
            await self._list.add(access_token)
        return TokenPair(access_token, refresh_token, expires_in)

    async def _refuse(self, subject: str, sids: Sequence[str]) -> None:
        """Has the list refuse the access tokens of logins."""
        if self._list is not None:
            await self._list.revoke_sessions(subject, sids, self._families.expires_in + MARGIN)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


_BY_BACKEND: dict[str, tuple[Callable[..., BaseTokens], tuple[str, ...]]] = {
    "memory": (partial(Tokens, backend="memory"), ()),
    "json": (partial(Tokens, backend="json"), ("json_path",)),
    "sqlite": (partial(Tokens, backend="sqlite"), ("sqlite_path",)),
    "redis": (partial(Tokens, backend="redis"), ("redis_uri", *REDIS_KEYS)),
    "postgresql": (partial(Tokens, backend="postgresql"), POSTGRESQL_KEYS),
}


def create_instance(backend: str = "sqlite", **options: Any) -> BaseTokens:
    """As `jam.tokens.create_instance`, for asyncio."""
    return _build.create_of_type(_BY_BACKEND, "backend", backend, options)
