"""Jam in Litestar: plugins that know who sends a request, and guards.

`request.user` is a user made of the payload, `request.auth` the `Identity` with the scopes; both are `None` for nobody
known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any, ClassVar, cast

from jam.ext._extras import missing

try:
    from litestar.datastructures import Cookie
    from litestar.di import Provide
    from litestar.exceptions import HTTPException
    from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult, DefineMiddleware
    from litestar.openapi.spec import Components, SecurityScheme
    from litestar.plugins import InitPlugin
    from litestar.response import Redirect
except ModuleNotFoundError as error:
    raise missing("litestar", "litestar") from error

from jam.ext._login import LoginSteps
from jam.ext._policy import Authentication, Identity, Kind, Policy, PolicyOptions, user_of
from jam.ext._refusal import Refusal, check_scopes
from jam.ext._sources import AUTHORIZATION
from jam.ext.asgi import head_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar import Response
    from litestar.config.app import AppConfig
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import ASGIApp
    from typing_extensions import Self, Unpack

    from jam.cookies import Cookie as JamCookie
    from jam.ext._policy import JamOrConfig
    from jam.oauth2 import CompletedLogin

    Connection = ASGIConnection[Any, Any, Any, Any]
    Guard = Callable[[Connection, BaseRouteHandler], None]

__all__ = [
    "BaseUser",
    "Identity",
    "JWTPlugin",
    "JamPlugin",
    "OAuth2Login",
    "PASETOPlugin",
    "SessionPlugin",
    "SessionsPlugin",
    "SimpleUser",
]


class BaseUser:
    """A user of the program's own; it says how it is made of a payload."""

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Makes the user of a token's claims or a session's data.

        A `LookupError`, `TypeError` or `ValueError` means that the payload is not of a user; nobody is signed in then.
        """
        raise NotImplementedError


class SimpleUser(BaseUser):
    """A user that is its payload.

    Attributes:
        payload: The claims of the token, or the data of the session.
    """

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Makes the user."""
        return cls(payload)


class JamPlugin(InitPlugin):
    """Gives handlers the facade by dependency injection, and checks nothing.

    Args:
        jam: The facade.
        dependency_key: The name of the parameter that receives it.
    """

    def __init__(self, jam: Any, dependency_key: str = "jam") -> None:
        self._jam = jam
        self._dependency_key = dependency_key

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Adds the dependency to an application."""
        app_config.dependencies[self._dependency_key] = _provide(self._jam)
        return app_config


class _Plugin(InitPlugin):
    _KIND: ClassVar[Kind]

    def __init__(
        self,
        jam: JamOrConfig | None = None,
        cookie_name: str | None = None,
        header_name: str | None = None,
        *,
        user: type[BaseUser] | None = None,
        middleware: bool = True,
        exclude: str | list[str] | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        self.policy = Policy(self._KIND, jam, cookie_name, header_name, is_async=True, **options)
        self._from_payload = (user or SimpleUser).from_payload
        self._has_middleware = middleware
        self._exclude = exclude
        # Plugins of several kinds may stand in one application.
        self._scope_key = f"jam.authentication.{self._KIND}"

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Adds the middleware, the security scheme, and the part of Jam as a dependency to an application."""
        app_config.dependencies.setdefault(self._KIND, _provide(getattr(self.policy.jam, self._KIND, None)))
        if self._has_middleware:
            app_config.middleware.append(DefineMiddleware(_Middleware, plugin=self, exclude=self._exclude))
        if app_config.openapi_config is not None:
            openapi = app_config.openapi_config = copy(app_config.openapi_config)
            ours = Components(security_schemes={self._KIND: _scheme_of(self.policy)})
            theirs = openapi.components
            openapi.components = [*theirs, ours] if isinstance(theirs, list) else [theirs, ours]
        return app_config

    async def authenticate(self, connection: Connection) -> AuthenticationResult:
        """What the middleware asks."""
        scope = _scope_of(connection)
        try:
            authentication = await self.policy.authenticate_async(head_of(scope))
        except Refusal as refusal:
            raise _http(refusal) from refusal
        scope[self._scope_key] = authentication
        identity = authentication.identity
        user = None if identity is None else user_of(identity, self._from_payload, authentication)
        if user is None:  # a plugin before this one may know somebody
            return AuthenticationResult(scope.get("user"), scope.get("auth"))
        return AuthenticationResult(user, identity)

    def guard(self, *scopes: str) -> Guard:
        """A guard for handlers that need somebody with these scopes: `guards=[plugin.guard("read")]`.

        It answers 401 for nobody known and 403 for a scope that is missing, each with `WWW-Authenticate`; a WebSocket
        is refused before it is accepted.
        """
        check_scopes(scopes)

        def require(connection: Connection, _: BaseRouteHandler) -> None:
            try:
                self._authentication_of(connection).require(*scopes)
            except Refusal as refusal:
                raise _http(refusal) from refusal

        return require

    def set_cookie(self, response: Response[Any], credential: str, max_age: int | None = None) -> None:
        """Gives the browser a token or a session's id.

        Args:
            response: The answer to a login.
            credential: The token or the id.
            max_age: Seconds until the browser forgets it; when it is closed, if left out.
        """
        response.set_cookie(_cookie(self.policy.set_cookie(credential, max_age)))

    async def sign_out(self, connection: Connection, response: Response[Any]) -> None:
        """Ends the session of a request, or lists its token, and makes the browser forget the cookie.

        Raises:
            HTTPException: 503, the store does not answer.
        """
        identity = self._authentication_of(connection).identity
        if identity is not None:
            try:
                await self.policy.revoke_async(identity)
            except Refusal as refusal:
                raise _http(refusal) from refusal
        forget = self.policy.delete_cookie()
        if forget is not None:
            response.set_cookie(_cookie(forget))

    def _authentication_of(self, connection: Connection) -> Authentication:
        try:
            return cast(Any, connection.scope)[self._scope_key]
        except KeyError:
            raise RuntimeError(
                f"{type(self).__name__} does not see this path; mind its exclude and middleware"
            ) from None


