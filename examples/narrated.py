"""Prints every call of an object together with its result, aligned, so that a program can show what it does."""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Callable
from typing import Any

CALL_WIDTH = 80


def _shortener(text: int, members: int) -> reprlib.Repr:
    shortener = reprlib.Repr()
    shortener.maxstring, shortener.maxdict = text, members
    return shortener


_argument = _shortener(text=20, members=1).repr
_result = _shortener(text=44, members=4).repr


def heading(text: str) -> None:
    """Prints the title of the calls that follow."""
    print(f"\n{text}")


def tell(call: str, result: object) -> None:
    """Prints one call with its result."""
    shown = _result(result)
    if len(call) > CALL_WIDTH:
        print(f"  {call}\n  {'':{CALL_WIDTH}}  -> {shown}")
    else:
        print(f"  {call:{CALL_WIDTH}}  -> {shown}")


class Narrated:
    """Stands before an object and tells of each method called on it; what the method does is unchanged."""

    def __init__(self, target: object, name: str) -> None:
        self._target = target
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        value = getattr(self._target, attribute)
        return self._narrate(attribute, value) if callable(value) else value

    def _narrate(self, method: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: object, **kwargs: object) -> Any:
            shown = [_argument(value) for value in args]
            shown += [f"{key}={_argument(value)}" for key, value in kwargs.items()]
            text = f"{self._name}.{method}({', '.join(shown)})"
            result = function(*args, **kwargs)
            if inspect.isawaitable(result):
                return self._await(f"await {text}", result)
            tell(text, result)
            return result

        return call

    async def _await(self, text: str, awaitable: Any) -> Any:
        result = await awaitable
        tell(text, result)
        return result
