"""Both facades under one blocking interface, so that a test is written once."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import jam
import jam.aio


class Driven:
    """An object whose coroutine functions are run to their end when they are called."""

    def __init__(self, target: Any, run: Callable[[Awaitable[Any]], Any]) -> None:
        self.target = target
        self._run = run

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.target, name)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            result = value(*args, **kwargs)
            return self._run(result) if inspect.isawaitable(result) else result

        return call


class Face:
    """One of the two facades: makes instances of it, and of the modules with I/O that go with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_async = name == "asyncio"
        self.Jam: type[Any] = jam.aio.Jam if self.is_async else jam.Jam
        self._loop = asyncio.new_event_loop() if self.is_async else None
        self._made: list[Driven] = []

    def jam(self, config: Any, *args: Any, **kwargs: Any) -> Any:
        """A facade to be called as if it were blocking; it is closed when the test ends."""
        made = self.drive(self.Jam(config, *args, **kwargs))
        self._made.append(made)
        return made

    def drive(self, target: Any) -> Driven:
        return Driven(target, self.run)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        assert self._loop is not None, "a blocking method gave an awaitable"

        async def wait() -> Any:
            return await awaitable

        return self._loop.run_until_complete(wait())

    def close(self) -> None:
        for made in self._made:
            made.aclose() if self.is_async else made.close()
        if self._loop is not None:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