class JWTPlugin(_Plugin):
    """Users by JWT; the dependency `jwt` is the module that makes tokens.

    Args:
        jam: The facade, preferably `jam.aio.Jam`, or a configuration to make it of.
        cookie_name: The whole name of a cookie that holds the token.
        header_name: A header that holds it; `Authorization` where no place is named.
        user: What `request.user` becomes; a `SimpleUser` if left out.
        middleware: Whether requests are looked at; `False` leaves the dependency alone.
        exclude: Patterns of paths that are not looked at.
        **options: See `jam.ext.PolicyOptions`.
    """

    _KIND = "jwt"


class PASETOPlugin(_Plugin):
    """Users by PASETO; the dependency is `paseto`. The arguments are those of `JWTPlugin`."""

    _KIND = "paseto"


class SessionPlugin(_Plugin):
    """Users by session; the dependency is `session`. The arguments are those of `JWTPlugin`.

    Without a name, the cookie is `__Host-session`.
    """

    _KIND = "session"


SessionsPlugin = SessionPlugin
"""The name of the 2.x line."""


class OAuth2Login:
    """A login at a provider: one route begins it, another, to which the provider sends the browser back, completes it.

    Args:
        jam: The facade, preferably `jam.aio.Jam`; it needs the sections `oauth2` and `session`.
        provider: The provider's name in the configuration.
        scope: What to ask for; if left out, `openid` where the provider has an issuer.
        cookie: The cookie that binds a login to its browser; if left out, `__Host-login-` and the provider's name.
    """

    def __init__(
        self, jam: JamOrConfig, provider: str, scope: Sequence[str] | None = None, *, cookie: JamCookie | None = None
    ) -> None:
        self._steps = LoginSteps(jam, provider, scope, cookie, is_async=True)

    async def begin(self, **extra: Any) -> Redirect:
        """Sends the browser to the provider.

        Args:
            **extra: Further parameters for the provider, such as `prompt`.

        Raises:
            HTTPException: 502 or 503, the provider or the store does not answer.
        """
        try:
            departure = await self._steps.begin_async(**extra)
        except Refusal as refusal:
            raise _http(refusal) from refusal
        cookies = [_cookie(departure.set_cookie)]
        return Redirect(departure.url, status_code=303, cookies=cookies, headers={"Cache-Control": "no-store"})

    async def complete(self, connection: Connection, callback: Mapping[str, Any] | None = None) -> CompletedLogin:
        """Gives the `tokens` and the validated `claims` of a login that the browser comes back from.

        Args:
            connection: The request.
            callback: The form, where the provider has the browser post one; else the query counts.

        Raises:
            HTTPException: 400, no login of this browser waits for this; 403, the user or the provider refused; 502 or
                503, the provider or the store cannot be used.
        """
        try:
            return await self._steps.complete_async(head_of(_scope_of(connection)), callback)
        except Refusal as refusal:
            raise _http(refusal) from refusal

    def forget(self, response: Response[Any]) -> None:
        """Makes the browser forget the login's cookie, when the login is over."""
        response.set_cookie(_cookie(self._steps.forget()))


class _Middleware(AbstractAuthenticationMiddleware):
    def __init__(self, app: ASGIApp, plugin: _Plugin, exclude: str | list[str] | None) -> None:
        super().__init__(app, exclude=exclude, exclude_http_methods=_NONE)
        self._plugin = plugin

    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        return await self._plugin.authenticate(connection)


_NONE: Sequence[Any] = ()


def _scope_of(connection: Connection) -> dict[str, Any]:
    """A connection's scope, which may hold more than Litestar's type of it says."""
    return cast("dict[str, Any]", connection.scope)


def _provide(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _cookie(text: str) -> Cookie:
    """The text of a `Set-Cookie` header as Litestar takes it."""
    ((name, morsel),) = SimpleCookie(text).items()
    return Cookie(
        key=name,
        value=morsel.value,
        path=morsel["path"],
        domain=morsel["domain"] or None,
        max_age=int(morsel["max-age"]) if morsel["max-age"] else None,
        secure=bool(morsel["secure"]),
        httponly=bool(morsel["httponly"]),
        samesite=morsel["samesite"].lower(),
    )


def _scheme_of(policy: Policy) -> SecurityScheme:
    """What the OpenAPI document says about a policy: its first place."""
    sources = policy.sources
    if sources.header_name == AUTHORIZATION:
        return SecurityScheme(type="http", scheme="bearer", bearer_format="JWT" if policy.kind == "jwt" else None)
    if sources.header_name is not None:
        return SecurityScheme(type="apiKey", security_scheme_in="header", name=sources.header_name)
    if sources.cookie is not None:
        return SecurityScheme(type="apiKey", security_scheme_in="cookie", name=sources.cookie.name)
    return SecurityScheme(type="apiKey", security_scheme_in="query", name=sources.query_name)


def _http(refusal: Refusal) -> HTTPException:
    return HTTPException(detail=refusal.description, status_code=refusal.status, headers=refusal.headers)
