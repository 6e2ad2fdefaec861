"""Jam in front of any ASGI application, WebSockets included."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, cast

from jam.ext._policy import Authentication, Identity, Kind, Policy, PolicyOptions
from jam.ext._refusal import Refusal, check_scopes
from jam.ext._sources import RequestHead

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from jam.ext._policy import JamOrConfig

__all__ = ["JamMiddleware", "authentication_of", "head_of", "identity_of", "refuse", "require"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY = "jam.authentication"

_POLICY_VIOLATION = 1008  # RFC 6455 section 7.4.1


class JamMiddleware:
    """Finds out who sends each request and opens each WebSocket; the application asks with `identity_of` or `require`.

    A `Refusal` that the application raises before it answers is answered here, as RFC 6750 says.

    Args:
        app: The application.
        jam: The facade, preferably `jam.aio.Jam`, or a configuration to make it of.
        kind: `jwt`, `paseto` or `session`.
        cookie_name: The whole name of a cookie that holds the credential.
        header_name: A header that holds it.
        required: Whether nobody unknown gets through to the application.
        scopes: What each identity needs; as `required`.
        **options: See `jam.ext.PolicyOptions`.
    """

    def __init__(
        self,
        app: ASGIApp,
        jam: JamOrConfig | None = None,
        kind: Kind = "jwt",
        cookie_name: str | None = None,
        header_name: str | None = None,
        *,
        required: bool = False,
        scopes: tuple[str, ...] = (),
        **options: Unpack[PolicyOptions],
    ) -> None:
        self.app = app
        self.policy = Policy(kind, jam, cookie_name, header_name, is_async=True, **options)
        self._required = required or bool(scopes)
        self._scopes = check_scopes(scopes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a connection."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        has_answered = False

        async def send_and_remember(message: Message) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        try:
            authentication = await self.policy.authenticate_async(head_of(scope))
            if self._required:
                authentication.require(*self._scopes)
            scope[SCOPE_KEY] = authentication
            await self.app(scope, receive, send_and_remember)
        except Refusal as refusal:
            if has_answered:
                raise
            await refuse(refusal, scope, send)


def authentication_of(scope: Scope) -> Authentication:
    """What `JamMiddleware` found out about the connection of this scope."""
    try:
        return scope[SCOPE_KEY]
    except KeyError:
        raise RuntimeError("this connection did not come through Jam's middleware or backend; add it") from None


def identity_of(scope: Scope) -> Identity | None:
    """Who sent the request of this scope; `None` for nobody known."""
    return authentication_of(scope).identity


def require(scope: Scope, *scopes: str) -> Identity:
    """Who sent the request of this scope.

    Raises:
        Refusal: Nobody known, or one without these scopes. `JamMiddleware` answers with 401 or 403.
    """
    return authentication_of(scope).require(*scopes)


def head_of(scope: Scope) -> RequestHead:
    """What Jam asks of the request or the WebSocket of a scope."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]

    def header(name: str) -> str | None:
        wanted = name.encode("ascii")
        values = [value for key, value in headers if key == wanted]
        if not values:
            return None
        # HTTP/2 and HTTP/3 may split the cookies (RFC 9113 section 8.2.3).
        return (b"; " if name == "cookie" else b", ").join(values).decode("latin-1")

    return RequestHead(
        method=scope.get("method", "GET"),
        header=header,
        query=cast(bytes, scope.get("query_string", b"")).decode("latin-1"),
        is_websocket=scope["type"] == "websocket",
    )


async def refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    """Answers a request, or the opening of a WebSocket, with a refusal."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        # The server makes a plain 403 of a WebSocket that is closed before it is accepted.
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refusal.description})
        return
    prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = {**refusal.headers, "Content-Type": "application/json", "Content-Length": str(len(refusal.body))}
    raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{prefix}.start", "status": refusal.status, "headers": raw_headers})
    await send({"type": f"{prefix}.body", "body": refusal.body})
