"""Jam in Django, set up in the settings.

    JAM = "jam.toml"                                    # or a dict
    JAM_AUTH = {"jwt": {}, "session": {"cookie_name": "sid"}}
    MIDDLEWARE = [..., "jam.ext.django.JamMiddleware"]

`JAM_AUTH` has the kinds of credentials that requests may bring, with the keywords of `jam.ext.PolicyOptions`,
`cookie_name` and `header_name` for each; the first kind that a request has a credential of counts.

`jam.ext.django.sessions` is a session engine, `jam.ext.django.backends` has an authentication backend, and
`jam.ext.django.rest_framework` the authentication of the Django REST Framework.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jam.ext._extras import missing

try:
    from asgiref.sync import iscoroutinefunction, markcoroutinefunction
    from django.conf import settings
    from django.contrib.auth import aauthenticate, authenticate
    from django.core.signals import setting_changed
    from django.http import HttpRequest, HttpResponse, HttpResponseBase
    from django.utils.functional import SimpleLazyObject
except ModuleNotFoundError as error:
    raise missing("django", "django") from error

from jam.exceptions import JamConfigurationError, JamStoreError
from jam.ext._login import LoginSteps
from jam.ext._policy import Authentication, Identity, Kind, Policy
from jam.ext._refusal import Refusal, check_scopes
from jam.ext.wsgi import head_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jam import Jam
    from jam.cookies import Cookie
    from jam.oauth2 import CompletedLogin

__all__ = [
    "Identity",
    "JamMiddleware",
    "OAuth2Login",
    "get_jam",
    "identity_of",
    "policy_of",
    "require",
    "set_cookie",
    "sign_out",
]

_View = TypeVar("_View", bound=Callable[..., Any])


@cache
def get_jam() -> Jam:
    """The facade that the setting `JAM` describes."""
    from jam import Jam

    config = getattr(settings, "JAM", None)
    if config is None:
        raise JamConfigurationError("JAM: is not set; the settings need a configuration of Jam or the path of one")
    return Jam(config=config)


def policy_of(kind: Kind) -> Policy:
    """How the setting `JAM_AUTH` has a kind of credential looked for and read."""
    try:
        return _policies()[kind]
    except KeyError:
        raise JamConfigurationError(f'JAM_AUTH: has no "{kind}"; add it to use it here') from None


@cache
def _policies() -> dict[Kind, Policy]:
    kinds: dict[Kind, dict[str, Any]] = getattr(settings, "JAM_AUTH", {"jwt": {}})
    # A blocking facade serves both faces of a policy.
    return {kind: Policy(kind, get_jam(), is_async=True, **options) for kind, options in kinds.items()}


def _forget_settings(*, setting: str, **_: object) -> None:
    """Tests may change settings while the program runs."""
    if setting in ("JAM", "JAM_AUTH"):
        get_jam.cache_clear()
        _policies.cache_clear()


setting_changed.connect(_forget_settings)


class JamMiddleware:
    """Finds out who sends each request. Views ask with `identity_of`, or need somebody by the decorator `require`.

    Where `jam.ext.django.backends.JamBackend` is among the `AUTHENTICATION_BACKENDS`, `request.user` becomes the user
    of the database whom the credential names; put the middleware after Django's `AuthenticationMiddleware` then.

    Args:
        get_response: What comes after it.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        _policies()  # a broken configuration fails now, not at the first request

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Serves a request."""
        if self._is_async:
            return self._serve(request)
        try:
            authentication = _authenticate(request)
        except Refusal as refusal:
            return _answer(refusal)
        _remember(request, authentication)
        return self._get_response(request)

    async def _serve(self, request: HttpRequest) -> HttpResponseBase:
        try:
            authentication = await _authenticate_async(request)
        except Refusal as refusal:
            return _answer(refusal)
        _remember(request, authentication)
        return await self._get_response(request)

    def process_exception(self, _: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answers what views raise: a `Refusal`, or that a store does not answer, for instance with a session."""
        if isinstance(error, Refusal):
            return _answer(error)
        return _answer(Refusal.store_unavailable()) if isinstance(error, JamStoreError) else None


def identity_of(request: HttpRequest) -> Identity | None:
    """Who sent a request; `None` for nobody known."""
    return _authentication_of(request).identity


def require(*scopes: str, kind: Kind | None = None) -> Callable[[_View], _View]:
    """A decorator for views, also asynchronous ones, that need somebody with these scopes.

    It answers 401 for nobody known and 403 for a scope that is missing, each with `WWW-Authenticate`.

    Args:
        *scopes: The scopes that are needed.
        kind: The kind of credential that is needed; any of them if left out.
    """
    check_scopes(scopes)

    def decorate(view: _View) -> _View:
        if iscoroutinefunction(view):

            @wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                try:
                    _require(request, scopes, kind)
                except Refusal as refusal:
                    return _answer(refusal)
                return await view(request, *args, **kwargs)

            return cast(_View, guarded_async)

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                _require(request, scopes, kind)
            except Refusal as refusal:
                return _answer(refusal)
            return view(request, *args, **kwargs)

        return cast(_View, guarded)

    return decorate


