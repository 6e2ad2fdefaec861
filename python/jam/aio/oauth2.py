"""OAuth 2.0 clients (RFC 6749) for asyncio: the classes of `jam.oauth2`, with coroutines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from jam import _jam
from jam._guarded import Guarded
from jam._jam import AsyncTokenSet as TokenSet
from jam._jam import Callback, CompletedLogin, DeviceAuthorization, Login
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
    """As `jam.oauth2.BaseOAuth2Client`, with coroutines."""

    @abstractmethod
    async def get_authorization_url(self, scope: Sequence[str], **extra: Any) -> str:
        """Gives the address to send the browser to. With an `issuer` the first call asks it for its metadata."""
        raise NotImplementedError

    @abstractmethod
    async def fetch_token(self, code: str, grant_type: str = "authorization_code", **extra: Any) -> dict[str, Any]:
        """Exchanges the code that the browser brought back.

        Raises:
            JamOAuth2Refused: The provider answered with an error, whatever the status.
            JamOAuth2Error: It cannot be reached, or its answer cannot be used.
        """
        raise NotImplementedError

    @abstractmethod
    async def refresh_token(
        self, refresh_token: str, grant_type: str = "refresh_token", **extra: Any
    ) -> dict[str, Any]:
        """Gets a new access token.

        Raises:
            JamOAuth2Error: As for `fetch_token`.
        """
        raise NotImplementedError

    @abstractmethod
    async def client_credentials_flow(self, scope: Sequence[str] | None = None, **extra: Any) -> dict[str, Any]:
        """Gets an access token for the program itself.

        Raises:
            JamOAuth2Error: As for `fetch_token`.
        """
        raise NotImplementedError

    async def begin_login(self, scope: Sequence[str] | None = None, **extra: Any) -> Login:
        """As `jam.oauth2.BaseOAuth2Client.begin_login`. With an `issuer` the first call asks it for its metadata."""
        raise self._undefined("begin_login(scope, **extra)")

    async def complete_login(self, callback: Callback, binding: str | None, record: bytes | None) -> CompletedLogin:
        """As `jam.oauth2.BaseOAuth2Client.complete_login`."""
        raise self._undefined("complete_login(callback, binding, record)")

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """As `jam.oauth2.BaseOAuth2Client.userinfo`."""
        raise self._undefined("userinfo(access_token)")

    async def introspect(self, token: str) -> dict[str, Any]:
        """As `jam.oauth2.BaseOAuth2Client.introspect`."""
        raise self._undefined("introspect(token)")

    async def revoke(self, token: str) -> None:
        """As `jam.oauth2.BaseOAuth2Client.revoke`."""
        raise self._undefined("revoke(token)")

    async def begin_device(self, scope: Sequence[str] | None = None, **extra: Any) -> DeviceAuthorization:
        """As `jam.oauth2.BaseOAuth2Client.begin_device`."""
        raise self._undefined("begin_device(scope, **extra)")

    async def complete_device(self, device: DeviceAuthorization) -> dict[str, Any]:
        """As `jam.oauth2.BaseOAuth2Client.complete_device`."""
        raise self._undefined("complete_device(device)")

    def _undefined(self, method: str) -> JamConfigurationError:
        return JamConfigurationError(f"oauth2: {type(self).__name__} does not define {method}")


class _CoreClient(Guarded, BaseOAuth2Client):
    """The calls over what does them."""

    provider: str
    _client: _jam.AsyncOAuth2Client

    async def get_authorization_url(self, scope: Sequence[str], **extra: Any) -> str:
        return await self._client.get_authorization_url(scope, **extra)

    async def fetch_token(self, code: str, grant_type: str = "authorization_code", **extra: Any) -> dict[str, Any]:
        return await self._client.fetch_token(code, grant_type, **extra)

    async def refresh_token(
        self, refresh_token: str, grant_type: str = "refresh_token", **extra: Any
    ) -> dict[str, Any]:
        return await self._client.refresh_token(refresh_token, grant_type, **extra)

    async def client_credentials_flow(self, scope: Sequence[str] | None = None, **extra: Any) -> dict[str, Any]:
        return await self._client.client_credentials_flow(scope, **extra)

    async def begin_login(self, scope: Sequence[str] | None = None, **extra: Any) -> Login:
        return await self._client.begin_login(scope, **extra)

    async def complete_login(self, callback: Callback, binding: str | None, record: bytes | None) -> CompletedLogin:
        return await self._client.complete_login(callback, binding, record)

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        return await self._client.userinfo(access_token)

    async def introspect(self, token: str) -> dict[str, Any]:
        return await self._client.introspect(token)

    async def revoke(self, token: str) -> None:
        await self._client.revoke(token)

    async def begin_device(self, scope: Sequence[str] | None = None, **extra: Any) -> DeviceAuthorization:
        return await self._client.begin_device(scope, **extra)

    async def complete_device(self, device: DeviceAuthorization) -> dict[str, Any]:
        return await self._client.complete_device(device)

    async def verify_id_token(self, token: str, nonce: str | None = None) -> dict[str, Any]:
        """Verifies an ID token of the provider's for this client, by the provider's keys, and gives its claims.

        Args:
            token: The token.
            nonce: The nonce it must hold; it is not looked at if left out.

        Raises:
            JamOAuth2InvalidIdToken: It is not one of the provider's for this client, or has expired.
            JamOAuth2Error: The keys cannot be fetched.
        """
        return await self._client.verify_id_token(token, nonce)

    async def verify_access_token(self, token: str, audience: str) -> dict[str, Any]:
        """As `jam.oauth2.OAuth2Client.verify_access_token`."""
        return await self._client.verify_access_token(token, audience)

    async def logout_url(self, **extra: Any) -> str:
        """As `jam.oauth2.OAuth2Client.logout_url`."""
        return await self._client.logout_url(**extra)

    async def verify_logout_token(self, token: str) -> dict[str, Any]:
        """As `jam.oauth2.OAuth2Client.verify_logout_token`."""
        return await self._client.verify_logout_token(token)

    async def token_set(self, tokens: dict[str, Any]) -> TokenSet:
        """As `jam.oauth2.OAuth2Client.token_set`; its `access_token()` is awaited."""
        return self._client.token_set(tokens)

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__qualname__} provider={self.provider!r}>"


class OAuth2Client(_CoreClient):
    """As `jam.oauth2.OAuth2Client`; the arguments are the same."""

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
        self._client = _jam.AsyncOAuth2Client(
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
    """As the class of the same name in `jam.oauth2`: its addresses are known."""

    _PROVIDER: ClassVar[str]

    def __init__(
        self, client_id: str, client_secret: str | None = None, redirect_url: str | None = None, **options: Any
    ) -> None:
        options.setdefault("provider", self._PROVIDER)
        super().__init__(client_id, client_secret, redirect_url=redirect_url, **options)


class GitHubOAuth2Client(_KnownProvider):
    """As `jam.oauth2.GitHubOAuth2Client`."""

    _PROVIDER = "github"


class GitLabOAuth2Client(_KnownProvider):
    """As `jam.oauth2.GitLabOAuth2Client`."""

    _PROVIDER = "gitlab"


class GoogleOAuth2Client(_KnownProvider):
    """As `jam.oauth2.GoogleOAuth2Client`."""

    _PROVIDER = "google"


class YandexOAuth2Client(_KnownProvider):
    """As `jam.oauth2.YandexOAuth2Client`."""

    _PROVIDER = "yandex"


_BY_PROVIDER: dict[str, Callable[..., BaseOAuth2Client]] = {
    "github": GitHubOAuth2Client,
    "gitlab": GitLabOAuth2Client,
    "google": GoogleOAuth2Client,
    "yandex": YandexOAuth2Client,
}


def create_instance(provider: str, **options: Any) -> BaseOAuth2Client:
    """Makes the client that a section `oauth2.providers.NAME` asks for; see `jam.oauth2.create_instance`."""
    return _BY_PROVIDER.get(provider, OAuth2Client)(provider=provider, **options)
