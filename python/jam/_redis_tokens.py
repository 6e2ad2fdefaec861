"""Families of refresh tokens on a client object of redis-py: the steps, and what runs them on a blocking client.

See `jam._redis_client` for how steps are told; `jam.aio._redis_client` runs them on a client of `redis.asyncio`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jam import _jam
from jam._redis_client import (
    NEVER,
    START,
    Ask,
    Commit,
    Driver,
    Key,
    Operation,
    Stored,
    enlist,
    last_of,
    milliseconds,
    new_value,
    set_value,
    text,
)
from jam.exceptions import JamRefreshTokenInvalid, JamStoreRefused

TOKENS_NAMESPACE = "tokens"
"""What the names of all keys begin with; the same as where Jam's own connection is used."""

Exchanged = tuple[str | None, str, str, Any]
"""As `_jam.TokenFamilies.refresh` gives: the next token, the subject, the family's public name, the claims."""


def invalid() -> JamRefreshTokenInvalid:
    return JamRefreshTokenInvalid("no live refresh token has this text; the user has to log in again")


class TokenFamilySteps:
    """The verbs of refresh tokens as generators. `options` are those of `_jam.TokenFamilyCodec`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._codec = _jam.TokenFamilyCodec(**options)
        self.expires_in = self._codec.expires_in

    def _index(self, group: str) -> str:
        return f"{TOKENS_NAMESPACE}:{{{group}}}:"

    def _names(self, key: Key) -> tuple[str, str]:
        """The names of a value and of its index."""
        index = self._index(key[0])
        return index + key[1], index

    def issue(self, subject: str, claims: dict[str, Any]) -> Operation[tuple[str, str]]:
        key, record, issued = self._codec.issue(subject, claims)
        name, index = self._names(key)
        time, exists, last = yield Ask([("TIME",), ("EXISTS", name), last_of(index)], watch=(name, index))
        if exists:
            raise JamStoreRefused("a family has the id that was made for a new one; try again")
        now = milliseconds(time)
        stored = new_value(record, self._codec.idle, self._codec.absolute, now)
        yield Commit([*set_value(name, stored), *enlist(index, key[1], stored.expires(), now, last)])
        return issued

    def refresh(self, refresh_token: str) -> Operation[Exchanged]:
        key = self._codec.locate(refresh_token)
        if key is None:
            raise invalid()
        name, index = self._names(key)
        value, time, last = yield Ask([("GET", name), ("TIME",), last_of(index)], watch=(name, index))
        stored = Stored.parse(value)
        if stored is None:
            raise invalid()
        record, exchanged = self._codec.rotate(refresh_token, stored.record)
        if record is None:
            yield Commit([("DEL", name), ("ZREM", index, key[1])])
            return exchanged
        stored.record, stored.last_used = record, milliseconds(time)
        listed = enlist(index, key[1], stored.expires(), stored.last_used, last)
        yield Commit([*set_value(name, stored), *listed])
        return exchanged

    def revoke(self, refresh_token: str) -> Operation[tuple[str, str] | None]:
        key = self._codec.locate(refresh_token)
        if key is None:
            return None
        name, index = self._names(key)
        (value,) = yield Ask([("GET", name)], watch=(name,))
        yield Commit([("DEL", name), ("ZREM", index, key[1])])
        stored = Stored.parse(value)
        return None if stored is None else self._codec.family(key, stored.record)

    def revoke_family(self, subject: str, handle: str) -> Operation[bool]:
        key = self._codec.family_key(subject, handle)
        if key is None:
            return False
        name, index = self._names(key)
        deleted, _ = yield Commit([("DEL", name), ("ZREM", index, key[1])])
        return bool(deleted)

    def revoke_all(self, subject: str) -> Operation[None]:
        index = self._index(self._codec.group(subject))
        (ids,) = yield Ask([("ZRANGE", index, 0, -1)], watch=(index,))
        yield Commit([("DEL", index, *(index + text(key_id) for key_id in ids))])

    def list(self, subject: str) -> Operation[Sequence[_jam.TokenFamily]]:
        index = self._index(self._codec.group(subject))
        (ids,) = yield Ask([("ZRANGE", index, 0, -1)])
        handles = [text(key_id) for key_id in ids]
        headers = yield Ask([("GETRANGE", index + handle, 0, START - 1) for handle in handles])
        live = [(Stored.parse(header), handle) for header, handle in zip(headers, handles, strict=True)]
        oldest_first = sorted((stored.created, handle, stored) for stored, handle in live if stored is not None)
        return [token_family(handle, stored) for _, handle, stored in oldest_first]


def token_family(handle: str, stored: Stored) -> _jam.TokenFamily:
    expires = stored.expires()
    return _jam.TokenFamily(
        handle, stored.created / 1000, stored.last_used / 1000, None if expires == NEVER else expires / 1000
    )


class ClientTokenFamilies:
    """What `_jam.TokenFamilies` does, on a client object."""

    def __init__(self, client: Any, options: Mapping[str, Any]) -> None:
        self._steps = TokenFamilySteps(options)
        self._driver = Driver(client)
        self.expires_in = self._steps.expires_in

    def issue(self, subject: str, claims: dict[str, Any]) -> tuple[str, str]:
        return self._driver.run(lambda: self._steps.issue(subject, claims))

    def refresh(self, refresh_token: str) -> Exchanged:
        return self._driver.run(lambda: self._steps.refresh(refresh_token))

    def revoke(self, refresh_token: str) -> tuple[str, str] | None:
        return self._driver.run(lambda: self._steps.revoke(refresh_token))

    def revoke_family(self, subject: str, handle: str) -> bool:
        return self._driver.run(lambda: self._steps.revoke_family(subject, handle))

    def revoke_all(self, subject: str) -> None:
        self._driver.run(lambda: self._steps.revoke_all(subject))

    def list(self, subject: str) -> Sequence[_jam.TokenFamily]:
        return self._driver.run(lambda: self._steps.list(subject))

    def close(self) -> None:
        self._driver.close()
