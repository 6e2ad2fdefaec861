"""What all integrations decide alike: who sent a request, and whether that is enough."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

from jam.cookies import Cookie
from jam.exceptions import (
    JamConfigurationError,
    JamError,
    JamJWTExpired,
    JamPASETOExpired,
    JamStoreError,
)
from jam.ext._refusal import Refusal, check_realm, check_scopes
from jam.ext._sources import AUTHORIZATION, Credential, RequestHead, Sources, check_name, cookie_named

if TYPE_CHECKING:
    import jam
    import jam.aio

    Config = str | os.PathLike[str] | Mapping[str, Any]
    JamOrConfig = jam.Jam | jam.aio.Jam | Config

Kind = Literal["jwt", "paseto", "session"]
"""What of Jam reads a credential."""

_logger = logging.getLogger("jam.ext")


class PolicyOptions(TypedDict, total=False):
    """What all integrations take as keywords, beside the names of the cookie and the header.

    Attributes:
        cookie: The cookie to read, and to write at a login, with all its attributes; in place of a `cookie_name`.
        query_name: A parameter of the query (`access_token` in RFC 6750). Addresses end up in logs: use it only for
            what cannot send a header, such as a WebSocket of a browser.
        bearer: Whether the header's value begins with `Bearer` (`True`).
        use_list: Whether the white or black list of JWTs is asked, where one is configured (`True`).
        scope_claim: The member of the payload with the scopes: a text with spaces between them, or a list (`"scope"`).
        trusted_origins: Origins beside the request's own whose pages may use the cookie: `["https://app.example.org"]`.
        realm: What `WWW-Authenticate` names as the protection space (`"jam"`).
        config: A configuration to make the facade of, where none is given.
        pointer: The dotted path of Jam's part of a configuration file (`"jam"`).
    """

    cookie: Cookie | None
    query_name: str | None
    bearer: bool
    use_list: bool
    scope_claim: str
    trusted_origins: Sequence[str]
    realm: str
    config: Config | None
    pointer: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sent a request.

    Attributes:
        payload: The claims of the token, or the data of the session.
        scopes: What the payload allows.
        kind: What read the credential: `jwt`, `paseto` or `session`.
        credential: The token or the session's id itself, to end it with; no part of the `repr`.
    """

    payload: dict[str, Any]
    scopes: frozenset[str]
    kind: Kind
    credential: str = field(repr=False)


@dataclass(slots=True)
class Authentication:
    """What a request's credential came to.

    Attributes:
        identity: Who sent the request; `None` for nobody known.
        failure: Why the credential does not hold; `None` where it holds or there is none.
        realm: The protection space that answers name.
    """

    identity: Identity | None
    failure: str | None
    realm: str

    def require(self, *scopes: str) -> Identity:
        """Gives the identity.

        Raises:
            Refusal: There is none, or it lacks one of the scopes.
        """
        if self.identity is None:
            raise Refusal.no_identity(self.realm, self.failure)
        if not self.identity.scopes.issuperset(scopes):
            raise Refusal.insufficient_scope(self.realm, check_scopes(scopes))
        return self.identity


