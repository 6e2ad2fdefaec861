"""Blocking modules of the user's own behind the asyncio facade."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any


class InThread:
    """Calls a module's blocking methods in a thread, so that the event loop goes on.

    Methods that are coroutine functions are called as they are, and what is no method is given as it is.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._module, name)
        if not callable(method) or inspect.iscoroutinefunction(method):
            return method
        return functools.partial(_call, method)


async def _call(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = await asyncio.to_thread(method, *args, **kwargs)
    return await result if inspect.isawaitable(result) else result
