"""What Jam keeps in Redis, on a client object of `redis.asyncio`: the steps of `jam._redis_client`, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from jam import _jam
from jam._redis_client import (
    ATTEMPTS,
    Ask,
    Commit,
    ListSteps,
    Operation,
    ReplayGuardSteps,
    SessionSteps,
    closed,
    options_of,
    pause,
    still_changing,
    store_errors,
)
from jam._redis_tokens import Exchanged, TokenFamilySteps

T = TypeVar("T")


class Driver:
    """Runs operations on an awaited client. The client stays the caller's: it is not closed here."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._is_closed = False

    async def run(self, start: Callable[[], Operation[T]]) -> T:
        from redis.exceptions import WatchError

        if self._is_closed:
            raise closed()
        with store_errors():
            for attempt in range(ATTEMPTS):
                with suppress(WatchError):
                    return await self._run_once(start())
                await asyncio.sleep(pause(attempt))
        raise still_changing()

    async def _run_once(self, operation: Operation[T]) -> T:
        async with self._client.pipeline() as watching:
            try:
                step = next(operation)
                while True:
                    step = operation.send(await self._answer(step, watching))
            except StopIteration as finished:
                return finished.value

    async def _answer(self, step: Ask | Commit, watching: Any) -> list[Any]:
        if isinstance(step, Commit):
            watching.multi()
            for command in step.commands:
                watching.execute_command(*command)
            return await watching.execute()
        if step.watch:
            await watching.watch(*step.watch)
            return [await watching.execute_command(*command, **options_of(command)) for command in step.commands]
        async with self._client.pipeline(transaction=False) as plain:
            for command in step.commands:
                plain.execute_command(*command, **options_of(command))
            return await plain.execute()

    async def close(self) -> None:
        self._is_closed = True


class ClientSessions:
    """What `_jam.AsyncSessions` does, on a client object."""

    def __init__(self, client: Any, namespace: str, options: dict[str, Any]) -> None:
        self._steps = SessionSteps(namespace, options)
        self._driver = Driver(client)

    async def create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        return await self._driver.run(lambda: self._steps.create(session_key, data, metadata))

    async def get(self, session_id: str) -> dict[str, Any] | None:
        return await self._driver.run(lambda: self._steps.get(session_id))

    async def read(self, session_id: str) -> _jam.Session | None:
        return await self._driver.run(lambda: self._steps.read(session_id))

    async def update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        await self._driver.run(lambda: self._steps.update(session_id, data, version))

    async def delete(self, session_id: str) -> None:
        await self._driver.run(lambda: self._steps.delete(session_id))

    async def clear(self, session_key: str, *, keep: str | None = None) -> None:
        await self._driver.run(lambda: self._steps.clear(session_key, keep))

    async def revoke(self, session_key: str, handle: str) -> bool:
        return await self._driver.run(lambda: self._steps.revoke(session_key, handle))

    async def rework(self, session_id: str) -> str:
        return await self._driver.run(lambda: self._steps.rework(session_id))

    async def list(self, session_key: str) -> Sequence[_jam.SessionInfo]:
        return await self._driver.run(lambda: self._steps.list(session_key))

    async def keep(self, name: str, data: bytes, life_time: float) -> None:
        await self._driver.run(lambda: self._steps.keep(name, data, life_time))

    async def take(self, name: str) -> bytes | None:
        return await self._driver.run(lambda: self._steps.take(name))

    async def close(self) -> None:
        await self._driver.close()


class ClientList:
    """What `_jam.AsyncTokenList` does, on a client object."""

    def __init__(self, client: Any, kind: str, namespace: str, options: dict[str, Any]) -> None:
        self._steps = ListSteps(kind, namespace, options)
        self._driver = Driver(client)

    async def add(self, token: str) -> None:
        await self.add_many([token])

    async def add_many(self, tokens: Sequence[str]) -> None:
        await self._driver.run(lambda: self._steps.add_many(tokens))

    async def revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        await self._driver.run(lambda: self._steps.revoke_subject(sub, issued_before))

    async def revoke_sessions(self, sub: str, sids: Sequence[str], life_time: float | None = None) -> None:
        await self._driver.run(lambda: self._steps.revoke_sessions(sub, sids, life_time))

    async def check(self, token: str) -> bool:
        return await self._driver.run(lambda: self._steps.check(token))

    async def delete(self, token: str) -> None:
        await self._driver.run(lambda: self._steps.delete(token))

    async def close(self) -> None:
        await self._driver.close()


class ClientReplayGuard:
    """What `_jam.AsyncReplayGuard` does, on a client object."""

    def __init__(self, client: Any) -> None:
        self._steps = ReplayGuardSteps()
        self._driver = Driver(client)

    async def accept(self, key: str, keep: int) -> bool:
        return await self._driver.run(lambda: self._steps.accept(key, keep))

    async def close(self) -> None:
        await self._driver.close()


class ClientTokenFamilies:
    """What `_jam.AsyncTokenFamilies` does, on a client object."""

    def __init__(self, client: Any, options: Mapping[str, Any]) -> None:
        self._steps = TokenFamilySteps(options)
        self._driver = Driver(client)
        self.expires_in = self._steps.expires_in

    async def issue(self, subject: str, claims: dict[str, Any]) -> tuple[str, str]:
        return await self._driver.run(lambda: self._steps.issue(subject, claims))

    async def refresh(self, refresh_token: str) -> Exchanged:
        return await self._driver.run(lambda: self._steps.refresh(refresh_token))

    async def revoke(self, refresh_token: str) -> tuple[str, str] | None:
        return await self._driver.run(lambda: self._steps.revoke(refresh_token))

    async def revoke_family(self, subject: str, handle: str) -> bool:
        return await self._driver.run(lambda: self._steps.revoke_family(subject, handle))

    async def revoke_all(self, subject: str) -> None:
        await self._driver.run(lambda: self._steps.revoke_all(subject))

    async def list(self, subject: str) -> Sequence[_jam.TokenFamily]:
        return await self._driver.run(lambda: self._steps.list(subject))

    async def close(self) -> None:
        await self._driver.close()
