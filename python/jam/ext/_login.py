"""The two steps of a login at a provider (OAuth 2.0, OpenID Connect) that all integrations share."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs

from jam.cookies import Cookie
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamOAuth2InvalidCallback,
    JamOAuth2InvalidIdToken,
    JamOAuth2Refused,
    JamStoreError,
)
from jam.ext._policy import facade_of
from jam.ext._refusal import Refusal

if TYPE_CHECKING:
    from jam.ext._policy import JamOrConfig
    from jam.ext._sources import RequestHead
    from jam.oauth2 import CompletedLogin, Login

_logger = logging.getLogger("jam.ext")

_MAX_AGE = 600  # so long Jam keeps a login that waits for its callback

_MAX_CALLBACK_FIELDS = 100


class Departure(NamedTuple):
    """How a browser is sent to the provider."""

    url: str
    set_cookie: str


class LoginSteps:
    """A login at one provider.

    Args:
        jam: The facade, or a configuration to make it of; it needs the sections `oauth2` and `session`.
        provider: The provider's name in the configuration.
        scope: What to ask for; if left out, `openid` where the provider has an issuer.
        cookie: The cookie that binds a login to its browser; if left out, one that is named after the provider.
        is_async: Whether the asynchronous methods will be called.
    """

    def __init__(
        self,
        jam: JamOrConfig,
        provider: str,
        scope: Sequence[str] | None,
        cookie: Cookie | None,
        *,
        is_async: bool,
    ) -> None:
        self.jam: Any = facade_of(jam, is_async=is_async)
        if provider not in (self.jam.oauth2 or {}):
            raise JamConfigurationError("provider: oauth2.providers has no such provider")
        if self.jam.session is None:
            raise JamConfigurationError(
                'the configuration has no section "session", where logins wait for their callback'
            )
        self._awaits = inspect.iscoroutinefunction(self.jam.oauth2_begin)
        self._provider = provider
        self._scope = scope
        self._cookie = Cookie(f"login-{provider}") if cookie is None else cookie

    def begin(self, **extra: Any) -> Departure:
        """Begins a login.

        Raises:
            Refusal: 502, the provider cannot be used; 503, the store does not answer.
        """
        try:
            login: Login = self.jam.oauth2_begin(self._provider, self._scope, **extra)
        except JamError as error:
            raise _refusal(error) from error
        return self._departure(login)

    async def begin_async(self, **extra: Any) -> Departure:
        """As `begin`."""
        try:
            login: Login = await self._do(self.jam.oauth2_begin, self._provider, self._scope, **extra)
        except JamError as error:
            raise _refusal(error) from error
        return self._departure(login)

    def complete(self, head: RequestHead, callback: Mapping[str, Any] | None) -> CompletedLogin:
        """Completes a login by the request that brought the browser back.

        Args:
            head: The request.
            callback: The parameters of a form that the provider had the browser post; else those of the query count.

        Raises:
            Refusal: 400, no login of this browser waits for this callback; 403, the provider or the user refused; 502,
                the provider cannot be used or gave what cannot be trusted; 503, the store does not answer.
        """
        parameters, binding = self._arrival(head, callback)
        try:
            return self.jam.oauth2_complete(self._provider, parameters, binding)
        except JamError as error:
            raise _refusal(error) from error

    async def complete_async(self, head: RequestHead, callback: Mapping[str, Any] | None) -> CompletedLogin:
        """As `complete`."""
        parameters, binding = self._arrival(head, callback)
        try:
            return await self._do(self.jam.oauth2_complete, self._provider, parameters, binding)
        except JamError as error:
            raise _refusal(error) from error

    def forget(self) -> str:
        """The text of the `Set-Cookie` header that makes the browser forget a login that is over."""
        return self._cookie.delete()

    def _departure(self, login: Login) -> Departure:
        return Departure(login.url, self._cookie.set(login.binding, _MAX_AGE))

    def _arrival(self, head: RequestHead, callback: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], str | None]:
        binding = self._cookie.get(head.header("cookie"))
        if callback is not None:
            return callback, binding
        try:
            return parse_qs(head.query, keep_blank_values=True, max_num_fields=_MAX_CALLBACK_FIELDS), binding
        except ValueError as error:
            raise Refusal(400, "invalid_request", "the callback has too many parameters") from error

    async def _do(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._awaits:
            return await call(*args, **kwargs)
        return await asyncio.to_thread(call, *args, **kwargs)


def _refusal(error: JamError) -> Refusal:
    """The answer to a login that fails; it shows nothing of what the provider said."""
    if isinstance(error, JamConfigurationError):
        raise error  # a mistake of the program, not of the request
    _logger.info("a login was refused: %s", error.error_code)
    if isinstance(error, JamStoreError):
        return Refusal.store_unavailable()
    if isinstance(error, JamOAuth2Refused):
        return Refusal(403, "access_denied", "the login was refused")
    if isinstance(error, JamOAuth2InvalidIdToken):
        return Refusal(502, "server_error", "the provider's answer cannot be trusted")
    if isinstance(error, JamOAuth2InvalidCallback | ValueError):
        return Refusal(400, "invalid_request", "no login of this browser waits for this answer; begin again")
    return Refusal(502, "server_error", "the provider cannot be used at the moment")
