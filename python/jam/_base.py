"""What the blocking and the asyncio facade have in common: the configuration, the parts, the text form."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from jam import _build, _jam
from jam._guarded import Guarded
from jam.exceptions import (
    JamConfigurationError,
    JamConfigurationMissingSection,
    JamError,
    JamJWTInBlackList,
    JamJWTNotInWhiteList,
    JamOAuth2ProviderNotConfigured,
    JamValidationError,
)

if TYPE_CHECKING:
    import logging

    from jam.encoders import BaseEncoder
    from jam.jose import BaseJWE, BaseJWS
    from jam.jwt import BaseJWT
    from jam.otp import ConfiguredOTP
    from jam.paseto import BasePASETO


class _NotConfigured:
    """Stands where a part would be that has no section: every use of it is refused."""

    def __init__(self, section: str) -> None:
        self._section = section

    def __getattr__(self, name: str) -> NoReturn:
        raise JamConfigurationMissingSection(
            f'the configuration has no section "{self._section}"; add it to use this method',
            details={"section": self._section},
        )


def claims_of(data: Any, claims: dict[str, Any]) -> dict[str, Any]:
    """The claims that a call gives in two ways. What is no dict may be empty by mistake, and would be passed over."""
    if data is None:
        return claims
    if not isinstance(data, dict):
        raise TypeError(f"data: expected dict, not {type(data).__name__}")
    return {**data, **claims}


_DOES_NO_IO = frozenset({"jwt", "jose.jws", "jose.jwe", "otp", "paseto"})

_METHODS = {
    "jwt": ("encode", "decode", "make_payload"),
    "jwt.list": ("add", "check", "delete"),
    "jose.jws": ("sign", "verify"),
    "jose.jwe": ("encrypt", "decrypt"),
    "session": ("create", "get", "update", "delete", "clear", "rework"),
    "oauth2": ("get_authorization_url", "fetch_token", "refresh_token", "client_credentials_flow"),
    "otp": ("code", "uri", "verify", "verify_step", "qr_svg"),
    "otp.replay_guard": ("verify",),
    "paseto": ("encode", "decode", "make_payload"),
    "tokens": ("issue", "refresh", "revoke", "revoke_all"),
}
"""What the facades ask of a class that stands in for each part. What else one lacks is told when it is called."""


_MAY_BE_MISSING = {"create": "metadata", "update": "version", "clear": "keep"}
"""Keywords of a session module that a class of the user's own may do without."""


