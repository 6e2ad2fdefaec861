"""The asyncio facade. `jam.facade` is its twin: keep the two in step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from jam._base import BaseJam, claims_of
from jam._jam import LOGIN_LIFE_TIME, Callback
from jam.aio._threads import InThread
from jam.aio.lists import BaseJWTList
from jam.aio.oauth2 import BaseOAuth2Client
from jam.aio.replay_guard import BaseReplayGuard
from jam.aio.sessions import BaseSessionModule
from jam.aio.tokens import BaseTokens

if TYPE_CHECKING:
    from typing_extensions import Self

    from jam.aio.sessions import SessionChange
    from jam.jose import DecryptedJWE, VerifiedJWS
    from jam.oauth2 import CompletedLogin, DeviceAuthorization, Login
    from jam.sessions import Session, SessionInfo
    from jam.tokens import TokenFamily, TokenPair

__all__ = ["Jam"]


class Jam(BaseJam):
    """As `jam.Jam`: the same methods with the same arguments, and each is a coroutine.

    What does I/O runs off the event loop; what does none is done at once. One object may be shared by tasks,
    threads and event loops, and used on after `fork()`. A module of the user's own may be blocking: it is called in a
    thread then.
    """

    MODULES: ClassVar[dict[str, str | Callable[..., Any]]] = {
        "jwt": "jam.jwt.create_instance",
        "jwt.list": "jam.aio.lists.create_instance",
        "jose.jws": "jam.jose.create_jws",
        "jose.jwe": "jam.jose.create_jwe",
        "session": "jam.aio.sessions.create_instance",
        "oauth2": "jam.aio.oauth2.create_instance",
        "otp": "jam.otp.create_instance",
        "otp.replay_guard": "jam.aio.replay_guard.create_instance",
        "paseto": "jam.paseto.create_instance",
        "tokens": "jam.aio.tokens.create_instance",
    }

    _AWAITS: ClassVar[bool] = True

    session: BaseSessionModule | None
    tokens: BaseTokens | None
    oauth2: dict[str, BaseOAuth2Client] | None

    async def jwt_make_payload(
        self, exp: int | None = None, data: dict[str, Any] | None = None, **claims: Any
    ) -> dict[str, Any]:
        """Gives the payload of a token: `iat`, `exp`, `jti`, and `iss` and `aud` where they are configured."""
        return self._jwt.make_payload(exp, claims_of(data, claims))

    async def jwt_create_token(self, payload: dict[str, Any]) -> str:
        """Makes a token, and puts it on the white list where one is configured."""
        token = self._jwt.encode(payload)
        if self._is_white_list:
            await self._list.add(token)
        return token

    async def jwt_verify_token(
        self,
        token: str,
        check_exp: bool = True,
        check_list: bool = True,
        *,
        audience: str | list[str] | None = None,
        issuer: str | None = None,
        leeway: float | None = None,
    ) -> dict[str, Any]:
        """Verifies a token and gives its payload."""
        payload = self._jwt.decode(token, check_exp=check_exp, audience=audience, issuer=issuer, leeway=leeway)
        if self._is_listed(check_list):
            self._check_leeway(leeway)
            if bool(await self._list.check(token)) != self._is_white_list:
                raise self._refused_by_list()
        return payload

    async def jwt_revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        """Refuses all tokens of a subject that were issued up to a moment: logged out everywhere."""
        await self._revoking_list.revoke_subject(sub, issued_before)

    # The names of the 3.x line.
    jwt_create = jwt_create_token
    jwt_encode = jwt_create_token
    jwt_decode = jwt_verify_token

    async def jws_sign(self, payload: bytes | str, header: dict[str, Any] | None = None) -> str:
        """Signs any bytes into a compact token (RFC 7515), with the newest key."""
        return self._jws.sign(payload, header)

    async def jws_verify(self, token: str) -> VerifiedJWS:
        """Verifies a compact token, and gives its `header` and its `payload`."""
        return self._jws.verify(token)

    async def jwe_encrypt(self, plaintext: bytes, header: dict[str, Any] | None = None) -> str:
        """Encrypts into a compact token (RFC 7516), to the newest key."""
        return self._jwe.encrypt(plaintext, header)

    async def jwe_decrypt(self, token: str) -> DecryptedJWE:
        """Decrypts a compact token, and gives its `header` and its `plaintext`."""
        return self._jwe.decrypt(token)

    async def session_create(
        self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None
    ) -> str:
        """Makes a session. `metadata` is what `session_list` tells of it."""
        if metadata is None:
            return await self._session.create(session_key, data)
        return await self._session_method("create")(session_key, data, metadata=metadata)

    async def session_get(self, session_id: str) -> dict[str, Any] | None:
        """Gives the data of a session; `None` where the id is unknown, expired, malformed or forged."""
        return await self._session.get(session_id)

    async def session_read(self, session_id: str) -> Session | None:
        """Gives a session with its data, their version, its metadata and its times; `None` as for `session_get`."""
        return await self._session_method("read")(session_id)

    async def session_update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        """Replaces the data of a session; with `version` only if nothing was written since `session_read` told that."""
        if version is None:
            await self._session.update(session_id, data)
        else:
            await self._session_method("update")(session_id, data, version=version)

    async def session_modify(self, session_id: str, change: SessionChange) -> dict[str, Any]:
        """Replaces the data of a session by what `change` makes of them; that may be a coroutine function.

        A session module of the user's own that blocks runs in a thread, and needs a plain function.
        """
        return await self._session_method("modify")(session_id, change)

    async def session_delete(self, session_id: str) -> None:
        """Ends a session. An unknown id is no error."""
        await self._session.delete(session_id)

    async def session_clear(self, session_key: str, *, keep: str | None = None) -> None:
        """Ends all sessions of an owner, but the one with the id `keep`."""
        if keep is None:
            await self._session.clear(session_key)
        else:
            await self._session_method("clear")(session_key, keep=keep)

    async def session_revoke(self, session_key: str, handle: str) -> bool:
        """Ends the session of an owner that `session_list` tells under this handle; `False` where there is none."""
        return await self._session_method("revoke")(session_key, handle)

    async def session_rework(self, old_session_id: str) -> str:
        """Gives a session a new id, atomically; the data and the deadline stay, the old id is dead."""
        return await self._session.rework(old_session_id)

    async def session_list(self, session_key: str) -> Sequence[SessionInfo]:
        """Tells the live sessions of an owner: handle, created, last used, expires; never a usable id."""
        return await self._session_method("list")(session_key)

    async def tokens_issue(self, subject: str, claims: Mapping[str, Any] | None = None) -> TokenPair:
        """Gives an access token and a refresh token to a subject that has just logged in."""
        return await self._tokens.issue(subject, claims)

    async def tokens_refresh(self, refresh_token: str) -> TokenPair:
        """Gives the next pair for a refresh token, which is used up."""
        return await self._tokens.refresh(refresh_token)

    async def tokens_revoke(self, refresh_token: str) -> None:
        """Revokes all tokens of the login that a refresh token is of. What is no such token is no error."""
        await self._tokens.revoke(refresh_token)

    async def tokens_revoke_family(self, subject: str, handle: str) -> bool:
        """Revokes all tokens of the login that `tokens_list` tells under this handle; `False` where there is none."""
        return await self._method("tokens", "revoke_family")(subject, handle)

    async def tokens_revoke_all(self, subject: str) -> None:
        """Revokes all tokens of a subject: logged out everywhere."""
        await self._tokens.revoke_all(subject)

    async def tokens_list(self, subject: str) -> Sequence[TokenFamily]:
        """Tells the live logins of a subject: handle, created, last used, expires; never a token."""
        return await self._method("tokens", "list")(subject)

    async def otp_code(self, secret: str | bytes, factor: int | None = None) -> str:
        """Gives a one-time password."""
        return self._otp.code(secret, factor)

    async def otp_uri(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives the `otpauth://` text that authenticator apps read."""
        return self._otp.uri(secret, name, issuer, counter)

    async def otp_verify_code(
        self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1
    ) -> bool:
        """Whether a one-time password is good."""
        return self._otp.verify(secret, code, factor, look_ahead)

    async def otp_verify_step(
        self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1
    ) -> int | None:
        """As `otp_verify_code`, but names the step (TOTP) or the counter (HOTP) that the code belongs to, or `None`."""
        return self._otp.verify_step(secret, code, factor, look_ahead)

    async def otp_verify_once(
        self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1
    ) -> int | None:
        """As `otp_verify_step`, but accepts the code of a step once."""
        return await self._replay_guard.verify(self._otp(secret), code, factor, look_ahead)

    async def otp_qr_svg(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives `otp_uri` as a QR code: a document of SVG."""
        return self._otp.qr_svg(secret, name, issuer, counter)

    async def oauth2_get_authorized_url(self, provider: str, scope: Sequence[str], **extra: Any) -> str:
        """Gives the address to send the browser to."""
        return await self._client(provider).get_authorization_url(scope, **extra)

    async def oauth2_fetch_token(
        self, provider: str, code: str, grant_type: str = "authorization_code", **extra: Any
    ) -> dict[str, Any]:
        """Exchanges the code that the browser brought back."""
        return await self._client(provider).fetch_token(code, grant_type, **extra)

    async def oauth2_refresh_token(
        self, provider: str, refresh_token: str, grant_type: str = "refresh_token", **extra: Any
    ) -> dict[str, Any]:
        """Gets a new access token."""
        return await self._client(provider).refresh_token(refresh_token, grant_type, **extra)

    async def oauth2_client_credentials_flow(
        self, provider: str, scope: Sequence[str] | None = None, **extra: Any
    ) -> dict[str, Any]:
        """Gets an access token for the program itself (RFC 6749 section 4.4)."""
        return await self._client(provider).client_credentials_flow(scope, **extra)

    async def oauth2_begin(self, provider: str, scope: Sequence[str] | None = None, **extra: Any) -> Login:
        """Begins a login: `.url` is where to send the browser, `.binding` goes into its cookie."""
        client, keep = self._client(provider), self._session_method("keep")
        login = await client.begin_login(scope, **extra)
        await keep(login.state, login.record, LOGIN_LIFE_TIME)
        return login

    async def oauth2_complete(
        self, provider: str, callback: str | Mapping[str, Any], binding: str | None
    ) -> CompletedLogin:
        """Completes a login by what the browser brought back: `.tokens`, and `.claims` of the validated ID token."""
        client, answer = self._client(provider), Callback(callback)
        return await client.complete_login(answer, binding, await self._session_method("take")(answer.state))

    async def oauth2_userinfo(self, provider: str, access_token: str) -> dict[str, Any]:
        """Tells who the user of an access token is, in the provider's own words."""
        return await self._client(provider).userinfo(access_token)

    async def oauth2_introspect(self, provider: str, token: str) -> dict[str, Any]:
        """Tells whether a token is `active`, and of what kind it is (RFC 7662)."""
        return await self._client(provider).introspect(token)

    async def oauth2_revoke(self, provider: str, token: str) -> None:
        """Makes a token useless (RFC 7009)."""
        await self._client(provider).revoke(token)

    async def oauth2_device_begin(self, provider: str, scope: Sequence[str] | None = None) -> DeviceAuthorization:
        """Begins a login on a device without a browser (RFC 8628): gives what to show the user."""
        return await self._client(provider).begin_device(scope)

    async def oauth2_device_complete(self, provider: str, device: DeviceAuthorization) -> dict[str, Any]:
        """Waits for the user of the device, and gives the provider's token answer."""
        return await self._client(provider).complete_device(device)

    async def paseto_make_payload(self, exp: int | None = None, **data: Any) -> dict[str, Any]:
        """Gives the payload of a PASETO: `iat`, `exp`, `jti`."""
        return self._paseto.make_payload(exp, data)

    async def paseto_create(
        self,
        payload: dict[str, Any],
        footer: dict[str, Any] | str | bytes | None = None,
        *,
        implicit_assertion: str | bytes | None = None,
    ) -> str:
        """Makes a PASETO."""
        return self._paseto.encode(payload, footer, implicit_assertion=implicit_assertion)

    async def paseto_decode(
        self,
        token: str,
        check_exp: bool = True,
        check_list: bool = True,
        *,
        implicit_assertion: str | bytes | None = None,
    ) -> dict[str, Any]:
        """Opens or verifies a PASETO, and gives its `payload` and `footer`."""
        payload, footer = self._paseto.decode(token, check_exp=check_exp, implicit_assertion=implicit_assertion)
        return {"payload": payload, "footer": footer}

    async def aclose(self) -> None:
        """Lets go of connections and files."""
        for module in self._closable():
            await module.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _callable_form(self, module: Any) -> Any:
        own = BaseJWTList | BaseSessionModule | BaseOAuth2Client | BaseReplayGuard | BaseTokens
        if module is None or isinstance(module, own):
            return module
        return InThread(module)