class Policy:
    """Where a credential is looked for, what of Jam reads it, and what its payload allows.

    Without any of the three names, tokens are expected in `Authorization: Bearer`, sessions in the cookie
    `__Host-session`.

    Args:
        kind: `jwt`, `paseto` or `session`.
        jam: The facade: `jam.aio.Jam` for the asynchronous methods, `jam.Jam` for both, though its I/O then needs
            threads in the asynchronous ones. Or a configuration to make the right one of.
        cookie_name: The whole name of a cookie that holds the credential.
        header_name: A header that holds it after the word `Bearer`.
        is_async: Whether the asynchronous methods will be called, or the blocking ones.
        **options: See `PolicyOptions`.

    Raises:
        JamConfigurationError: The facade has no such part, or is of the wrong face.
    """

    def __init__(
        self,
        kind: Kind,
        jam: JamOrConfig | None = None,
        cookie_name: str | None = None,
        header_name: str | None = None,
        *,
        is_async: bool,
        cookie: Cookie | None = None,
        query_name: str | None = None,
        bearer: bool = True,
        use_list: bool = True,
        scope_claim: str = "scope",
        trusted_origins: Sequence[str] = (),
        realm: str = "jam",
        config: Config | None = None,
        pointer: str = "jam",
    ) -> None:
        if kind not in ("jwt", "paseto", "session"):
            raise JamConfigurationError("kind: must be jwt, paseto or session")
        self.kind: Kind = kind
        if (jam is None) == (config is None):
            raise JamConfigurationError("jam, config: give one of them")
        self.jam: Any = facade_of(config if jam is None else jam, pointer, is_async=is_async)
        self.realm = check_realm(realm)
        self._scope_claim = scope_claim
        self._use_list = use_list
        self._anonymous = Authentication(None, None, self.realm)

        if getattr(self.jam, kind, self) is None:
            raise JamConfigurationError(f'the configuration has no section "{kind}"; add it to use it here')
        self._awaits = inspect.iscoroutinefunction(self.jam.session_get)
        self._list: Any = getattr(getattr(self.jam, "jwt", None), "list", None) if kind == "jwt" else None
        # A method that does I/O must not run on the event loop; the others are too short for a thread.
        self._in_thread = not self._awaits and (kind == "session" or (use_list and self._list is not None))

        if cookie is not None and cookie_name is not None:
            raise JamConfigurationError("cookie, cookie_name: give one of them")
        if cookie_name is not None:
            cookie = cookie_named(cookie_name)
        if cookie is None and header_name is None and query_name is None:
            if kind == "session":
                cookie = Cookie()
            else:
                header_name = AUTHORIZATION
        check_name(header_name, "header_name")
        check_name(query_name, "query_name")
        self.cookie = cookie
        self.sources = Sources(
            header_name=header_name,
            bearer=bearer,
            query_name=query_name,
            cookie=cookie,
            trusted_origins=trusted_origins,
            realm=self.realm,
        )

    def authenticate(self, head: RequestHead) -> Authentication:
        """Finds out who sent a request. Whether anybody has to be known is for the caller to say.

        Raises:
            Refusal: The request must be turned away in any case: its credentials are ambiguous, a page of another site
                sent it, or the store does not answer.
        """
        credential = self.sources.find(head)
        if credential is None:
            return self._anonymous
        try:
            payload = self._read(credential.text)
        except JamError as error:
            return self._refused(error)
        return self._authenticated(credential, payload)

    async def authenticate_async(self, head: RequestHead) -> Authentication:
        """As `authenticate`."""
        credential = self.sources.find(head)
        if credential is None:
            return self._anonymous
        try:
            payload = await self._do(self._read, credential.text)
        except JamError as error:
            return self._refused(error)
        return self._authenticated(credential, payload)

    def revoke(self, identity: Identity) -> None:
        """Ends what a request was authenticated by: the session, or the token where a list can tell.

        A token without a list stays good until it expires.

        Raises:
            Refusal: The store does not answer; the credential may still be good.
        """
        end = self._end()
        if end is None:
            return
        try:
            end(identity.credential)
        except JamStoreError as error:
            raise Refusal.store_unavailable() from error

    async def revoke_async(self, identity: Identity) -> None:
        """As `revoke`."""
        end = self._end()
        if end is None:
            return
        try:
            if self._awaits:
                await end(identity.credential)
            else:
                await asyncio.to_thread(end, identity.credential)
        except JamStoreError as error:
            raise Refusal.store_unavailable() from error

    def set_cookie(self, credential: str, max_age: int | None = None) -> str:
        """The text of the `Set-Cookie` header that gives the browser a token or a session's id."""
        return self._needed_cookie().set(credential, max_age)

    def delete_cookie(self) -> str | None:
        """The text of the `Set-Cookie` header that makes the browser forget it; `None` where there is no cookie."""
        return None if self.cookie is None else self.cookie.delete()

    def _needed_cookie(self) -> Cookie:
        if self.cookie is None:
            raise JamConfigurationError("cookie: this policy has none; give one to set it")
        return self.cookie

    def _read(self, credential: str) -> Any:
        """The payload, or an awaitable of it, by the facade's face."""
        if self.kind == "jwt":
            return self.jam.jwt_verify_token(credential, check_list=self._use_list)
        if self.kind == "paseto":
            return self.jam.paseto_decode(credential)
        return self.jam.session_get(credential)

    async def _do(self, call: Callable[[str], Any], credential: str) -> Any:
        if self._in_thread:
            return await asyncio.to_thread(call, credential)
        result = call(credential)
        return await result if self._awaits else result

    def _end(self) -> Callable[[str], Any] | None:
        if self.kind == "session":
            return self.jam.session_delete
        if self._list is None:
            return None
        return self._list.delete if self._list.type == "white" else self._list.add

    def _refused(self, error: JamError) -> Authentication:
        if isinstance(error, JamConfigurationError):
            raise error  # a mistake of the program, not of the request
        _logger.info("a credential was refused: %s", error.error_code)
        if isinstance(error, JamStoreError):
            raise Refusal.store_unavailable() from error
        if isinstance(error, JamJWTExpired | JamPASETOExpired):
            return Authentication(None, "the token has expired", self.realm)
        return Authentication(None, "the token is not valid", self.realm)

    def _authenticated(self, credential: Credential, payload: Any) -> Authentication:
        if payload is None:
            return Authentication(None, "the session has ended", self.realm)
        if self.kind == "paseto":
            payload = payload["payload"]
        scopes = _scopes_of(payload.get(self._scope_claim))
        return Authentication(Identity(payload, scopes, self.kind, credential.text), None, self.realm)


def user_of(
    identity: Identity, from_payload: Callable[[dict[str, Any]], Any], authentication: Authentication
) -> Any | None:
    """The program's own user of a payload; `None` for a payload that does not describe one.

    A token may be genuine and yet not be of a user, for instance a refresh token of the same issuer.
    """
    try:
        return from_payload(identity.payload)
    except (LookupError, TypeError, ValueError) as error:
        _logger.warning("from_payload did not accept the payload of a genuine credential: %s", type(error).__name__)
        authentication.identity = None
        authentication.failure = "the token is not valid"
        return None


def facade_of(given: JamOrConfig | None, pointer: str = "jam", *, is_async: bool) -> Any:
    """The facade that is given, or one of the face that is needed, made of a configuration."""
    if not isinstance(given, str | os.PathLike | Mapping):
        if not is_async and inspect.iscoroutinefunction(getattr(given, "session_get", None)):
            raise JamConfigurationError("jam: is the facade for asyncio (jam.aio.Jam); use jam.Jam here")
        return given
    if is_async:
        from jam.aio import Jam as AsyncJam  # only programs that use asyncio pay for its import

        return AsyncJam(config=given, pointer=pointer)
    from jam import Jam

    return Jam(config=given, pointer=pointer)


def _scopes_of(claim: Any) -> frozenset[str]:
    """The scopes that a claim lists, in the form of RFC 8693 section 4.2 or as a list; none where it is of neither."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    if isinstance(claim, list):
        return frozenset(scope for scope in cast("list[object]", claim) if isinstance(scope, str))
    return frozenset()
