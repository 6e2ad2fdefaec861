"""Pairs of access and refresh tokens, blocking. `jam.aio.tokens` has the same for asyncio."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypedDict

from jam import _build, _jam
from jam._jam import TokenFamily
from jam._postgresql import POSTGRESQL_KEYS, PostgreSQLOptions
from jam._redis import REDIS_KEYS, RedisOptions, refuse_beside_client, split
from jam._redis_client import is_client
from jam._redis_tokens import ClientTokenFamilies
from jam.encoders import BaseEncoder
from jam.exceptions import JamConfigurationError, JamRefreshTokenReused, JamValidationError

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from jam.jwt.lists import BaseJWTList

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


Backend = Literal["memory", "json", "sqlite", "redis", "postgresql"]

OWN_CLAIMS = ("iat", "exp", "jti", "sub", "sid")
"""What is set for each access token."""

MARGIN = 60
"""Seconds that the access tokens of a revoked login are refused for longer than they live, as clocks differ."""


class AccessTokenMaker(Protocol):
    """What makes access tokens: a `jam.jwt.JWT`, a module of `jam.paseto`, or a class of the user's own."""

    def make_payload(self, exp: int | None, data: dict[str, Any]) -> dict[str, Any]:
        """Gives a payload that expires `exp` seconds from now, with the claims of `data`."""
        ...

    def encode(self, payload: dict[str, Any]) -> str:
        """Makes a token of it."""
        ...


class TokenOptions(RedisOptions, PostgreSQLOptions, total=False):
    """What `Tokens` takes as keywords.

    Attributes:
        access_ttl: Seconds that an access token lives (900).
        refresh_ttl: Seconds after its last refresh that a login lives (14 days); `None` for no such limit.
        refresh_absolute_ttl: Seconds that a login lives, however often it is refreshed (90 days); `None` for no such
            limit.
        grace: Seconds after its use in which a refresh token may be shown again, as the answer may have got lost: 0,
            and at most 60. The refresh token of the lost answer is dead then.
        serializer: What turns claims into bytes for the store, in place of JSON.
        json_path: The file of the backend `json`; it is made with mode 0600 if it is not there.
        sqlite_path: The file of the backend `sqlite`; it is made with mode 0600 if it is not there.
        redis_uri: As for `jam.sessions.RedisSessions`.
        postgresql_uri: As for `jam.sessions.PostgreSQLSessions`.
    """

    access_ttl: float
    refresh_ttl: float | None
    refresh_absolute_ttl: float | None
    grace: float
    serializer: type[BaseEncoder] | BaseEncoder | None
    json_path: str | os.PathLike[str]
    sqlite_path: str | os.PathLike[str]
    redis_uri: Any
    postgresql_uri: str


@dataclass(frozen=True, repr=False)
class TokenPair:
    """An access token and a refresh token.

    Attributes:
        access_token: What the client shows with each request.
        refresh_token: What the client exchanges for the next pair, once.
        expires_in: Seconds that the access token lives.
        token_type: How the client shows the access token (RFC 6750).
    """

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105

    def to_dict(self) -> dict[str, Any]:
        """Gives the answer of a token endpoint (RFC 6749 section 5.1). Send it with `Cache-Control: no-store`."""
        return {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
        }

    def __repr__(self) -> str:
        return f"TokenPair(access_token=[redacted], refresh_token=[redacted], expires_in={self.expires_in})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("TokenPair holds tokens and cannot be pickled or copied")


