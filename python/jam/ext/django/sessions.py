"""A session engine of Django whose sessions are Jam's: `SESSION_ENGINE = "jam.ext.django.sessions"`.

The store is that of the setting `JAM`. It keeps a hash of each session's key only, so that nobody who reads it can use
a session, and it knows whose sessions are whose: `get_jam().session_clear(owner_of(user))` signs a user out everywhere.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase, UpdateError

from jam.exceptions import JamSessionNotFound
from jam.ext.django import get_jam

__all__ = ["SessionStore", "owner_of"]

_DATA = "django"
_EXPIRES = "expires"


def owner_of(user: Any) -> str:
    """The owner under whom the sessions of a user are kept."""
    return _owner(user.pk)


def _owner(primary_key: object) -> str:
    return f"user:{primary_key}"


class SessionStore(SessionBase):
    """The sessions of Django's `request.session`."""

    if TYPE_CHECKING:  # Django's class has these, its stubs do not
        _session: dict[str, Any]
        _session_cache: dict[str, Any]

        def _get_session(self, no_load: bool = False) -> dict[str, Any]: ...
        async def _aget_session(self, no_load: bool = False) -> dict[str, Any]: ...

    # The key that a login has replaced: it ends when the new one is kept, so that a request that fails changes nothing.
    _replaced: str | None = None

    def load(self) -> dict[str, Any]:
        """The data of the session; none where the key names no live one."""
        record = get_jam().session_get(self.session_key) if self.session_key else None
        if record is None or _DATA not in record or record[_EXPIRES] <= time.time():
            self._session_key = None
            return {}
        return self.serializer().loads(record[_DATA].encode("latin-1"))

    def exists(self, session_key: str) -> bool:
        """Whether a key names a live session."""
        return get_jam().session_get(session_key) is not None

    def create(self) -> None:
        """Keeps the data under a new key."""
        data = self._get_session(no_load=True)
        # Who is not signed in is an owner of his own, so that no list of sessions grows without end.
        owner = _owner(data[SESSION_KEY]) if SESSION_KEY in data else f"anonymous:{secrets.token_urlsafe(16)}"
        self._session_key = get_jam().session_create(owner, self._record(data))
        self.modified = True
        self._end_replaced()

    def save(self, must_create: bool = False) -> None:
        """Keeps the data.

        Raises:
            UpdateError: The session has ended meanwhile. It is never brought back.
        """
        if self.session_key is None or must_create:
            self.create()
            return
        try:
            get_jam().session_update(self.session_key, self._record(self._get_session()))
        except JamSessionNotFound as error:
            raise UpdateError from error

    def delete(self, session_key: str | None = None) -> None:
        """Ends the session of a key, or this one."""
        key = session_key or self.session_key
        if key:
            get_jam().session_delete(key)

    def flush(self) -> None:
        """Ends the session and forgets its data."""
        super().flush()
        self._end_replaced()

    async def aflush(self) -> None:
        """As `flush`."""
        await super().aflush()
        if self._replaced is not None:
            await self.adelete(self._replaced)
            self._replaced = None

    def cycle_key(self) -> None:
        """Has the data kept under a new key.

        That is made when the session is saved: a login asks for it, and only then the new owner is known.
        """
        data = self._session
        self._replaced = self.session_key or self._replaced
        self._session_key = None
        self._session_cache = data
        self.modified = True

    async def acycle_key(self) -> None:
        """As `cycle_key`."""
        await self._aget_session()
        self.cycle_key()

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing: the stores remove what has expired."""

    def _record(self, data: dict[str, Any]) -> dict[str, Any]:
        text = self.serializer().dumps(data).decode("latin-1")
        return {_DATA: text, _EXPIRES: time.time() + self.get_expiry_age()}

    def _end_replaced(self) -> None:
        if self._replaced is not None:
            self.delete(self._replaced)
            self._replaced = None
