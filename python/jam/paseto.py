"""PASETO, platform-agnostic security tokens. They do no I/O, so this module serves asyncio as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from jam import _jam
from jam._jam import PASERK
from jam.encoders import BaseEncoder
from jam.exceptions import JamConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["PASERK", "BasePASETO", "PASETOv1", "PASETOv2", "PASETOv3", "PASETOv4", "create_instance"]


def __dir__() -> list[str]:
    return __all__


Purpose = Literal["local", "public"]
Key = str | bytes | PASERK
Footer = dict[str, Any] | str | bytes | None


class BasePASETO(ABC):
    """A maker of PASETOs: one version, one purpose, one key or several."""

    @classmethod
    @abstractmethod
    def key(cls, purpose: Purpose, key: Key | Sequence[Key]) -> Self:
        """Takes a key for one purpose.

        Args:
            purpose: `local`: encrypted with a shared key. `public`: signed.
            key: PASERK text, base64url or hex text, PEM text, bytes, or a `PASERK`; or a list of them, newest first.
        """
        raise NotImplementedError

    @abstractmethod
    def encode(
        self, payload: dict[str, Any], footer: Footer = None, *, implicit_assertion: str | bytes | None = None
    ) -> str:
        """Makes a token.

        Args:
            payload: The claims.
            footer: What anybody may read, but nobody change.
            implicit_assertion: What is not in the token, but must be given again to decode it.
        """
        raise NotImplementedError

    @abstractmethod
    def decode(
        self, token: str, *, check_exp: bool = True, implicit_assertion: str | bytes | None = None
    ) -> tuple[dict[str, Any], Any]:
        """Opens or verifies a token, and gives its payload and its footer.

        Args:
            token: The token.
            check_exp: Whether `exp` and `nbf` are checked where they are present.
            implicit_assertion: What was given when it was made.
        """
        raise NotImplementedError

    def make_payload(self, exp: int | None = None, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """Gives `iat`, `exp` (if given: so many seconds from now) and `jti`, with `data` laid over."""
        return _jam.paseto_make_payload(exp, data)


class _PASETO(_jam.PASETO, BasePASETO):
    """What the versions have in common: all but their names."""


class PASETOv1(_PASETO):
    """Version 1, for tokens that exist already; version 3 is made for the same rules.

    `local` by AES-256-CTR and HMAC-SHA-384, `public` by RSASSA-PSS with 2048 bits. It knows no implicit assertion.

    Args:
        purpose: `local`: encrypted with a shared key. `public`: signed.
        key: The shared key, or the key that signs: PASERK, PEM, base64url or hexadecimal text, bytes, or a `PASERK`;
            or a list of them, newest first.
        public_key: The key that verifies, or a list of them.
        serializer: What turns payloads into bytes; JSON if left out.

    Raises:
        JamPASETOInvalidPurpose: The purpose is neither local nor public.
        JamPASETOInvalidSymmetricKey: The key is no v1.local key.
        JamPASETOInvalidRSAKey: The key is no v1.public key.
    """

    VERSION = "v1"


class PASETOv2(_PASETO):
    """Version 2, for tokens that exist already; version 4 is made for the same rules.

    `local` by XChaCha20-Poly1305, `public` by Ed25519. It knows no implicit assertion.

    Args:
        purpose: `local`: encrypted with a shared key. `public`: signed.
        key: The shared key, or the key that signs: PASERK, base64url, hexadecimal or PEM text, bytes, or a `PASERK`;
            or a list of them, newest first.
        public_key: The key that verifies, or a list of them.
        serializer: What turns payloads into bytes; JSON if left out.

    Raises:
        JamPASETOInvalidPurpose: The purpose is neither local nor public.
        JamPASETOInvalidSymmetricKey: The key is no v2.local key.
        JamPASETOInvalidED25519Key: The key is no v2.public key.
    """

    VERSION = "v2"


class PASETOv3(_PASETO):
    """Version 3, of algorithms that NIST has approved.

    `local` by AES-256-CTR and HMAC-SHA-384, `public` by ECDSA on P-384.

    Args:
        purpose: `local`: encrypted with a shared key. `public`: signed.
        key: The shared key, or the key that signs: PASERK, base64url, hexadecimal or PEM text, bytes, or a `PASERK`;
            or a list of them, newest first.
        public_key: The key that verifies, or a list of them.
        serializer: What turns payloads into bytes; JSON if left out.

    Raises:
        JamPASETOInvalidPurpose: The purpose is neither local nor public.
        JamPASETOInvalidSymmetricKey: The key is no v3.local key.
        JamPASETOInvalidSecp384r1Key: The key is no v3.public key.
    """

    VERSION = "v3"


class PASETOv4(_PASETO):
    """Version 4, the one for new tokens.

    `local` by XChaCha20 and BLAKE2b, `public` by Ed25519.

    Args:
        purpose: `local`: encrypted with a shared key. `public`: signed.
        key: The shared key, or the key that signs: PASERK, base64url, hexadecimal or PEM text, bytes, or a `PASERK`;
            or a list of them, newest first: the first one makes tokens, and every one opens them.
        public_key: The key that verifies; alone it only verifies, beside `key` it must belong to it. Or a list of them,
            of which the first belongs to the first of `key`, and the others verify older tokens.
        serializer: What turns payloads into bytes; JSON if left out.

    Raises:
        JamPASETOInvalidPurpose: The purpose is neither local nor public.
        JamPASETOInvalidSymmetricKey: The key is no v4.local key.
        JamPASETOInvalidED25519Key: The key is no v4.public key.
    """

    VERSION = "v4"


_BY_VERSION = {version.VERSION: version for version in (PASETOv1, PASETOv2, PASETOv3, PASETOv4)}


def create_instance(
    version: str,
    purpose: Purpose,
    key: Key | Sequence[Key] | None = None,
    *,
    public_key: Key | Sequence[Key] | None = None,
    serializer: type[BaseEncoder] | BaseEncoder | None = None,
) -> BasePASETO:
    """Makes what a section `paseto` asks for.

    Args:
        version: `v1` to `v4`.
        purpose: `local` or `public`.
        key: The shared key, or the key that signs, or a list of them, newest first.
        public_key: The key that verifies, or a list of them; taken from `key` if left out.
        serializer: What turns payloads into bytes; JSON if left out.
    """
    if version not in _BY_VERSION:
        raise JamConfigurationError(f"must be one of {', '.join(_BY_VERSION)}").at("version")
    return _BY_VERSION[version](purpose, key, public_key=public_key, serializer=serializer)
