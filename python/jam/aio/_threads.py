"""Blocking modules of the user's own behind the asyncio facade."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any


class InThread:
    """Calls a module's blocking methods in a thread, so that the event loop goes on.

    Methods that are coroutine functions are called as they are.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._module, name)
        if inspect.iscoroutinefunction(method):
            return method
        return functools.partial(_call, method)


async def _call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = await asyncio.to_thread(method, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result