def _takes(method: Callable[..., Any], keyword: str) -> bool:
    parameters = inspect.signature(method).parameters.values()
    return any(each.name == keyword or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


def _or_refusal(module: Any, section: str) -> Any:
    return _NotConfigured(section) if module is None else module


class BaseJam(Guarded):
    """The part of a facade that does not depend on how its methods are called."""

    MODULES: ClassVar[dict[str, str | Callable[..., Any]]]
    """What makes each part: a class or function, or its dotted path; called with the section's keys as keywords."""

    _AWAITS: ClassVar[bool] = False
    """Whether the facade awaits what the methods of its modules give."""

    def __init__(
        self,
        config: str | os.PathLike[str] | Mapping[str, Any] = "pyproject.toml",
        pointer: str = "jam",
        *,
        logger: logging.Logger | None = None,
        log_level: str | int = _build.DEFAULT_LOG_LEVEL,
        serializer: type[BaseEncoder] | BaseEncoder | None = None,
    ) -> None:
        source = _build.Source(config, pointer)
        with source.named():
            settings = _jam.canonical_config(source.tree)
            configured = settings.pop("logger", None), settings.pop("log_level", None)
            self.logger = _build.logger_of(logger, configured[0], log_level, configured[1])
            self._configured = tuple(key for key in settings if key != "serializer")
            self._make_parts(settings, _build.serializer_of(serializer, settings.pop("serializer", None)))
        self.logger.debug("configured: %s", ", ".join(self._configured) or "nothing")

    def _make_parts(self, settings: dict[str, Any], serializer: Any) -> None:
        # Every part twice: as users see it, and as the methods call it.
        self._list: Any = None
        self._is_white_list = False
        self._leeway: float = 0
        self.jwt: BaseJWT | None = self._make_jwt(settings.get("jwt"), serializer)
        self._jwt: Any = _or_refusal(self.jwt, "jwt")
        self.jws: BaseJWS | None = self._make(settings, "jose.jws")
        self._jws: Any = _or_refusal(self.jws, "jose.jws")
        self.jwe: BaseJWE | None = self._make(settings, "jose.jwe")
        self._jwe: Any = _or_refusal(self.jwe, "jose.jwe")
        self._replay_guard: Any = _NotConfigured("otp.replay_guard" if "otp" in settings else "otp")
        self.otp: ConfiguredOTP | None = self._make_otp(settings.get("otp"))
        self._otp: Any = _or_refusal(self.otp, "otp")
        self.paseto: BasePASETO | None = self._make(settings, "paseto", serializer=serializer)
        self._paseto: Any = _or_refusal(self.paseto, "paseto")
        self.session: Any = self._make(settings, "session", serializer=serializer)
        self._session: Any = _or_refusal(self._callable_form(self.session), "session")
        self.tokens: Any = self._make_tokens(settings.get("tokens"), serializer)
        self._tokens: Any = _or_refusal(self._callable_form(self.tokens), "tokens")
        clients = self._make_clients(settings.get("oauth2"))
        self.oauth2: dict[str, Any] | None = clients
        self._oauth2 = {name: self._callable_form(client) for name, client in (clients or {}).items()}

    def _callable_form(self, module: Any) -> Any:
        """A module that does I/O, in the form in which this facade calls it."""
        return module

    def _session_method(self, name: str) -> Any:
        """A method that a session module may lack: all of it, or the keyword that came later."""
        keyword = _MAY_BE_MISSING.get(name)
        method = self._method("session", name)
        if keyword is not None and self.session is not None and not _takes(getattr(self.session, name), keyword):
            raise JamConfigurationError(
                f"session: {type(self.session).__name__} does not define {keyword} in {name}(...)"
            )
        return method

    def _method(self, part: Literal["session", "tokens"], name: str) -> Any:
        """A method that a module of the user's own may lack."""
        module = getattr(self, part)
        if module is not None and not hasattr(module, name):
            raise JamConfigurationError(f"{part}: {type(module).__name__} does not define {name}(...)")
        return getattr(getattr(self, f"_{part}"), name)

    def _factory(self, part: str) -> Callable[..., Any]:
        try:
            return _build.resolve(self.MODULES[part], f"MODULES[{part!r}]")
        except KeyError:
            raise JamConfigurationError(
                f"MODULES: has no {part!r}; write MODULES = {{**Jam.MODULES, ...}} to keep the others"
            ) from None

    def _make(self, settings: dict[str, Any], part: str, **extra: Any) -> Any:
        section = settings
        for name in part.split("."):
            if name not in section:
                return None
            section = section[name]
        return self._create(section, part, **extra)

    def _create(self, section: dict[str, Any], part: str, path: str | None = None, **extra: Any) -> Any:
        """Makes a part of its section, which stands at `path` in the configuration."""
        factory = self._factory(part)
        with _build.at(part if path is None else path):
            made = _build.create(section, factory, **extra)
            if "custom_module" in section:
                takes_coroutines = self._AWAITS and part not in _DOES_NO_IO
                _build.check_custom(made, _METHODS[part], takes_coroutines=takes_coroutines)
        return made

    def _make_jwt(self, section: dict[str, Any] | None, serializer: Any) -> Any:
        if section is None:
            return None
        tokens = None
        if "list" in section:
            # A list of the user's own is given its own keys only.
            leeway = None if "custom_module" in section["list"] else section.get("leeway")
            tokens = self._create(section["list"], "jwt.list", leeway=leeway)
            kind = section["list"].get("type", getattr(tokens, "type", None))
            if kind not in ("white", "black"):
                raise JamConfigurationError('is required: "white" or "black"').at("jwt.list.type")
            self._list = self._callable_form(tokens)
            self._is_white_list = kind == "white"
            self._leeway = section.get("leeway", 0)
        options = {key: value for key, value in section.items() if key != "list"}
        return self._create(options, "jwt", list=tokens, serializer=serializer)

    def _make_tokens(self, section: dict[str, Any] | None, serializer: Any) -> Any:
        if section is None:
            return None
        if "custom_module" in section:
            # What is of the user's own is given its own keys only.
            return self._create(section, "tokens")
        options = dict(section)
        kind = options.pop("access_token", "paseto" if self.jwt is None and self.paseto is not None else "jwt")
        access = self.jwt if kind == "jwt" else self.paseto
        if access is None:
            reason = 'access tokens are made by another section: add "jwt", or "paseto" and access_token = "paseto"'
            raise JamConfigurationError(reason).at("tokens")
        # A list knows JSON Web Tokens only.
        tokens = self._list if kind == "jwt" else None
        return self._create(options, "tokens", access=access, list=tokens, serializer=serializer)

    @property
    def _revoking_list(self) -> Any:
        """The list, for what needs one."""
        if self._list is not None and not hasattr(self._list, "revoke_subject"):
            raise JamConfigurationError(f"jwt.list: {type(self._list).__name__} does not define revoke_subject(...)")
        return _or_refusal(self._list, "jwt.list" if self.jwt is not None else "jwt")

    def _make_otp(self, section: dict[str, Any] | None) -> Any:
        if section is None:
            return None
        guard = None
        if "replay_guard" in section:
            guard = self._create(section["replay_guard"], "otp.replay_guard")
            self._replay_guard = self._callable_form(guard)
        options = {key: value for key, value in section.items() if key != "replay_guard"}
        return self._create(options, "otp", replay_guard=guard)

    def _check_leeway(self, leeway: float | None) -> None:
        """Refuses what would accept tokens that the black list has forgotten."""
        if leeway is not None and not self._is_white_list and leeway > self._leeway:
            raise JamValidationError(
                "leeway: with a black list it must not be larger than the configured jwt.leeway, "
                "after which the list forgets a token; configure the largest one"
            )

    def _make_clients(self, section: dict[str, Any] | None) -> dict[str, Any] | None:
        if section is None:
            return None
        # Jam's own clients know where they stand, as their later errors tell it, too.
        return {
            name: self._create(
                provider, "oauth2", f"oauth2.providers.{name}" if "custom_module" in provider else "", provider=name
            )
            for name, provider in section["providers"].items()
        }

    def _client(self, provider: str) -> Any:
        try:
            return self._oauth2[provider]
        except KeyError:
            if self.oauth2 is None:
                return _NotConfigured("oauth2")
            raise JamOAuth2ProviderNotConfigured(
                f"oauth2.providers has no such provider; it has: {', '.join(self._oauth2) or 'none'}"
            ) from None

    def _is_listed(self, check_list: Any) -> bool:
        """Whether the list is to be asked. What is no bool would be taken for a no by mistake."""
        if not isinstance(check_list, bool):
            raise TypeError(f"check_list: expected bool, not {type(check_list).__name__}")
        return check_list and self._list is not None

    def _refused_by_list(self) -> JamError:
        """The error for a token that the list refuses."""
        refusal = JamJWTNotInWhiteList() if self._is_white_list else JamJWTInBlackList()
        self.logger.info("a token was refused: %s", refusal.error_code)
        return refusal

    def _closable(self) -> list[Any]:
        """The modules that hold connections or files; one of the user's own may have no `close`."""
        modules = [self._list, self._session, self._tokens, self._replay_guard, *self._oauth2.values()]
        return [module for module in modules if not isinstance(module, _NotConfigured) and hasattr(module, "close")]

    def __repr__(self) -> str:
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return f"<{name} with {', '.join(self._configured) or 'nothing'} configured>"
