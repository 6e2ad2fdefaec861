"""Jam in front of any WSGI application (PEP 3333)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jam.ext._policy import Authentication, Identity, Kind, Policy, PolicyOptions
from jam.ext._refusal import Refusal, check_scopes
from jam.ext._sources import RequestHead

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from jam.ext._policy import JamOrConfig

__all__ = ["JamMiddleware", "authentication_of", "head_of", "identity_of", "refuse", "require"]

WSGIEnvironment = dict[str, Any]
StartResponse = Callable[..., Any]
WSGIApplication = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

ENVIRON_KEY = "jam.authentication"


class JamMiddleware:
    """Finds out who sends each request; the application asks with `identity_of` or `require`.

    A `Refusal` that the application raises when it is called is answered here, as RFC 6750 says.

    Args:
        app: The application.
        jam: The facade `jam.Jam`, or a configuration to make it of.
        kind: `jwt`, `paseto` or `session`.
        cookie_name: The whole name of a cookie that holds the credential.
        header_name: A header that holds it.
        required: Whether nobody unknown gets through to the application.
        scopes: What each identity needs; as `required`.
        **options: See `jam.ext.PolicyOptions`.
    """

    def __init__(
        self,
        app: WSGIApplication,
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
        self.policy = Policy(kind, jam, cookie_name, header_name, is_async=False, **options)
        self._required = required or bool(scopes)
        self._scopes = check_scopes(scopes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serves a request."""
        try:
            authentication = self.policy.authenticate(head_of(environ))
            if self._required:
                authentication.require(*self._scopes)
            environ[ENVIRON_KEY] = authentication
            return self.app(environ, start_response)
        except Refusal as refusal:
            return refuse(refusal, start_response)


def authentication_of(environ: WSGIEnvironment) -> Authentication:
    """What `JamMiddleware` found out about the request of this environment."""
    try:
        return environ[ENVIRON_KEY]
    except KeyError:
        raise RuntimeError("this request did not come through Jam's middleware; add it") from None


def identity_of(environ: WSGIEnvironment) -> Identity | None:
    """Who sent the request of this environment; `None` for nobody known."""
    return authentication_of(environ).identity


def require(environ: WSGIEnvironment, *scopes: str) -> Identity:
    """Who sent the request of this environment.

    Raises:
        Refusal: Nobody known, or one without these scopes. `JamMiddleware` answers with 401 or 403.
    """
    return authentication_of(environ).require(*scopes)


def head_of(environ: WSGIEnvironment) -> RequestHead:
    """What Jam asks of the request of an environment."""

    def header(name: str) -> str | None:
        return environ.get("HTTP_" + name.upper().replace("-", "_"))

    return RequestHead(method=environ["REQUEST_METHOD"], header=header, query=environ.get("QUERY_STRING", ""))


def refuse(refusal: Refusal, start_response: StartResponse) -> Iterable[bytes]:
    """Answers a request with a refusal."""
    status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
    headers = {**refusal.headers, "Content-Type": "application/json", "Content-Length": str(len(refusal.body))}
    start_response(status, list(headers.items()))
    return [refusal.body]
