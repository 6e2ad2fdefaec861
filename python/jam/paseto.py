"""PASETO, platform-agnostic security tokens. They do no I/O, so this module serves asyncio as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

from jam import _jam
from jam.encoders import BaseEncoder
from jam.exceptions import JamConfigurationError

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["BasePASETO", "PASETOv4", "create_instance"]

Purpose = Literal["local", "public"]
Footer = dict[str, Any] | str | bytes | None


class BasePASETO(ABC):
    """A maker of PASETOs: one version, one purpose, one key."""

    @classmethod
    @abstractmethod
    def key(cls, purpose: Purpose, key: str | bytes) -> Self:
        """Takes a key for one purpose.

        Args:
            purpose: `local`: encrypted with a shared key. `public`: signed.
            key: PASERK text, base64url or hex text, PEM text, or bytes.
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


class PASETOv4(_jam.PASETOv4, BasePASETO):
    """Version 4: `local` by XChaCha20 and BLAKE2b, `public` by Ed25519.

    Args:
        purpose: `local`: encrypted with a shared key. `public`: signed.
        key: The shared key, or the key that signs: PASERK, base64url, hexadecimal or PEM text, or bytes.
        public_key: The key that verifies; alone it only verifies, beside `key` it must belong to it.
        serializer: What turns payloads into bytes; JSON if left out.

    Raises:
        JamPASETOInvalidPurpose: The purpose is neither local nor public.
        JamPASETOInvalidSymmetricKey: The key is no v4.local key.
        JamPASETOInvalidED25519Key: The key is no v4.public key.
    """


_BY_VERSION = {"v4": PASETOv4}


def create_instance(
    version: str,
    purpose: Purpose,
    key: str | bytes | None = None,
    *,
    public_key: str | bytes | None = None,
    serializer: type[BaseEncoder] | BaseEncoder | None = None,
) -> BasePASETO:
    """Makes what a section `paseto` asks for.

    Args:
        version: `v4`.
        purpose: `local` or `public`.
        key: The shared key, or the key that signs.
        public_key: The key that verifies; taken from `key` if left out.
        serializer: What turns payloads into bytes; JSON if left out.
    """
    if version not in _BY_VERSION:
        raise JamConfigurationError(f"paseto.version: must be one of {', '.join(_BY_VERSION)}")
    return _BY_VERSION[version](purpose, key, public_key=public_key, serializer=serializer)