class BaseTokens(ABC):
    """Pairs of the user's own, named by `custom_module` in the section `tokens`.

    The keys of the section are given to the class as keywords. `revoke_family` and `list` may be left out.
    """

    @abstractmethod
    def issue(self, subject: str, claims: Mapping[str, Any] | None = None) -> TokenPair:
        """Makes the first pair of a login.

        Args:
            subject: Who has logged in; the claim `sub` of the access tokens.
            claims: What else stands in every access token of the login.
        """
        raise NotImplementedError

    @abstractmethod
    def refresh(self, refresh_token: str) -> TokenPair:
        """Makes the next pair of a login, for a refresh token that is used up by it.

        Raises:
            JamRefreshTokenReused: The token had been used before; the login is revoked.
            JamRefreshTokenInvalid: The text is no token of a live login.
        """
        raise NotImplementedError

    @abstractmethod
    def revoke(self, refresh_token: str) -> None:
        """Ends the login of a refresh token. What is no such token is no error."""
        raise NotImplementedError

    @abstractmethod
    def revoke_all(self, subject: str) -> None:
        """Ends all logins of a subject."""
        raise NotImplementedError

    def revoke_family(self, subject: str, handle: str) -> bool:
        """Ends the login of a subject that `list` tells under this handle; `False` where there is none."""
        raise JamConfigurationError(f"tokens: {type(self).__name__} does not define revoke_family(subject, handle)")

    def list(self, subject: str) -> Sequence[Any]:
        """Tells the live logins of a subject, never their tokens."""
        raise JamConfigurationError(f"tokens: {type(self).__name__} does not define list(subject)")

    def close(self) -> None:
        """Lets go of connections and files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Tokens(BaseTokens):
    """Pairs whose refresh tokens are kept in one of Jam's stores, which sessions and lists may share.

    A refresh token is opaque, is good once, and is stored as a hash only. One that is shown again was stolen; all
    tokens of its login are revoked then (RFC 9700 section 4.14.2).

    Args:
        access: What makes access tokens: a `jam.jwt.JWT`, or a module of `jam.paseto`.
        backend: `memory` for one process; `json` or `sqlite` for the processes of one machine; `redis` or
            `postgresql` for several.
        list: The list that refuses the access tokens of what is revoked. Without one they live until they expire.
        **options: See `TokenOptions`.
    """

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
        self._families: _jam.TokenFamilies | ClientTokenFamilies
        redis, times = split_options(options)
        client = options.get("redis_uri")
        if backend == "redis" and is_client(client, asynchronous=False):
            refuse_beside_client(redis)
            self._families = ClientTokenFamilies(client, times)
        else:
            self._families = _jam.TokenFamilies(backend, **place(options), redis_keys=redis, **times)

    def issue(self, subject: str, claims: Mapping[str, Any] | None = None) -> TokenPair:
        """Makes the first pair of a login; see `BaseTokens.issue`."""
        kept = checked_claims(claims)
        refresh_token, sid = self._families.issue(subject, kept)
        return self._pair(refresh_token, subject, sid, kept)

    def refresh(self, refresh_token: str) -> TokenPair:
        """Makes the next pair of a login, for a refresh token that is used up by it.

        Raises:
            JamRefreshTokenReused: The token had been used before; the login is revoked.
            JamRefreshTokenInvalid: The text is no token of a live login.
        """
        following, subject, sid, claims = self._families.refresh(refresh_token)
        if following is None:
            self._refuse(subject, [sid])
            raise reused()
        return self._pair(following, subject, sid, claims)

    def revoke(self, refresh_token: str) -> None:
        """Ends the login of a refresh token. What is no such token is no error."""
        revoked = self._families.revoke(refresh_token)
        if revoked is not None:
            subject, sid = revoked
            self._refuse(subject, [sid])

    def revoke_family(self, subject: str, handle: str) -> bool:
        """Ends the login of a subject that `list` tells under this handle; `False` where there is none."""
        revoked = self._families.revoke_family(subject, handle)
        if revoked:
            self._refuse(subject, [handle])
        return revoked

    def revoke_all(self, subject: str) -> None:
        """Ends all logins of a subject: logged out everywhere.

        With a list, the subject's access tokens are refused, too: those of live logins, and all others that were issued
        before this second. Who logs in again at once is let in.
        """
        if self._list is not None:
            self._refuse(subject, [family.handle for family in self._families.list(subject)])
            self._list.revoke_subject(subject, before_this_second())
        self._families.revoke_all(subject)

    def list(self, subject: str) -> Sequence[TokenFamily]:
        """Tells the live logins of a subject, oldest first: handle, created, last used, expires; never a token."""
        return self._families.list(subject)

    def close(self) -> None:
        """Lets go of connections and files; the list stays open."""
        self._families.close()

    def _pair(self, refresh_token: str, subject: str, sid: str, claims: dict[str, Any]) -> TokenPair:
        expires_in = self._families.expires_in
        access_token = make_access_token(self._access, expires_in, subject, sid, claims)
        if self._list is not None and self._list.type == "white":
            self._list.add(access_token)
        return TokenPair(access_token, refresh_token, expires_in)

    def _refuse(self, subject: str, sids: Sequence[str]) -> None:
        """Has the list refuse the access tokens of logins."""
        if self._list is not None:
            self._list.revoke_sessions(subject, sids, self._families.expires_in + MARGIN)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__}>"


class Times(TypedDict):
    """What `_jam.TokenFamilies` takes of how tokens live."""

    access_ttl: float
    refresh_ttl: float | None
    refresh_absolute_ttl: float | None
    grace: float
    serializer: Any


def split_options(options: TokenOptions) -> tuple[dict[str, Any], Times]:
    """Parts the keywords for Redis from those that say how tokens live, with their defaults."""
    redis, others = split(options)
    unknown = set(others).difference(Times.__annotations__, ("json_path", "sqlite_path", "redis_uri"), POSTGRESQL_KEYS)
    if unknown:
        raise TypeError(f"Tokens got an unexpected keyword argument {min(unknown)!r}")
    times = Times(
        access_ttl=options.get("access_ttl", 900),
        refresh_ttl=options.get("refresh_ttl", 14 * 24 * 60 * 60),
        refresh_absolute_ttl=options.get("refresh_absolute_ttl", 90 * 24 * 60 * 60),
        grace=options.get("grace", 0),
        serializer=options.get("serializer"),
    )
    return redis, times


def place(options: TokenOptions) -> dict[str, Any]:
    """Where the tokens are kept, with defaults."""
    return {
        "json_path": os.fspath(options.get("json_path", "jam.json")),
        "sqlite_path": os.fspath(options.get("sqlite_path", "jam.sqlite3")),
        "redis_uri": options.get("redis_uri", "redis://localhost:6379/0"),
        "postgresql_keys": {key: options[key] for key in POSTGRESQL_KEYS if key in options},
    }


def checked_claims(claims: Mapping[str, Any] | None) -> dict[str, Any]:
    """The claims of a login, without what is set for each token."""
    if claims is not None and not isinstance(claims, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise JamValidationError(f"claims must be a dict, not {type(claims).__name__}")
    kept = dict(claims or {})
    for name in OWN_CLAIMS:
        if name in kept:
            raise JamValidationError(f'claims: "{name}" is set for each token; leave it out')
    return kept


def make_access_token(access: AccessTokenMaker, expires_in: int, subject: str, sid: str, claims: dict[str, Any]) -> str:
    """An access token with the claims of its login."""
    return access.encode(access.make_payload(expires_in, {**claims, "sub": subject, "sid": sid}))


def before_this_second() -> float:
    """A moment before which all tokens can be refused without those of a login in the same second."""
    return int(time.time()) - 0.001


def reused() -> JamRefreshTokenReused:
    return JamRefreshTokenReused(
        "the refresh token was used before, so all tokens of its login are revoked; the user has to log in again"
    )


_BY_BACKEND: dict[str, tuple[Callable[..., BaseTokens], tuple[str, ...]]] = {
    "memory": (partial(Tokens, backend="memory"), ()),
    "json": (partial(Tokens, backend="json"), ("json_path",)),
    "sqlite": (partial(Tokens, backend="sqlite"), ("sqlite_path",)),
    "redis": (partial(Tokens, backend="redis"), ("redis_uri", *REDIS_KEYS)),
    "postgresql": (partial(Tokens, backend="postgresql"), POSTGRESQL_KEYS),
}


def create_instance(backend: str = "sqlite", **options: Any) -> BaseTokens:
    """Makes what a section `tokens` asks for.

    Args:
        backend: `memory`, `json`, `sqlite`, `redis`, `postgresql`, or `custom` together with `custom_module`.
        **options: The further keys of the section, `access` and `list`; those of other backends are ignored.
    """
    return _build.create_of_type(_BY_BACKEND, "backend", backend, options)
