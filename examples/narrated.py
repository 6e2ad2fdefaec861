"""Prints every call of an object together with its result, aligned, so that a program can show what it does."""

from __future__ import annotations

import inspect
import logging
import reprlib
import textwrap
from collections.abc import Callable
from typing import Any

# The Rust quickstart prints in the same columns.
LINE_WIDTH = 100
CALL_WIDTH = 60
RESULT_WIDTH = 34

_arguments = reprlib.Repr()
_arguments.maxstring, _arguments.maxdict = 20, 1


def heading(text: str) -> None:
    """Prints the title of the calls that follow."""
    print(f"\n{text}")


def tell(call: str, result: object) -> None:
    """Prints one call with its result, of which the beginning is enough."""
    shown = repr(result)
    if len(shown) > RESULT_WIDTH:
        shown = f"{shown[: RESULT_WIDTH - 3]}..."
    if len(call) > CALL_WIDTH:
        print(f"  {call}")
        call = ""
    print(f"  {call:{CALL_WIDTH}} -> {shown}")


def tell_warnings() -> None:
    """Prints what is logged between the calls, in lines of the same width."""

    class Wrapped(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            text = f"{record.levelname}: {record.getMessage()}"
            return textwrap.fill(text, LINE_WIDTH, initial_indent="  ", subsequent_indent="  ")

    handler = logging.StreamHandler()
    handler.setFormatter(Wrapped())
    logging.basicConfig(handlers=[handler])


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
            shown = [_arguments.repr(value) for value in args]
            shown += [f"{key}={_arguments.repr(value)}" for key, value in kwargs.items()]
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
