"""From a configuration to the parts of a facade, for both facades."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from jam import _jam
from jam.exceptions import JamConfigurationError, JamError

Factory = Callable[..., Any]

DEFAULT_LOG_LEVEL = "INFO"


class Source:
    """Where a configuration comes from, which its errors tell."""

    def __init__(self, config: str | os.PathLike[str] | Mapping[str, Any], pointer: str) -> None:
        """Reads a file; a mapping is taken as given, and not changed."""
        self._file: str | None = None
        self._pointer = ""
        if isinstance(config, Mapping):
            self.tree = dict(config)
            return
        try:
            self._file = os.fspath(config)
        except TypeError:
            kind = type(config).__name__
            raise JamConfigurationError(f"config: must be a dict or the path of a file, not {kind}") from None
        self.tree, self._pointer = _jam.read_config(self._file, pointer)

    @contextmanager
    def named(self) -> Generator[None, None, None]:
        """Has the errors that come from within name the file and the path in it."""
        with at(self._pointer, self._file):
            yield


@contextmanager
def at(path: str, file: str | None = None) -> Generator[None, None, None]:
    """Has the errors that come from within name the key of the configuration that they are about."""
    try:
        yield
    except JamError as error:
        placed = error.at(path, file)
        if placed is error:
            raise
        raise placed from error


def resolve(target: str | Factory, path: str) -> Factory:
    """The class or function meant by itself or by its dotted path; `path` is the key that names it."""
    if not isinstance(target, str):
        if callable(target):
            return target
        raise JamConfigurationError(f"must be a class or its dotted path, not {type(target).__name__}").at(path)
    module_name, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        reason = f'{target!r} cannot be imported; write "package.module.Class"'
        raise JamConfigurationError(reason).at(path) from error
    if not callable(found):
        raise JamConfigurationError(f"{target!r} is no class").at(path)
    return cast(Factory, found)


def create(section: dict[str, Any], default: Factory, **extra: Any) -> Any:
    """Makes a module of its section: by the user's `custom_module`, else by the default.

    An error is that of a key below the section, whose path the caller knows.
    """
    options = {key: value for key, value in section.items() if key != "custom_module"}
    options |= {key: value for key, value in extra.items() if value is not None}
    factory = default
    if "custom_module" in section:
        factory = resolve(section["custom_module"], "custom_module")
        for type_key in ("session_type", "backend"):
            options.pop(type_key, None)
        _check_keywords(factory, options)
    return factory(**options)


def _check_keywords(factory: Factory, options: dict[str, Any]) -> None:
    """Refuses keys that a class of the user's own does not take, or lacks."""
    import inspect  # it takes milliseconds to import, which only programs with a class of their own pay

    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return  # a class of an extension may have none; its own error tells then
    try:
        signature.bind(**options)
    except TypeError as error:
        name = getattr(factory, "__name__", type(factory).__name__)
        raise JamConfigurationError(f"{name} cannot be made of the keys of this section: {error}") from None


def check_custom(module: Any, methods: tuple[str, ...], *, takes_coroutines: bool) -> None:
    """Refuses what cannot stand in for a part of Jam before the first call finds out.

    Args:
        module: What the user's class made.
        methods: What a facade calls.
        takes_coroutines: Whether the facade awaits what these methods give.
    """
    import inspect  # as above

    name = type(module).__name__
    for method in methods:
        function = getattr(module, method, None)
        if not callable(function):
            reason = f"{name} has no method {method}; derive it from the base class of its part"
            raise JamConfigurationError(reason).at("custom_module")
        if inspect.iscoroutinefunction(function) and not takes_coroutines:
            reason = f"{method} of {name} is a coroutine function, which is not awaited here"
            raise JamConfigurationError(reason).at("custom_module")


def serializer_of(given: Any, configured: Any) -> Any:
    """The serializer by argument, else by configuration, where it may be a dotted path."""
    chosen = configured if given is None else given
    chosen = resolve(chosen, "serializer") if isinstance(chosen, str) else chosen
    if chosen is not None and not all(callable(getattr(chosen, name, None)) for name in ("dumps", "loads")):
        reason = f"must have dumps and loads, as jam.encoders.BaseEncoder has; {type(chosen).__name__} has not"
        raise JamConfigurationError(reason).at("serializer")
    return chosen


def logger_of(given: logging.Logger | None, configured: Any, log_level: str | int, configured_level: str | None) -> Any:
    """The logger to use, with its level set.

    An argument wins over the configuration. The default level is set only where nobody chose one, so that an
    application's own logging settings stay.
    """
    logger = given or configured or logging.getLogger("jam")
    level = log_level if log_level != DEFAULT_LOG_LEVEL else configured_level
    if level is not None:
        _set_level(logger, level)
    elif getattr(logger, "level", None) == logging.NOTSET:
        _set_level(logger, DEFAULT_LOG_LEVEL)
    return logger


def _set_level(logger: Any, level: str | int) -> None:
    try:
        logger.setLevel(level.upper() if isinstance(level, str) else level)
    except (AttributeError, TypeError, ValueError) as error:
        reason = "must be DEBUG, INFO, WARNING, ERROR or CRITICAL, and the logger one of `logging`"
        raise JamConfigurationError(reason).at("log_level") from error


def create_of_type(
    types: Mapping[str, tuple[Factory, tuple[str, ...]]], type_key: str, chosen: str, options: dict[str, Any]
) -> Any:
    """Makes the store that a section names, without the keys that belong to other types.

    Args:
        types: By name: what makes the store, and the keys that are its own.
        type_key: The key of the section that names the type.
        chosen: Its value.
        options: The section's other keys.
    """
    if chosen == "custom":
        if "custom_module" not in options:
            raise JamConfigurationError(f'is required for {type_key} = "custom"').at("custom_module")
        return resolve(options.pop("custom_module"), "custom_module")(**options)
    if chosen not in types:
        raise JamConfigurationError(f"must be one of {', '.join(types)} or custom").at(type_key)
    factory, own = types[chosen]
    foreign = {key for _, keys in types.values() for key in keys}.difference(own)
    return factory(**{key: value for key, value in options.items() if key not in foreign})
