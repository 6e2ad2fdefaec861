"""JSON Web Tokens (RFC 7519). They do no I/O, so this module serves asyncio as well."""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from jam import _build, _jam
from jam.encoders import BaseEncoder
from jam.exceptions import JamConfigurationError
from jam.jwt import lists

if TYPE_CHECKING:
    from typing_extensions import Self

    from jam.aio.lists import BaseJWTList as AsyncJWTList

Key: TypeAlias = _jam.JWK | str | bytes | Mapping[str, Any]
"""A secret, PEM text, or a JWK: an object, a dict or text."""

__all__ = ["JWT", "BaseJWT", "create_instance", "lists"]


class BaseJWT(ABC):
    """A maker of tokens of the user's own, named by `Jam.MODULES["jwt"]` or by `custom_module`.

    The keys of the section are given to the class as keywords; `list` is the ready list, where one is configured.
    """

    list: lists.BaseJWTList | AsyncJWTList | None = None
    """The white or black list; under `jam.aio.Jam` its methods are coroutines."""

    @abstractmethod
    def encode(self, payload: dict[str, Any]) -> str:
        """Makes a token of the payload."""
        raise NotImplementedError

    @abstractmethod
    def decode(
        self,
        token: str,
        public_key: str | None = None,
        *,
        check_exp: bool = True,
        audience: str | builtins.list[str] | None = None,
        issuer: str | None = None,
        leeway: float | None = None,
    ) -> dict[str, Any]:
        """Verifies a token and gives its payload.

        Args:
            token: The compact token.
            public_key: A key to verify with in place of the configured one.
            check_exp: Whether `exp` and `nbf` are checked where they are present.
            audience: The `aud` to ask for in place of the configured one.
            issuer: The `iss` to ask for in place of the configured one.
            leeway: Seconds by which clocks may differ, in place of the configured ones.
        """
        raise NotImplementedError

    def make_payload(self, exp: int | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """Gives `iat`, `exp` (if `exp` is not `None`: so many seconds from now) and `jti`, with `data` laid over."""
        return _jam.jwt_make_payload(exp, data)


class JWT(_jam.JWT, BaseJWT):
    """Makes and verifies tokens with one algorithm and one key, or several keys of which the newest signs.

    The keys are prepared once.

    Args:
        alg: `HS256` `HS384` `HS512` `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `ES512`
            `ES256K`, `EdDSA` or `Ed25519`.
        secret: The secret of an `HS` algorithm, or a list of secrets, the newest first.
        secret_key: The same under its older name.
        private_key: The private key of any other algorithm: PEM text or a JWK, never the name of a file; or a list, the
            newest first.
        public_key: The public key; taken from the private key if left out. Alone, it verifies only. Or a list, which
            may have older keys whose private half is gone.
        password: Opens an encrypted PEM.
        issuer: The `iss` that `make_payload` writes and `decode` asks for.
        audience: The `aud` that `make_payload` writes, one of which `decode` asks for.
        subject: The `sub` that `make_payload` writes and `decode` asks for.
        required: The claims without which `decode` refuses a token.
        typ: The `typ` that `encode` writes into the header and `decode` asks for, such as `at+jwt`; if left out, `JWT`
            is written and every type accepted.
        leeway: Seconds by which clocks may differ.
        expire: Seconds a token lives when `make_payload` is not told.
        list: A white or black list, or a section `jwt.list` to make a blocking one from. The facades ask it;
            `decode` does not.
        serializer: What turns payloads into bytes; JSON if left out.

    Raises:
        JamError: The key is missing, unusable, or not of the algorithm's kind.
    """

    def __new__(
        cls,
        alg: str,
        secret: Key | Sequence[Key] | None = None,
        *,
        secret_key: Key | Sequence[Key] | None = None,
        private_key: Key | Sequence[Key] | None = None,
        public_key: Key | Sequence[Key] | None = None,
        password: str | bytes | None = None,
        issuer: str | None = None,
        audience: str | builtins.list[str] | None = None,
        subject: str | None = None,
        required: str | Sequence[str] = (),
        typ: str | None = None,
        leeway: float = 0,
        expire: float | None = None,
        list: lists.BaseJWTList | AsyncJWTList | Mapping[str, Any] | None = None,
        serializer: type[BaseEncoder] | BaseEncoder | None = None,
    ) -> Self:
        """Prepares the key; the class documents the arguments."""
        self = super().__new__(
            cls,
            alg,
            secret,
            secret_key=secret_key,
            private_key=private_key,
            public_key=public_key,
            password=password,
            issuer=issuer,
            audience=audience,
            subject=subject,
            required=required,
            typ=typ,
            leeway=leeway,
            expire=expire,
            serializer=serializer,
        )
        with _build.at("list"):
            self.list = _list_of(list)
        return self

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Everything was taken by `__new__`; a subclass may call this with the same arguments."""


def _list_of(given: Any) -> Any:
    """The list itself, or what a section asks for."""
    if isinstance(given, Mapping):
        return lists.create_instance(**cast("Mapping[str, Any]", given))
    if given is not None and not all(callable(getattr(given, name, None)) for name in ("add", "check", "delete")):
        kind = type(given).__name__
        raise JamConfigurationError(f"must be a list of jam.jwt.lists, or the section of one, not {kind}")
    return given


def create_instance(alg: str, **options: Any) -> BaseJWT:
    """Makes what a section `jwt` asks for; the keys of the section are the keywords of `JWT`."""
    return JWT(alg, **options)