def set_cookie(response: HttpResponse, kind: Kind, credential: str, max_age: int | None = None) -> None:
    """Gives the browser a token or a session's id.

    Args:
        response: The answer to a login.
        kind: What the credential is.
        credential: The token or the id.
        max_age: Seconds until the browser forgets it; when it is closed, if left out.
    """
    response.cookies.load(policy_of(kind).set_cookie(credential, max_age))


def sign_out(request: HttpRequest, response: HttpResponse) -> None:
    """Ends the session of a request, or lists its token, and makes the browser forget the cookie.

    Raises:
        Refusal: The store does not answer; the middleware answers 503.
    """
    identity = identity_of(request)
    if identity is not None:
        policy = policy_of(identity.kind)
        policy.revoke(identity)
        forget = policy.delete_cookie()
        if forget is not None:
            response.cookies.load(forget)


class OAuth2Login:
    """A login at a provider: one view begins it, another, to which the provider sends the browser back, completes it.

    The setting `JAM` needs the sections `oauth2` and `session`. `JamMiddleware` answers what the methods raise.

    Args:
        provider: The provider's name in the configuration.
        scope: What to ask for; if left out, `openid` where the provider has an issuer.
        cookie: The cookie that binds a login to its browser; if left out, `__Host-login-` and the provider's name.
    """

    def __init__(self, provider: str, scope: Sequence[str] | None = None, *, cookie: Cookie | None = None) -> None:
        self._options = (provider, scope, cookie)

    def begin(self, **extra: Any) -> HttpResponse:
        """Sends the browser to the provider.

        Args:
            **extra: Further parameters for the provider, such as `prompt`.

        Raises:
            Refusal: 502 or 503, the provider or the store does not answer.
        """
        departure = self._steps().begin(**extra)
        response = HttpResponse(status=303, headers={"Location": departure.url, "Cache-Control": "no-store"})
        response.cookies.load(departure.set_cookie)
        return response

    def complete(self, request: HttpRequest, callback: Mapping[str, Any] | None = None) -> CompletedLogin:
        """Gives the `tokens` and the validated `claims` of a login that the browser comes back from.

        Args:
            request: The request.
            callback: The form, where the provider has the browser post one; else the query counts.

        Raises:
            Refusal: 400, no login of this browser waits for this; 403, the user or the provider refused; 502 or 503,
                the provider or the store cannot be used.
        """
        return self._steps().complete(head_of(request.META), callback)

    def forget(self, response: HttpResponse) -> None:
        """Makes the browser forget the login's cookie, when the login is over."""
        response.cookies.load(self._steps().forget())

    def _steps(self) -> LoginSteps:
        provider, scope, cookie = self._options
        return LoginSteps(get_jam(), provider, scope, cookie, is_async=False)


def _authenticate(request: HttpRequest) -> Authentication:
    """What the first kind of credential that a request has came to."""
    head = head_of(request.META)
    authentication = Authentication(None, None, "jam")
    for policy in _policies().values():
        authentication = policy.authenticate(head)
        if authentication.identity is not None or authentication.failure is not None:
            break
    return authentication


async def _authenticate_async(request: HttpRequest) -> Authentication:
    head = head_of(request.META)
    authentication = Authentication(None, None, "jam")
    for policy in _policies().values():
        authentication = await policy.authenticate_async(head)
        if authentication.identity is not None or authentication.failure is not None:
            break
    return authentication


def _remember(request: Any, authentication: Authentication) -> None:
    request.jam = authentication
    identity = authentication.identity
    if identity is None or _BACKEND not in settings.AUTHENTICATION_BACKENDS:
        return

    async def user() -> Any:
        return await aauthenticate(request, identity=identity) or _anonymous()

    request.user = SimpleLazyObject(lambda: authenticate(request, identity=identity) or _anonymous())
    request.auser = user


_BACKEND = "jam.ext.django.backends.JamBackend"


def _anonymous() -> Any:
    from django.contrib.auth.models import AnonymousUser  # models can be imported only when Django is set up

    return AnonymousUser()


def _authentication_of(request: Any) -> Authentication:
    try:
        return request.jam
    except AttributeError:
        raise RuntimeError("this request did not come through jam.ext.django.JamMiddleware; add it") from None


def _require(request: HttpRequest, scopes: tuple[str, ...], kind: Kind | None) -> None:
    authentication = _authentication_of(request)
    identity = authentication.require(*scopes)
    if kind is not None and identity.kind != kind:
        raise Refusal.no_identity(authentication.realm, None)


def _answer(refusal: Refusal) -> HttpResponse:
    return HttpResponse(refusal.body, status=refusal.status, headers=refusal.headers, content_type="application/json")
