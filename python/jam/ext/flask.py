"""Jam in Flask: extensions that know who sends a request, and decorators for views.

`flask.g.payload` is the payload of the credential, `flask.g.identity` the `Identity` with the scopes; both are
`None` for nobody known.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from jam.ext._extras import missing

try:
    from flask import Flask, Response, current_app, g, request
    from werkzeug.exceptions import HTTPException
except ModuleNotFoundError as error:
    raise missing("flask", "flask") from error

from jam.ext._login import LoginSteps
from jam.ext._policy import Authentication, Identity, Kind, Policy, PolicyOptions
from jam.ext._refusal import Refusal, check_scopes
from jam.ext.wsgi import head_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Unpack

    from jam.cookies import Cookie
    from jam.ext._policy import JamOrConfig
    from jam.oauth2 import CompletedLogin

__all__ = ["Identity", "JWTExtension", "JamExtension", "OAuth2Login", "PASETOExtension", "SessionExtension"]

_View = TypeVar("_View", bound=Callable[..., Any])


class JamExtension:
    """Keeps the facade where views find it, in `current_app.extensions["jam"]`, and checks nothing.

    Args:
        jam: The facade.
        app: The application, if it is there already; otherwise call `init_app`.
    """

    def __init__(self, jam: Any, app: Flask | None = None) -> None:
        self._jam = jam
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Adds the facade to an application."""
        app.extensions["jam"] = self._jam


class _Extension:
    _KIND: ClassVar[Kind]

    def __init__(
        self,
        jam: JamOrConfig | None = None,
        app: Flask | None = None,
        cookie_name: str | None = None,
        header_name: str | None = None,
        *,
        blueprints: tuple[str | None, ...] | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        self.policy = Policy(self._KIND, jam, cookie_name, header_name, is_async=False, **options)
        self._blueprints = blueprints
        self._extension_key = f"jam.{self._KIND}"
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Has each request of an application looked at."""
        app.extensions[self._extension_key] = self
        app.extensions.setdefault("jam", self.policy.jam)
        app.before_request(self._before_request)

    def require(self, *scopes: str) -> Callable[[_View], _View]:
        """A decorator for views that need somebody with these scopes: `@sessions.require("read")`.

        It answers 401 for nobody known and 403 for a scope that is missing, each with `WWW-Authenticate`.
        """
        check_scopes(scopes)

        def decorate(view: _View) -> _View:
            @wraps(view)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                try:
                    self._authentication().require(*scopes)
                except Refusal as refusal:
                    raise _answer(refusal) from refusal
                return current_app.ensure_sync(view)(*args, **kwargs)

            return cast(_View, guarded)

        return decorate

    def identity(self) -> Identity | None:
        """Who sent the current request, by this extension; `None` for nobody known."""
        return self._authentication().identity

    def set_cookie(self, response: Response, credential: str, max_age: int | None = None) -> None:
        """Gives the browser a token or a session's id.

        Args:
            response: The answer to a login.
            credential: The token or the id.
            max_age: Seconds until the browser forgets it; when it is closed, if left out.
        """
        response.headers.add("Set-Cookie", self.policy.set_cookie(credential, max_age))

    def sign_out(self, response: Response) -> None:
        """Ends the session of the current request, or lists its token, and makes the browser forget the cookie.

        Raises:
            HTTPException: 503, the store does not answer.
        """
        identity = self.identity()
        if identity is not None:
            try:
                self.policy.revoke(identity)
            except Refusal as refusal:
                raise _answer(refusal) from refusal
        forget = self.policy.delete_cookie()
        if forget is not None:
            response.headers.add("Set-Cookie", forget)

    def _before_request(self) -> None:
        """Looks at a request before its view is called."""
        if self._blueprints is not None and request.blueprint not in self._blueprints:
            return
        try:
            authentication = self.policy.authenticate(head_of(request.environ))
        except Refusal as refusal:
            raise _answer(refusal) from refusal
        setattr(g, self._extension_key, authentication)
        identity = authentication.identity
        setattr(g, self._KIND, getattr(self.policy.jam, self._KIND, None))
        if identity is not None or "identity" not in g:  # an extension before this one may know somebody
            g.identity = identity
            g.payload = None if identity is None else identity.payload

    def _authentication(self) -> Authentication:
        try:
            return getattr(g, self._extension_key)
        except AttributeError:
            name = type(self).__name__
            raise RuntimeError(f"{name} does not look at this request; see init_app and its blueprints") from None


class JWTExtension(_Extension):
    """Users by JWT; `g.jwt` is the module that makes tokens.

    Args:
        jam: The facade `jam.Jam`, or a configuration to make it of.
        app: The application, if it is there already; otherwise call `init_app`.
        cookie_name: The whole name of a cookie that holds the token.
        header_name: A header that holds it; `Authorization` where no place is named.
        blueprints: The names of the blueprints to look at, `None` for the views without one; all if left out.
        **options: See `jam.ext.PolicyOptions`.
    """

    _KIND = "jwt"


class PASETOExtension(_Extension):
    """Users by PASETO; the module is `g.paseto`. The arguments are those of `JWTExtension`."""

    _KIND = "paseto"


class SessionExtension(_Extension):
    """Users by session; the store is `g.session`. The arguments are those of `JWTExtension`.

    Without a name, the cookie is `__Host-session`.
    """

    _KIND = "session"


class OAuth2Login:
    """A login at a provider: one view begins it, another, to which the provider sends the browser back, completes it.

    Args:
        jam: The facade `jam.Jam`; it needs the sections `oauth2` and `session`.
        provider: The provider's name in the configuration.
        scope: What to ask for; if left out, `openid` where the provider has an issuer.
        cookie: The cookie that binds a login to its browser; if left out, `__Host-login-` and the provider's name.
    """

    def __init__(
        self, jam: JamOrConfig, provider: str, scope: Sequence[str] | None = None, *, cookie: Cookie | None = None
    ) -> None:
        self._steps = LoginSteps(jam, provider, scope, cookie, is_async=False)

    def begin(self, **extra: Any) -> Response:
        """Sends the browser to the provider.

        Args:
            **extra: Further parameters for the provider, such as `prompt`.

        Raises:
            HTTPException: 502 or 503, the provider or the store does not answer.
        """
        try:
            departure = self._steps.begin(**extra)
        except Refusal as refusal:
            raise _answer(refusal) from refusal
        headers = {"Location": departure.url, "Set-Cookie": departure.set_cookie, "Cache-Control": "no-store"}
        return Response(status=303, headers=headers)

    def complete(self, callback: Mapping[str, Any] | None = None) -> CompletedLogin:
        """Gives the `tokens` and the validated `claims` of a login that the browser comes back from.

        Args:
            callback: The form, where the provider has the browser post one; else the query of the request counts.

        Raises:
            HTTPException: 400, no login of this browser waits for this; 403, the user or the provider refused; 502 or
                503, the provider or the store cannot be used.
        """
        try:
            return self._steps.complete(head_of(request.environ), callback)
        except Refusal as refusal:
            raise _answer(refusal) from refusal

    def forget(self, response: Response) -> None:
        """Makes the browser forget the login's cookie, when the login is over."""
        response.headers.add("Set-Cookie", self._steps.forget())


def _answer(refusal: Refusal) -> HTTPException:
    """What Flask answers with a refusal; error handlers of the application see its status."""
    response = Response(refusal.body, refusal.status, refusal.headers, mimetype="application/json")
    answer = HTTPException(refusal.description, response)
    answer.code = refusal.status
    return answer
