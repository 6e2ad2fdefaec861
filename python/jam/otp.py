"""One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238). They do no I/O, so this module serves asyncio as well."""

from __future__ import annotations

from typing import Literal

from jam._jam import HOTP, TOTP
from jam.exceptions import JamConfigurationError, JamValidationError

__all__ = ["HOTP", "TOTP", "ConfiguredOTP", "create_instance"]

# A key of the recommended length (RFC 4226 section 4, R6), of no meaning.
_SAMPLE_SECRET = bytes(20)


class ConfiguredOTP:
    """The section `otp`: called with a secret, it gives the `TOTP` or `HOTP` of that secret.

    Args:
        type: `totp` or `hotp`.
        digits: How many digits a code has.
        digest: `sha1`, `sha256` or `sha512`.
        interval: Seconds a TOTP code is good for.
    """

    def __init__(
        self,
        type: Literal["totp", "hotp"] = "totp",
        digits: int = 6,
        digest: Literal["sha1", "sha256", "sha512"] = "sha1",
        interval: int = 30,
    ) -> None:
        if type not in ("totp", "hotp"):
            raise JamConfigurationError('otp.type: must be "totp" or "hotp"')
        self.type = type
        self.digits = digits
        self.digest = digest
        self.interval = interval
        # A parameter that cannot be used shows now, not at the first login.
        self(_SAMPLE_SECRET)

    def __call__(self, secret: str | bytes) -> TOTP | HOTP:
        """Gives the passwords of a secret: bytes, or base32 text."""
        if self.type == "totp":
            return TOTP(secret, self.digits, self.digest, self.interval)
        return HOTP(secret, self.digits, self.digest)

    def code(self, secret: str | bytes, factor: int | None = None) -> str:
        """Gives the code at `factor`: Unix seconds, now if left out (TOTP), or the counter (HOTP)."""
        if factor is not None:
            return self(secret).at(factor)
        if self.type == "hotp":
            raise _counter_missing()
        return TOTP(secret, self.digits, self.digest, self.interval).now

    def verify(self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1) -> bool:
        """Whether the code is good at `factor`, or up to `look_ahead` steps from it."""
        if factor is None and self.type == "hotp":
            raise _counter_missing()
        return self(secret).verify(code, factor, look_ahead)

    def uri(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives the `otpauth://` text that authenticator apps read."""
        if self.type == "totp":
            return TOTP(secret, self.digits, self.digest, self.interval).provisioning_uri(name, issuer)
        return HOTP(secret, self.digits, self.digest).provisioning_uri(name, issuer, counter or 0)

    def __repr__(self) -> str:
        return (
            f"<jam.otp.ConfiguredOTP type={self.type!r} digits={self.digits}"
            f" digest={self.digest!r} interval={self.interval}>"
        )


def _counter_missing() -> JamValidationError:
    return JamValidationError("factor: a HOTP code needs its counter")


def create_instance(
    type: Literal["totp", "hotp"] = "totp",
    digits: int = 6,
    digest: Literal["sha1", "sha256", "sha512"] = "sha1",
    interval: int = 30,
) -> ConfiguredOTP:
    """Makes what a section `otp` asks for; the arguments are those of `ConfiguredOTP`."""
    return ConfiguredOTP(type, digits, digest, interval)
