"""OAuth 2.0 clients (RFC 6749), blocking. `jam.aio.oauth2` has the same for asyncio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from jam import _jam
from jam._guarded import Guarded
from jam._jam import Callback, CompletedLogin, DeviceAuthorization, Login, TokenSet
from jam.exceptions import JamConfigurationError

__all__ = [
    "BaseOAuth2Client",
    "Callback",
    "CompletedLogin",
    "DeviceAuthorization",
    "GitHubOAuth2Client",
    "GitLabOAuth2Client",
    "GoogleOAuth2Client",
    "Login",
    "OAuth2Client",
    "TokenSet",
    "YandexOAuth2Client",
    "create_instance",
]


class BaseOAuth2Client(ABC):
    """A client of the user's own, named by `custom_module` in the section of a provider.

    The keys of the section and the provider's name, as `provider`, are given to the class as keywords.
    """

    @abstractmethod
    def get_authorization_url(self, scope: Sequence[str], **extra: Any) -> str:
        """Gives the address to send the browser to (RFC 6749 section 4.1.1).

        Give a `state` that only this browser's session knows, and compare it in the callback.

        Args:
            scope: What to ask for.
            **extra: Further parameters, such as `state`: str, int or bool.

        Raises:
            JamValidationError: A scope or a parameter cannot be sent, or the call itself sets it.
        """
        raise NotImplementedError

    @abstractmethod
    def fetch_token(self, code: str, grant_type: str = "authorization_code", **extra: Any) -> dict[str, Any]:
        """Exchanges the code that the browser brought back (RFC 6749 section 4.1.3).

        Args:
            code: The code.
            grant_type: The kind of grant.
            **extra: Further parameters of the request, such as `code_verifier`.

        Returns:
            The provider's answer, with `expires_in` as an int.

        Raises:
            JamOAuth2Refused: The provider answered with an error, whatever the status.
            JamOAuth2Error: It cannot be reached, or its answer cannot be used.
        """
        raise NotImplementedError

    @abstractmethod
    def refresh_token(self, refresh_token: str, grant_type: str = "refresh_token", **extra: Any) -> dict[str, Any]:
        """Gets a new access token (RFC 6749 section 6).

        Args:
            refresh_token: The refresh token. It stays valid where the answer has no new one.
            grant_type: The kind of grant.
            **extra: Further parameters of the request.

        Returns:
            The provider's answer, with `expires_in` as an int.

        Raises:
            JamOAuth2Error: As for `fetch_token`.
        """
        raise NotImplementedError

    @abstractmethod
    def client_credentials_flow(self, scope: Sequence[str] | None = None, **extra: Any) -> dict[str, Any]:
        """Gets an access token for the program itself (RFC 6749 section 4.4).

        Args:
            scope: What to ask for.
            **extra: Further parameters of the request.

        Returns:
            The provider's answer, with `expires_in` as an int.

        Raises:
            JamOAuth2Error: As for `fetch_token`.
        """
        raise NotImplementedError

    def begin_login(self, scope: Sequence[str] | None = None, **extra: Any) -> Login:
        """Begins a login: a state, a PKCE challenge and, for the scope `openid`, a nonce are made here.

        A session store keeps the login's `record` under its `state`, to be taken out once by `complete_login`;
        `Jam.oauth2_begin` and `Jam.oauth2_complete` do both.

        Args:
            scope: What to ask for; if left out, `openid` where the provider has an issuer.
            **extra: Further parameters of the address. `max_age` and `acr_values` are checked in the ID token.
        """
        raise self._undefined("begin_login(scope, **extra)")

    def complete_login(self, callback: Callback, binding: str | None, record: bytes | None) -> CompletedLogin:
        """Completes a login.

        Args:
            callback: What the browser brought back.
            binding: The value of the browser's cookie; `None` where it has none.
            record: What the store kept under the callback's `state`, and keeps no longer; `None` for nothing.

        Raises:
            JamOAuth2InvalidCallback: The callback belongs to no login of this browser, or comes from another issuer.
            JamOAuth2Refused: The user or the provider refused.
            JamOAuth2InvalidIdToken: The ID token is not one of the provider's for this login.
            JamOAuth2Error: As for `fetch_token`.
        """
        raise self._undefined("complete_login(callback, binding, record)")

    def userinfo(self, access_token: str) -> dict[str, Any]:
        """Tells who the user of an access token is, in the provider's own words.

        Of OpenID providers compare `sub` with the one of the ID token. Where a provider tells the e-mail address by a
        second call, as GitHub does, that is made, and a verified address becomes `email`.

        Raises:
            JamConfigurationError: The provider is not known to have such an endpoint.
            JamOAuth2Error: As for `fetch_token`.
        """
        raise self._undefined("userinfo(access_token)")

    def introspect(self, token: str) -> dict[str, Any]:
        """Tells whether a token is `active`, and of what kind it is (RFC 7662).

        Raises:
            JamConfigurationError: The provider is not known to have such an endpoint.
            JamOAuth2Error: As for `fetch_token`.
        """
        raise self._undefined("introspect(token)")

    def revoke(self, token: str) -> None:
        """Makes a token useless (RFC 7009); one that the provider does not know is useless already.

        Raises:
            JamConfigurationError: The provider is not known to have such an endpoint.
            JamOAuth2Error: As for `fetch_token`.
        """
        raise self._undefined("revoke(token)")

    def begin_device(self, scope: Sequence[str] | None = None, **extra: Any) -> DeviceAuthorization:
        """Begins a login on a device without a browser (RFC 8628).

        Args:
            scope: What to ask for.
            **extra: Further parameters of the request.

        Returns:
            What to show the user.
        """
        raise self._undefined("begin_device(scope, **extra)")

    def complete_device(self, device: DeviceAuthorization) -> dict[str, Any]:
        """Waits for the user, and asks at the provider's pace until there are tokens.

        Args:
            device: What `begin_device` gave.

        Raises:
            JamOAuth2Refused: `access_denied` when the user refused, `expired_token` when the time is over.
            JamOAuth2Error: As for `fetch_token`.
        """
        raise self._undefined("complete_device(device)")

    def _undefined(self, method: str) -> JamConfigurationError:
        return JamConfigurationError(f"oauth2: {type(self).__name__} does not define {method}")


class _CoreClient(Guarded, BaseOAuth2Client):
    """The calls over what does them."""

    provider: str
    _client: _jam.OAuth2Client

    def get_authorization_url(self, scope: Sequence[str], **extra: Any) -> str:
        return self._client.get_authorization_url(scope, **extra)

    def fetch_token(self, code: str, grant_type: str = "authorization_code", **extra: Any) -> dict[str, Any]:
        return self._client.fetch_token(code, grant_type, **extra)

    def refresh_token(self, refresh_token: str, grant_type: str = "refresh_token", **extra: Any) -> dict[str, Any]:
        return self._client.refresh_token(refresh_token, grant_type, **extra)

    def client_credentials_flow(self, scope: Sequence[str] | None = None, **extra: Any) -> dict[str, Any]:
        return self._client.client_credentials_flow(scope, **extra)

    def begin_login(self, scope: Sequence[str] | None = None, **extra: Any) -> Login:
        return self._client.begin_login(scope, **extra)

    def complete_login(self, callback: Callback, binding: str | None, record: bytes | None) -> CompletedLogin:
        return self._client.complete_login(callback, binding, record)

    def userinfo(self, access_token: str) -> dict[str, Any]:
        return self._client.userinfo(access_token)

    def introspect(self, token: str) -> dict[str, Any]:
        return self._client.introspect(token)

    def revoke(self, token: str) -> None:
        self._client.revoke(token)

    def begin_device(self, scope: Sequence[str] | None = None, **extra: Any) -> DeviceAuthorization:
        return self._client.begin_device(scope, **extra)

    def complete_device(self, device: DeviceAuthorization) -> dict[str, Any]:
        return self._client.complete_device(device)

    def verify_id_token(self, token: str, nonce: str | None = None) -> dict[str, Any]:
        """Verifies an ID token of the provider's for this client, by the provider's keys, and gives its claims.

        Args:
            token: The token.
            nonce: The nonce it must hold; it is not looked at if left out.

        Raises:
            JamOAuth2InvalidIdToken: It is not one of the provider's for this client, or has expired.
            JamOAuth2Error: The keys cannot be fetched.
        """
        return self._client.verify_id_token(token, nonce)

    def verify_access_token(self, token: str, audience: str) -> dict[str, Any]:
        """Verifies an access token that a request brought, for a resource server (RFC 9068), and gives its claims.

        The provider's keys are fetched when they are needed and kept, so most tokens cost no request. A token that is
        no JWT is for `introspect`; one that is bound to a key (`cnf`) is refused.

        Args:
            token: The token.
            audience: What this resource server is called: `aud` must be or hold it.

        Raises:
            JamJWTExpired: The token has expired.
            JamError: It is no access token of the issuer's for this audience, or the keys cannot be fetched.
        """
        return self._client.verify_access_token(token, audience)

    def logout_url(self, **extra: Any) -> str:
        """Gives the address to send the browser to, to end the login with the provider (RP-Initiated Logout 1.0).

        Args:
            **extra: `id_token_hint`, `post_logout_redirect_uri`, `state` and further parameters.
        """
        return self._client.logout_url(**extra)

    def verify_logout_token(self, token: str) -> dict[str, Any]:
        """Verifies a logout token, which tells that a user's login with the provider ended (Back-Channel Logout 1.0).

        Returns:
            Its claims: the sessions of its `sub`, or of its `sid`, are to be ended.

        Raises:
            JamError: It is no logout token of the provider's for this client, or the keys cannot be fetched.
        """
        return self._client.verify_logout_token(token)

    def token_set(self, tokens: dict[str, Any]) -> TokenSet:
        """Makes a set of tokens that renew themselves.

        `access_token()` gives one that is good for half a minute at least. About to expire, it is renewed: once, for
        any number that wait for it. Where the provider's answer has no new refresh token, the old one stays.

        Args:
            tokens: A provider's answer of just now, or the `tokens` of another set, which can be saved as JSON.

        Raises:
            JamValidationError: There is no access token in it.
        """
        return self._client.token_set(tokens)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} provider={self.provider!r}>"


class OAuth2Client(_CoreClient):
    """A client of any provider.

    All clients of a process share their connections. No redirect is followed, no answer above a megabyte read.

    Args:
        client_id: The id that the provider gave out.
        client_secret: The secret that came with it; `None` for a public client.
        auth_url: The authorization endpoint: https, or http on this machine.
        token_url: The token endpoint, likewise.
        redirect_url: Where the provider sends the browser back to.
        issuer: In place of the two addresses: the issuer whose metadata tells them (OpenID Connect Discovery).
        provider: What the application calls the provider; `github` and the other known names bring their addresses.
        userinfo_url: The endpoint of `userinfo`; if left out, the one of a provider known by name or of the issuer's
            metadata, as for those that follow.
        introspection_url: The endpoint of `introspect`.
        revocation_url: The endpoint of `revoke`.
        device_authorization_url: The endpoint of `begin_device`.
        end_session_url: The page of `logout_url`.
        pushed_authorization_url: The endpoint that takes authorization requests before the browser comes (RFC 9126).
        pushed_authorization: Whether logins are begun there; an issuer whose metadata ask for it gets it in any case.
        private_key: The key of `private_key_jwt`, as text of PEM or of a JWK, whose `alg` and `kid` are used.
        client_authentication: `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt` or
            `none`; if left out, the usual way of a provider known by name, else what the issuer offers and the keys are
            there for, else `client_secret_basic`.
        timeout: Seconds that one request may take.

    Raises:
        JamConfigurationError: A value cannot be used.
    """

    def __init__(
        self,
        client_id: str,
        client_secret: str | None = None,
        auth_url: str | None = None,
        token_url: str | None = None,
        redirect_url: str | None = None,
        *,
        issuer: str | None = None,
        provider: str = "provider",
        userinfo_url: str | None = None,
        introspection_url: str | None = None,
        revocation_url: str | None = None,
        device_authorization_url: str | None = None,
        end_session_url: str | None = None,
        pushed_authorization_url: str | None = None,
        pushed_authorization: bool = False,
        private_key: str | None = None,
        client_authentication: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.provider = provider
        self.client_id = client_id
        self.redirect_url = redirect_url
        self._client = _jam.OAuth2Client(
            provider=provider,
            client_id=client_id,
            client_secret=client_secret,
            private_key=private_key,
            auth_url=auth_url,
            token_url=token_url,
            redirect_url=redirect_url,
            issuer=issuer,
            userinfo_url=userinfo_url,
            introspection_url=introspection_url,
            revocation_url=revocation_url,
            device_authorization_url=device_authorization_url,
            end_session_url=end_session_url,
            pushed_authorization_url=pushed_authorization_url,
            pushed_authorization=pushed_authorization,
            client_authentication=client_authentication,
            timeout=timeout,
        )


class _KnownProvider(OAuth2Client):
    """A client of a provider whose addresses Jam knows.

    Args:
        client_id: The id that the provider gave out.
        client_secret: The secret that came with it.
        redirect_url: Where the provider sends the browser back to.
        **options: Further keywords of `OAuth2Client`; addresses are for installations of one's own.
    """

    _PROVIDER: ClassVar[str]

    def __init__(
        self, client_id: str, client_secret: str | None = None, redirect_url: str | None = None, **options: Any
    ) -> None:
        options.setdefault("provider", self._PROVIDER)
        super().__init__(client_id, client_secret, redirect_url=redirect_url, **options)


class GitHubOAuth2Client(_KnownProvider):
    """A client of GitHub, or of a GitHub server whose addresses are given."""

    _PROVIDER = "github"


class GitLabOAuth2Client(_KnownProvider):
    """A client of gitlab.com, or of a GitLab server whose addresses are given."""

    _PROVIDER = "gitlab"


class GoogleOAuth2Client(_KnownProvider):
    """A client of Google."""

    _PROVIDER = "google"


class YandexOAuth2Client(_KnownProvider):
    """A client of Yandex."""

    _PROVIDER = "yandex"


_BY_PROVIDER: dict[str, Callable[..., BaseOAuth2Client]] = {
    "github": GitHubOAuth2Client,
    "gitlab": GitLabOAuth2Client,
    "google": GoogleOAuth2Client,
    "yandex": YandexOAuth2Client,
}


def create_instance(provider: str, **options: Any) -> BaseOAuth2Client:
    """Makes the client that a section `oauth2.providers.NAME` asks for.

    Args:
        provider: The name of the section.
        **options: Its keys; see `OAuth2Client`.
    """
    return _BY_PROVIDER.get(provider, OAuth2Client)(provider=provider, **options)
