"""The blocking facade. `jam.aio.facade` is its twin: keep the two in step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from jam._base import BaseJam, claims_of
from jam._jam import LOGIN_LIFE_TIME, Callback

if TYPE_CHECKING:
    from typing_extensions import Self

    from jam.jose import DecryptedJWE, VerifiedJWS
    from jam.oauth2 import BaseOAuth2Client, CompletedLogin, DeviceAuthorization, Login
    from jam.sessions import BaseSessionModule, Session, SessionChange, SessionInfo
    from jam.tokens import BaseTokens, TokenFamily, TokenPair

__all__ = ["Jam"]


class Jam(BaseJam):
    """JWT, sessions, OAuth 2.0, one-time passwords and PASETO behind one configured object.

    It may be shared between threads, and used on after `fork()`.

    Args:
        config: A dict, or the path of a `.toml`, `.yaml`, `.yml` or `.json` file.
        pointer: The dotted path of Jam's part of a file.
        logger: A logger in place of `logging.getLogger("jam")`.
        log_level: What the logger lets through.
        serializer: What turns payloads and session data into bytes, in place of JSON.

    Attributes:
        jwt: The module that makes tokens; `None` where it is not configured, like all that follow.
        jws: The module that signs any bytes.
        jwe: The module that encrypts.
        session: The session store.
        oauth2: The OAuth 2.0 clients by the name of their provider.
        otp: Called with a secret, it gives a `TOTP` or `HOTP`.
        paseto: The module that makes PASETOs.
        tokens: The pairs of access and refresh tokens.

    Raises:
        JamError: The configuration cannot be used; the message names the key.
    """

    MODULES: ClassVar[dict[str, str | Callable[..., Any]]] = {
        "jwt": "jam.jwt.create_instance",
        "jwt.list": "jam.jwt.lists.create_instance",
        "jose.jws": "jam.jose.create_jws",
        "jose.jwe": "jam.jose.create_jwe",
        "session": "jam.sessions.create_instance",
        "oauth2": "jam.oauth2.create_instance",
        "otp": "jam.otp.create_instance",
        "otp.replay_guard": "jam.otp.replay_guard.create_instance",
        "paseto": "jam.paseto.create_instance",
        "tokens": "jam.tokens.create_instance",
    }

    session: BaseSessionModule | None
    tokens: BaseTokens | None
    oauth2: dict[str, BaseOAuth2Client] | None

    def jwt_make_payload(
        self, exp: int | None = None, data: dict[str, Any] | None = None, **claims: Any
    ) -> dict[str, Any]:
        """Gives the payload of a token: `iat`, `exp`, `jti`, and `iss` and `aud` where they are configured.

        Args:
            exp: Seconds from now until the token expires; if left out, the configured `expire`, else none.
            data: Claims to lay over.
            **claims: Further claims to lay over.
        """
        return self._jwt.make_payload(exp, claims_of(data, claims))

    def jwt_create_token(self, payload: dict[str, Any]) -> str:
        """Makes a token, and puts it on the white list where one is configured."""
        token = self._jwt.encode(payload)
        if self._is_white_list:
            self._list.add(token)
        return token

    def jwt_verify_token(
        self,
        token: str,
        check_exp: bool = True,
        check_list: bool = True,
        *,
        audience: str | list[str] | None = None,
        issuer: str | None = None,
        leeway: float | None = None,
    ) -> dict[str, Any]:
        """Verifies a token and gives its payload.

        Args:
            token: The token.
            check_exp: Whether `exp` and `nbf` are checked where they are present.
            check_list: Whether the list is asked, where one is configured.
            audience: The `aud` to ask for in place of the configured one.
            issuer: The `iss` to ask for in place of the configured one.
            leeway: Seconds by which clocks may differ, in place of the configured ones; with a black list no more than
                those.

        Raises:
            JamJWTExpired: `exp` has passed.
            JamJWTInBlackList: The black list names the token.
            JamJWTNotInWhiteList: The white list does not name it.
            JamError: The token is malformed, forged, or otherwise refused.
        """
        payload = self._jwt.decode(token, check_exp=check_exp, audience=audience, issuer=issuer, leeway=leeway)
        if self._is_listed(check_list):
            self._check_leeway(leeway)
            if bool(self._list.check(token)) != self._is_white_list:
                raise self._refused_by_list()
        return payload

    def jwt_revoke_subject(self, sub: str, issued_before: float | None = None) -> None:
        """Refuses all tokens of a subject that were issued up to a moment: logged out everywhere.

        The tokens need not be known. What counts is `iat`, in whole seconds, so that a token of the same second is
        refused. It needs a list, `jwt.list`.

        Args:
            sub: The claim `sub` of the tokens.
            issued_before: Seconds since 1970, at most a minute ahead; now if left out.
        """
        self._revoking_list.revoke_subject(sub, issued_before)

    # The names of the 3.x line.
    jwt_create = jwt_create_token
    jwt_encode = jwt_create_token
    jwt_decode = jwt_verify_token

    def jws_sign(self, payload: bytes | str, header: dict[str, Any] | None = None) -> str:
        """Signs any bytes into a compact token (RFC 7515), with the newest key.

        Args:
            payload: Any bytes, or a str for its UTF-8.
            header: Further header parameters, for instance `{"cty": "text/plain"}`.
        """
        return self._jws.sign(payload, header)

    def jws_verify(self, token: str) -> VerifiedJWS:
        """Verifies a compact token, and gives its `header` and its `payload`.

        Args:
            token: The token.

        Raises:
            JamJWTInvalidSignature: The token is of none of the keys, or was changed.
            JamError: The token is malformed, or of another algorithm.
        """
        return self._jws.verify(token)

    def jwe_encrypt(self, plaintext: bytes, header: dict[str, Any] | None = None) -> str:
        """Encrypts into a compact token (RFC 7516), to the newest key.

        Args:
            plaintext: The content.
            header: Further header parameters, for instance `{"cty": "JWT"}`.
        """
        return self._jwe.encrypt(plaintext, header)

    def jwe_decrypt(self, token: str) -> DecryptedJWE:
        """Decrypts a compact token, and gives its `header` and its `plaintext`.

        Args:
            token: The token.

        Raises:
            JamJWEDecryptionError: The token was not encrypted to one of the keys, or was changed.
            JamError: The token is malformed, or of another algorithm.
        """
        return self._jwe.decrypt(token)

    def session_create(self, session_key: str, data: dict[str, Any], *, metadata: dict[str, Any] | None = None) -> str:
        """Makes a session.

        Args:
            session_key: The owner; any text.
            data: What to keep.
            metadata: What `session_list` and `session_read` tell of it, such as the address and the browser that it was
                opened from: at most 3072 bytes as JSON. It stays as it is.

        Returns:
            The new session's id.
        """
        if metadata is None:
            return self._session.create(session_key, data)
        return self._session_method("create")(session_key, data, metadata=metadata)

    def session_get(self, session_id: str) -> dict[str, Any] | None:
        """Gives the data of a session; `None` where the id is unknown, expired, malformed or forged."""
        return self._session.get(session_id)

    def session_read(self, session_id: str) -> Session | None:
        """Gives a session with its data, their version, its metadata and its times; `None` as for `session_get`."""
        return self._session_method("read")(session_id)

    def session_update(self, session_id: str, data: dict[str, Any], *, version: str | None = None) -> None:
        """Replaces the data of a session.

        Args:
            session_id: The session's id.
            data: The new data.
            version: As `session_read` told it: then only if nothing was written since. `None` writes in any case.

        Raises:
            JamSessionNotFound: The id names no live session; none is made.
            JamSessionConflict: The session has another version; nothing was written.
        """
        if version is None:
            self._session.update(session_id, data)
        else:
            self._session_method("update")(session_id, data, version=version)

    def session_modify(self, session_id: str, change: SessionChange) -> dict[str, Any]:
        """Replaces the data of a session by what `change` makes of them, and gives that.

        When others write meanwhile, it is done again with the new data, up to 64 times; so `change` should do nothing
        but compute. What it raises comes through, and nothing is written.

        Args:
            session_id: The session's id.
            change: Is given the data, and gives the new data.

        Raises:
            JamSessionNotFound: The id names no live session.
            JamSessionConflict: Others wrote all the time.
        """
        return self._session_method("modify")(session_id, change)

    def session_delete(self, session_id: str) -> None:
        """Ends a session. An unknown id is no error."""
        self._session.delete(session_id)

    def session_clear(self, session_key: str, *, keep: str | None = None) -> None:
        """Ends all sessions of an owner.

        Args:
            session_key: The owner.
            keep: The id of a session that stays: "sign out everywhere else". If it is no session of the owner, none
                stays.
        """
        if keep is None:
            self._session.clear(session_key)
        else:
            self._session_method("clear")(session_key, keep=keep)

    def session_revoke(self, session_key: str, handle: str) -> bool:
        """Ends the session of an owner that `session_list` tells under this handle; `False` where there is none."""
        return self._session_method("revoke")(session_key, handle)

    def session_rework(self, old_session_id: str) -> str:
        """Gives a session a new id, atomically; the data and the deadline stay, the old id is dead.

        Raises:
            JamSessionNotFound: The id names no live session.
        """
        return self._session.rework(old_session_id)

    def session_list(self, session_key: str) -> Sequence[SessionInfo]:
        """Tells the live sessions of an owner: handle, created, last used, expires; never a usable id."""
        return self._session_method("list")(session_key)

    def tokens_issue(self, subject: str, claims: Mapping[str, Any] | None = None) -> TokenPair:
        """Gives an access token and a refresh token to a subject that has just logged in.

        Args:
            subject: Who has logged in; the claim `sub` of the access tokens.
            claims: What else stands in every access token of the login.
        """
        return self._tokens.issue(subject, claims)

    def tokens_refresh(self, refresh_token: str) -> TokenPair:
        """Gives the next pair for a refresh token, which is used up.

        Args:
            refresh_token: The token.

        Raises:
            JamRefreshTokenReused: The token had been used before, so that somebody else may have it: all tokens of its
                login are revoked.
            JamRefreshTokenInvalid: The token is forged, expired or revoked.
        """
        return self._tokens.refresh(refresh_token)

    def tokens_revoke(self, refresh_token: str) -> None:
        """Revokes all tokens of the login that a refresh token is of. What is no such token is no error."""
        self._tokens.revoke(refresh_token)

    def tokens_revoke_family(self, subject: str, handle: str) -> bool:
        """Revokes all tokens of the login that `tokens_list` tells under this handle; `False` where there is none."""
        return self._method("tokens", "revoke_family")(subject, handle)

    def tokens_revoke_all(self, subject: str) -> None:
        """Revokes all tokens of a subject: logged out everywhere.

        With a list (`jwt.list`) access tokens are refused at once, else they live until they expire.
        """
        self._tokens.revoke_all(subject)

    def tokens_list(self, subject: str) -> Sequence[TokenFamily]:
        """Tells the live logins of a subject: handle, created, last used, expires; never a token."""
        return self._method("tokens", "list")(subject)

    def otp_code(self, secret: str | bytes, factor: int | None = None) -> str:
        """Gives a one-time password.

        Args:
            secret: Bytes, or base32 text of any case; spaces, dashes and padding are ignored.
            factor: Unix seconds, now if left out (TOTP), or the counter (HOTP).
        """
        return self._otp.code(secret, factor)

    def otp_uri(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives the `otpauth://` text that authenticator apps read.

        Args:
            secret: As for `otp_code`.
            name: The account, shown in the app.
            issuer: The service, shown in the app.
            counter: The counter to begin with (HOTP).
        """
        return self._otp.uri(secret, name, issuer, counter)

    def otp_verify_code(self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1) -> bool:
        """Whether a one-time password is good.

        Args:
            secret: As for `otp_code`.
            code: What the user typed.
            factor: As for `otp_code`.
            look_ahead: Steps accepted before and after (TOTP), or counters accepted after (HOTP).
        """
        return self._otp.verify(secret, code, factor, look_ahead)

    def otp_verify_step(
        self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1
    ) -> int | None:
        """As `otp_verify_code`, but names what the code belongs to.

        Returns:
            The step (TOTP) or the counter (HOTP), or `None`. Compare it with `None`: the first counter is 0.
        """
        return self._otp.verify_step(secret, code, factor, look_ahead)

    def otp_verify_once(
        self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1
    ) -> int | None:
        """As `otp_verify_step`, but accepts the code of a step once.

        What was accepted is kept where the section `otp.replay_guard` says.

        Returns:
            The step, or `None` for a wrong code and for one that was used.

        Raises:
            JamStoreError: The store failed; the code may be used up.
        """
        return self._replay_guard.verify(self._otp(secret), code, factor, look_ahead)

    def otp_qr_svg(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives `otp_uri` as a QR code: a document of SVG, which can stand in a page of HTML as it is.

        Args:
            secret: As for `otp_code`.
            name: As for `otp_uri`.
            issuer: As for `otp_uri`.
            counter: As for `otp_uri`.
        """
        return self._otp.qr_svg(secret, name, issuer, counter)

    def oauth2_get_authorized_url(self, provider: str, scope: Sequence[str], **extra: Any) -> str:
        """Gives the address to send the browser to.

        Args:
            provider: The name in the configuration.
            scope: What to ask for.
            **extra: Further parameters of the address.
        """
        return self._client(provider).get_authorization_url(scope, **extra)

    def oauth2_fetch_token(
        self, provider: str, code: str, grant_type: str = "authorization_code", **extra: Any
    ) -> dict[str, Any]:
        """Exchanges the code that the browser brought back.

        Args:
            provider: The name in the configuration.
            code: The code.
            grant_type: The kind of grant (RFC 6749 section 4.1.3).
            **extra: Further parameters of the request.
        """
        return self._client(provider).fetch_token(code, grant_type, **extra)

    def oauth2_refresh_token(
        self, provider: str, refresh_token: str, grant_type: str = "refresh_token", **extra: Any
    ) -> dict[str, Any]:
        """Gets a new access token.

        Args:
            provider: The name in the configuration.
            refresh_token: The refresh token.
            grant_type: The kind of grant (RFC 6749 section 6).
            **extra: Further parameters of the request.
        """
        return self._client(provider).refresh_token(refresh_token, grant_type, **extra)

    def oauth2_client_credentials_flow(
        self, provider: str, scope: Sequence[str] | None = None, **extra: Any
    ) -> dict[str, Any]:
        """Gets an access token for the program itself (RFC 6749 section 4.4).

        Args:
            provider: The name in the configuration.
            scope: What to ask for.
            **extra: Further parameters of the request.
        """
        return self._client(provider).client_credentials_flow(scope, **extra)

    def oauth2_begin(self, provider: str, scope: Sequence[str] | None = None, **extra: Any) -> Login:
        """Begins a login, and keeps in the session store what completes it, for ten minutes.

        Args:
            provider: The name in the configuration.
            scope: What to ask for; if left out, `openid` where the provider has an issuer.
            **extra: Further parameters of the address. `max_age` and `acr_values` are checked in the ID token.

        Returns:
            The login: `.url` is where to send the browser, `.binding` goes into a cookie of this browser.
        """
        client, keep = self._client(provider), self._session_method("keep")
        login = client.begin_login(scope, **extra)
        keep(login.state, login.record, LOGIN_LIFE_TIME)
        return login

    def oauth2_complete(self, provider: str, callback: str | Mapping[str, Any], binding: str | None) -> CompletedLogin:
        """Completes a login by what the browser brought back. Whatever happens, the login is used up.

        Args:
            provider: The name in the configuration.
            callback: The address that the browser came back to, or the dict of its parameters.
            binding: The value of the browser's cookie; `None` where it has none.

        Returns:
            `.tokens`, the provider's answer, and `.claims` of the validated ID token, `None` where none was asked for.

        Raises:
            JamOAuth2InvalidCallback: The callback belongs to no login of this browser, or comes from another issuer.
            JamOAuth2Refused: The user or the provider refused.
            JamOAuth2InvalidIdToken: The ID token is not one of the provider's for this login.
            JamOAuth2Error: The provider cannot be reached, or its answer cannot be used.
        """
        client, answer = self._client(provider), Callback(callback)
        return client.complete_login(answer, binding, self._session_method("take")(answer.state))

    def oauth2_userinfo(self, provider: str, access_token: str) -> dict[str, Any]:
        """Tells who the user of an access token is, in the provider's own words.

        Args:
            provider: The name in the configuration.
            access_token: The access token.
        """
        return self._client(provider).userinfo(access_token)

    def oauth2_introspect(self, provider: str, token: str) -> dict[str, Any]:
        """Tells whether a token is `active`, and of what kind it is (RFC 7662).

        Args:
            provider: The name in the configuration.
            token: The token.
        """
        return self._client(provider).introspect(token)

    def oauth2_revoke(self, provider: str, token: str) -> None:
        """Makes a token useless (RFC 7009).

        Args:
            provider: The name in the configuration.
            token: The token.
        """
        self._client(provider).revoke(token)

    def oauth2_device_begin(self, provider: str, scope: Sequence[str] | None = None) -> DeviceAuthorization:
        """Begins a login on a device without a browser (RFC 8628): gives what to show the user.

        Args:
            provider: The name in the configuration.
            scope: What to ask for.
        """
        return self._client(provider).begin_device(scope)

    def oauth2_device_complete(self, provider: str, device: DeviceAuthorization) -> dict[str, Any]:
        """Waits for the user of the device, and gives the provider's token answer.

        Args:
            provider: The name in the configuration.
            device: What `oauth2_device_begin` gave.
        """
        return self._client(provider).complete_device(device)

    def paseto_make_payload(self, exp: int | None = None, **data: Any) -> dict[str, Any]:
        """Gives the payload of a PASETO: `iat`, `exp`, `jti`.

        Args:
            exp: Seconds from now until the token expires; no `exp` if left out.
            **data: Claims by their names.
        """
        return self._paseto.make_payload(exp, data)

    def paseto_create(
        self,
        payload: dict[str, Any],
        footer: dict[str, Any] | str | bytes | None = None,
        *,
        implicit_assertion: str | bytes | None = None,
    ) -> str:
        """Makes a PASETO.

        Args:
            payload: The claims.
            footer: What anybody may read, but nobody change.
            implicit_assertion: What is not in the token, but must be given again to decode it.
        """
        return self._paseto.encode(payload, footer, implicit_assertion=implicit_assertion)

    def paseto_decode(
        self,
        token: str,
        check_exp: bool = True,
        check_list: bool = True,
        *,
        implicit_assertion: str | bytes | None = None,
    ) -> dict[str, Any]:
        """Opens or verifies a PASETO, and gives its `payload` and `footer`.

        Args:
            token: The token.
            check_exp: Whether `exp` and `nbf` are checked where they are present.
            check_list: Without effect: PASETOs have no lists.
            implicit_assertion: What was given when it was made.
        """
        payload, footer = self._paseto.decode(token, check_exp=check_exp, implicit_assertion=implicit_assertion)
        return {"payload": payload, "footer": footer}

    def close(self) -> None:
        """Lets go of connections and files."""
        for module in self._closable():
            module.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
