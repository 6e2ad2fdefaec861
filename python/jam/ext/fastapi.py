"""Jam in FastAPI: dependencies that know who sends a request, and stand in the OpenAPI document as security schemes.

    auth = JWTAuth(jam)

    @app.get("/me")
    async def me(user: Annotated[Identity, Depends(auth)]): ...

    @app.get("/reports")
    async def reports(user: Annotated[Identity, Security(auth, scopes=["reports:read"])]): ...

The backends of `jam.ext.starlette` work in FastAPI as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from jam.ext._extras import missing

try:
    from fastapi import HTTPException, Response, WebSocketException
    from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
    from fastapi.openapi.models import SecurityBase as SchemeModel
    from fastapi.requests import HTTPConnection
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
except ModuleNotFoundError as error:
    raise missing("fastapi", "fastapi") from error

from jam.ext._policy import Authentication, Identity, Kind, Policy, PolicyOptions
from jam.ext._refusal import Refusal
from jam.ext._sources import AUTHORIZATION
from jam.ext.asgi import head_of
from jam.ext.starlette import BaseUser, JWTBackend, OAuth2Login, PASETOBackend, SessionBackend, SimpleUser

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from jam.ext._policy import JamOrConfig

__all__ = [
    "BaseUser",
    "Identity",
    "JWTAuth",
    "JWTBackend",
    "OAuth2Login",
    "PASETOAuth",
    "PASETOBackend",
    "SessionAuth",
    "SessionBackend",
    "SimpleUser",
]

_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


class _Auth(SecurityBase):
    _KIND: Kind

    def __init__(
        self,
        jam: JamOrConfig | None = None,
        cookie_name: str | None = None,
        header_name: str | None = None,
        *,
        scheme: SecurityBase | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        self.policy = Policy(self._KIND, jam, cookie_name, header_name, is_async=True, **options)
        self.model = _model_of(self.policy) if scheme is None else scheme.model
        self.scheme_name = type(self).__name__ if scheme is None else scheme.scheme_name
        self.optional = _Optional(self)

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes) -> Identity:
        """Who sends a request or opens a WebSocket.

        Raises:
            HTTPException: 401 for nobody known, 403 for a scope that is missing, each with `WWW-Authenticate`.
            WebSocketException: The same before a WebSocket is accepted: its opening is answered with 403.
        """
        try:
            authentication = await self.policy.authenticate_async(head_of(connection.scope))
            return authentication.require(*security_scopes.scopes)
        except Refusal as refusal:
            _raise(refusal, connection)

    def set_cookie(self, response: Response, credential: str, max_age: int | None = None) -> None:
        """Gives the browser a token or a session's id.

        Args:
            response: The answer to a login.
            credential: The token or the id.
            max_age: Seconds until the browser forgets it; when it is closed, if left out.
        """
        response.headers.append("set-cookie", self.policy.set_cookie(credential, max_age))

    async def sign_out(self, response: Response, identity: Identity | None) -> None:
        """Ends a session, or lists a token, and makes the browser forget the cookie.

        Raises:
            HTTPException: 503, the store does not answer.
        """
        if identity is not None:
            try:
                await self.policy.revoke_async(identity)
            except Refusal as refusal:
                _raise(refusal)
        forget = self.policy.delete_cookie()
        if forget is not None:
            response.headers.append("set-cookie", forget)


class _Optional(SecurityBase):
    """The same for pages that are for everybody: nobody known is `None`."""

    def __init__(self, auth: _Auth) -> None:
        self.model = auth.model
        self.scheme_name = auth.scheme_name
        self._policy = auth.policy

    async def __call__(self, connection: HTTPConnection) -> Identity | None:
        try:
            authentication: Authentication = await self._policy.authenticate_async(head_of(connection.scope))
        except Refusal as refusal:
            _raise(refusal, connection)
        return authentication.identity


class JWTAuth(_Auth):
    """Requires a JWT; its claims are the identity's `payload`.

    Args:
        jam: The facade, preferably `jam.aio.Jam`, or a configuration to make it of.
        cookie_name: The whole name of a cookie that holds the token.
        header_name: A header that holds it; `Authorization` where no place is named.
        scheme: What the OpenAPI document says in place of a bearer or API key scheme, for instance
            `OAuth2PasswordBearer(tokenUrl="token", scopes={...})`.
        **options: See `jam.ext.PolicyOptions`.

    Attributes:
        optional: The dependency for pages that are for everybody; it gives `None` for nobody known.
    """

    _KIND = "jwt"


class PASETOAuth(_Auth):
    """Requires a PASETO. The arguments are those of `JWTAuth`."""

    _KIND = "paseto"


class SessionAuth(_Auth):
    """Requires a session. The arguments are those of `JWTAuth`; without a name, the cookie is `__Host-session`."""

    _KIND = "session"


def _model_of(policy: Policy) -> SchemeModel:
    """What the OpenAPI document says about a policy: its first place."""
    sources = policy.sources
    if sources.header_name == AUTHORIZATION:
        return HTTPBearer(bearerFormat="JWT" if policy.kind == "jwt" else None)
    if sources.header_name is not None:
        place, name = APIKeyIn.header, sources.header_name
    elif sources.cookie is not None:
        place, name = APIKeyIn.cookie, sources.cookie.name
    else:
        place, name = APIKeyIn.query, sources.query_name or ""
    return APIKey.model_validate({"in": place, "name": name})


def _raise(refusal: Refusal, connection: HTTPConnection | None = None) -> NoReturn:
    if connection is not None and connection.scope["type"] == "websocket":
        raise WebSocketException(_POLICY_VIOLATION, refusal.description) from refusal
    raise HTTPException(refusal.status, refusal.description, refusal.headers) from refusal
