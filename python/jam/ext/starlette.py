"""Jam in Starlette: backends for its authentication middleware.

`request.user` is then a user made of the payload, `request.auth.scopes` has `authenticated` and the payload's scopes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jam.ext._extras import missing

try:
    from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError
    from starlette.authentication import BaseUser as StarletteUser
    from starlette.exceptions import HTTPException, WebSocketException
    from starlette.middleware.authentication import AuthenticationMiddleware as StarletteMiddleware
    from starlette.responses import RedirectResponse, Response
except ModuleNotFoundError as error:
    raise missing("starlette", "starlette") from error

from jam.ext._login import LoginSteps
from jam.ext._policy import Identity, Kind, Policy, PolicyOptions, user_of
from jam.ext._refusal import Refusal
from jam.ext.asgi import SCOPE_KEY, authentication_of, head_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp
    from typing_extensions import Self, Unpack

    from jam.cookies import Cookie
    from jam.ext._policy import JamOrConfig
    from jam.oauth2 import CompletedLogin

__all__ = [
    "AuthenticationMiddleware",
    "BaseUser",
    "JWTBackend",
    "OAuth2Login",
    "PASETOBackend",
    "SessionBackend",
    "SimpleUser",
    "identity_of",
    "on_error",
    "require",
]

_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


class BaseUser(StarletteUser):
    """A user of the program's own; it says how it is made of a payload."""

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> Self:
        """Makes the user of a token's claims or a session's data.

        A `LookupError`, `TypeError` or `ValueError` means that the payload is not of a user; nobody is signed in then.
        """
        raise NotImplementedError

    @property
    def is_authenticated(self) -> bool:
        """`True`: somebody unknown is an `UnauthenticatedUser` of Starlette."""
        return True

    @property
    def display_name(self) -> str:
        """A name to show; empty if the class does not say."""
        return ""


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

    @property
    def display_name(self) -> str:
        """The member `sub` of the payload."""
        return str(self.payload.get("sub", ""))

    @property
    def identity(self) -> str:
        """The member `sub` of the payload."""
        return self.display_name


