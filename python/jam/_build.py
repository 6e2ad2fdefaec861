"""From a configuration to the parts of a facade, for both facades."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from jam import _jam
from jam.exceptions import JamConfigurationError, JamError

Factory = Callable[..., Any]

DEFAULT_LOG_LEVEL = "INFO"


def load(config: str | os.PathLike[str] | Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """Reads, checks and completes a configuration. A mapping is taken as given, and not changed."""
    if isinstance(config, Mapping):
        return _jam.canonical_config(dict(config))
    try:
        path = os.fspath(config)
    except TypeError:
        kind = type(config).__name__
        raise JamConfigurationError(f"config: must be a dict or the path of a file, not {kind}") from None
    return _jam.canonical_config(_jam.read_config(path, pointer))


def resolve(target: str | Factory, path: str) -> Factory:
    """The class or function meant by itself or by its dotted path; `path` is the key that names it."""
    if not isinstance(target, str):
        if callable(target):
            return target
        raise JamConfigurationError(f"{path}: must be a class or its dotted path, not {type(target).__name__}")
    module_name, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise JamConfigurationError(f'{path}: {target!r} cannot be imported; write "package.module.Class"') from error
    if not callable(found):
        raise JamConfigurationError(f"{path}: {target!r} is no class")
    return cast(Factory, found)


def create(section: dict[str, Any], default: str | Factory, path: str, **extra: Any) -> Any:
    """Makes a module of its section: by the user's `custom_module`, else by the default."""
    options = {key: value for key, value in section.items() if key != "custom_module"}
    options |= {key: value for key, value in extra.items() if value is not None}
    factory = resolve(default, f"MODULES[{path!r}]")
    if "custom_module" in section:
        factory = resolve(section["custom_module"], f"{path}.custom_module")
        for type_key in ("session_type", "backend"):
            options.pop(type_key, None)
        _check_keywords(factory, options, path)
    try:
        return factory(**options)
    except JamError as error:
        _name_section(error, path)
        raise


def _check_keywords(factory: Factory, options: dict[str, Any], path: str) -> None:
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
        raise JamConfigurationError(f"{path}: {name} cannot be made of the keys of this section: {error}") from None


def check_custom(module: Any, path: str, methods: tuple[str, ...], *, takes_coroutines: bool) -> None:
    """Refuses what cannot stand in for a part of Jam before the first call finds out.

    Args:
        module: What the user's class made.
        path: The section that names it.
        methods: What a facade calls.
        takes_coroutines: Whether the facade awaits what these methods give.
    """
    import inspect  # as above

    name = type(module).__name__
    for method in methods:
        function = getattr(module, method, None)
        if not callable(function):
            raise JamConfigurationError(
                f"{path}.custom_module: {name} has no method {method}; derive it from the base class of its part"
            )
        if inspect.iscoroutinefunction(function) and not takes_coroutines:
            raise JamConfigurationError(
                f"{path}.custom_module: {method} of {name} is a coroutine function, which is not awaited here"
            )


def _name_section(error: JamError, path: str) -> None:
    """Puts the section's path before the message of a part, which does not know where it stands."""
    if error.message.startswith(path):
        return
    key = error.details.get("path")
    if key is not None and error.message.startswith(f"{key}: "):
        error.details["path"] = f"{path}.{key}"
        error.message = f"{path}.{error.message}"
    else:
        error.message = f"{path}: {error.message}"
    error.args = (error.message,)


def serializer_of(given: Any, configured: Any) -> Any:
    """The serializer by argument, else by configuration, where it may be a dotted path."""
    chosen = configured if given is None else given
    return resolve(chosen, "serializer") if isinstance(chosen, str) else chosen


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
        raise JamConfigurationError(
            "log_level: must be DEBUG, INFO, WARNING, ERROR or CRITICAL, and the logger one of `logging`"
        ) from error


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
            raise JamConfigurationError(f'custom_module: is required for {type_key} = "custom"')
        return resolve(options.pop("custom_module"), "custom_module")(**options)
    if chosen not in types:
        raise JamConfigurationError(f"{type_key}: must be one of {', '.join(types)} or custom")
    factory, own = types[chosen]
    foreign = {key for _, keys in types.values() for key in keys}.difference(own)
    return factory(**{key: value for key, value in options.items() if key not in foreign})