class AuthenticationRefused(AuthenticationError):
    """A request must be turned away whatever the page would need; `refusal` says how."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal


class _Backend(AuthenticationBackend):
    _KIND: Kind

    def __init__(
        self,
        jam: JamOrConfig | None = None,
        cookie_name: str | None = None,
        header_name: str | None = None,
        *,
        user: type[BaseUser] = SimpleUser,
        **options: Unpack[PolicyOptions],
    ) -> None:
        self.policy = Policy(self._KIND, jam, cookie_name, header_name, is_async=True, **options)
        self._from_payload = user.from_payload

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, StarletteUser] | None:
        """What the middleware asks: scopes and user of a connection; `None` for nobody known."""
        try:
            authentication = await self.policy.authenticate_async(head_of(conn.scope))
        except Refusal as refusal:
            raise AuthenticationRefused(refusal) from refusal
        conn.scope[SCOPE_KEY] = authentication
        if authentication.identity is None:
            return None
        scopes = authentication.identity.scopes
        user = user_of(authentication.identity, self._from_payload, authentication)
        return None if user is None else (AuthCredentials(["authenticated", *scopes]), user)

    def set_cookie(self, response: Response, credential: str, max_age: int | None = None) -> None:
        """Gives the browser a token or a session's id.

        Args:
            response: The answer to a login.
            credential: The token or the id.
            max_age: Seconds until the browser forgets it; when it is closed, if left out.
        """
        response.headers.append("set-cookie", self.policy.set_cookie(credential, max_age))

    async def sign_out(self, conn: HTTPConnection, response: Response) -> None:
        """Ends the session of a request, or lists its token, and makes the browser forget the cookie.

        Raises:
            HTTPException: 503, the store does not answer.
        """
        identity = identity_of(conn)
        if identity is not None:
            try:
                await self.policy.revoke_async(identity)
            except Refusal as refusal:
                raise _http(refusal) from refusal
        forget = self.policy.delete_cookie()
        if forget is not None:
            response.headers.append("set-cookie", forget)


class JWTBackend(_Backend):
    """Users by JWT.

    Args:
        jam: The facade, preferably `jam.aio.Jam`, or a configuration to make it of.
        cookie_name: The whole name of a cookie that holds the token.
        header_name: A header that holds it; `Authorization` where no place is named.
        user: What `request.user` becomes.
        **options: See `jam.ext.PolicyOptions`.
    """

    _KIND = "jwt"


class PASETOBackend(_Backend):
    """Users by PASETO. The arguments are those of `JWTBackend`."""

    _KIND = "paseto"


class SessionBackend(_Backend):
    """Users by session. The arguments are those of `JWTBackend`; without a name, the cookie is `__Host-session`."""

    _KIND = "session"


class AuthenticationMiddleware(StarletteMiddleware):
    """Starlette's middleware, which answers a request that must be turned away with the right status.

    Starlette's own answers 400 to each of them, unless it is given `on_error=jam.ext.starlette.on_error`.

    Args:
        app: The application.
        backend: One of the backends here.
    """

    def __init__(self, app: ASGIApp, backend: AuthenticationBackend) -> None:
        super().__init__(app, backend, on_error)


class OAuth2Login:
    """A login at a provider: one route begins it, another, to which the provider sends the browser back, completes it.

    Args:
        jam: The facade, preferably `jam.aio.Jam`; it needs the sections `oauth2` and `session`.
        provider: The provider's name in the configuration.
        scope: What to ask for; if left out, `openid` where the provider has an issuer.
        cookie: The cookie that binds a login to its browser; if left out, `__Host-login-` and the provider's name.
    """

    def __init__(
        self, jam: JamOrConfig, provider: str, scope: Sequence[str] | None = None, *, cookie: Cookie | None = None
    ) -> None:
        self._steps = LoginSteps(jam, provider, scope, cookie, is_async=True)

    async def begin(self, **extra: Any) -> RedirectResponse:
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
        headers = {"set-cookie": departure.set_cookie, "cache-control": "no-store"}
        return RedirectResponse(departure.url, 303, headers)

    async def complete(self, conn: HTTPConnection, callback: Mapping[str, Any] | None = None) -> CompletedLogin:
        """Gives the `tokens` and the validated `claims` of a login that the browser comes back from.

        Args:
            conn: The request.
            callback: The form, where the provider has the browser post one; else the query counts.

        Raises:
            HTTPException: 400, no login of this browser waits for this; 403, the user or the provider refused; 502 or
                503, the provider or the store cannot be used.
        """
        try:
            return await self._steps.complete_async(head_of(conn.scope), callback)
        except Refusal as refusal:
            raise _http(refusal) from refusal

    def forget(self, response: Response) -> None:
        """Makes the browser forget the login's cookie, when the login is over."""
        response.headers.append("set-cookie", self._steps.forget())


def on_error(conn: HTTPConnection, error: AuthenticationError) -> Response:
    """The answer of RFC 6750 to a request that a backend turned away."""
    if not isinstance(error, AuthenticationRefused):
        return StarletteMiddleware.default_on_error(conn, error)
    refusal = error.refusal
    return Response(refusal.body, refusal.status, refusal.headers, media_type="application/json")


def identity_of(conn: HTTPConnection) -> Identity | None:
    """Who sent a request or opened a WebSocket, with the payload, the scopes and the credential."""
    return authentication_of(conn.scope).identity


def require(conn: HTTPConnection, *scopes: str) -> Any:
    """Gives the user of a request or a WebSocket that needs one with these scopes.

    Raises:
        HTTPException: 401 or 403, with `WWW-Authenticate`.
        WebSocketException: The same before a WebSocket is accepted: its opening is answered with 403.
    """
    try:
        authentication_of(conn.scope).require(*scopes)
    except Refusal as refusal:
        if conn.scope["type"] == "websocket":
            raise WebSocketException(_POLICY_VIOLATION, refusal.description) from refusal
        raise _http(refusal) from refusal
    return conn.user


def _http(refusal: Refusal) -> HTTPException:
    return HTTPException(refusal.status, refusal.description, refusal.headers)
