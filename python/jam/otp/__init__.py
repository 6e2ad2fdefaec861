"""One-time passwords: HOTP (RFC 4226), TOTP (RFC 6238), what brings them into an app, and recovery codes.

All but `ReplayGuard` do no I/O, so this module serves asyncio as well; `jam.aio.replay_guard` has the guard for it.
"""

from __future__ import annotations

from typing import Any, Literal

from jam import _jam
from jam._guarded import Guarded
from jam._jam import HOTP, TOTP, OtpauthURI, RecoveryCodes, parse_uri
from jam.exceptions import JamValidationError
from jam.otp.replay_guard import BaseReplayGuard, ReplayGuard

__all__ = [
    "HOTP",
    "TOTP",
    "BaseReplayGuard",
    "ConfiguredOTP",
    "OtpauthURI",
    "RecoveryCodes",
    "ReplayGuard",
    "create_instance",
    "parse_uri",
]


def __dir__() -> list[str]:
    return __all__


class ConfiguredOTP(Guarded):
    """The section `otp`: called with a secret, it gives the `TOTP` or `HOTP` of that secret.

    Args:
        type: `totp` or `hotp`.
        digits: How many digits a code has.
        digest: `sha1`, `sha256` or `sha512`.
        interval: Seconds a TOTP code is good for.
        replay_guard: What `otp_verify_once` asks; of `jam.aio.replay_guard` for asyncio.
    """

    def __init__(
        self,
        type: Literal["totp", "hotp"] = "totp",
        digits: int = 6,
        digest: Literal["sha1", "sha256", "sha512"] = "sha1",
        interval: int = 30,
        *,
        replay_guard: Any = None,
    ) -> None:
        self._parameters = _jam.OTPParameters(type, digits, digest, interval)
        self.type = type
        self.digits = digits
        self.digest = digest
        self.interval = interval
        self.replay_guard = replay_guard

    def __call__(self, secret: str | bytes) -> TOTP | HOTP:
        """Gives the passwords of a secret: bytes, or base32 text."""
        return self._parameters(secret)

    def code(self, secret: str | bytes, factor: int | None = None) -> str:
        """Gives the code at `factor`: Unix seconds, now if left out (TOTP), or the counter (HOTP)."""
        otp = self(secret)
        if factor is not None:
            return otp.at(factor)
        if isinstance(otp, HOTP):
            raise JamValidationError("factor: a HOTP code needs its counter")
        return otp.now

    def verify(self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1) -> bool:
        """Whether the code is good at `factor`, or up to `look_ahead` steps from it."""
        return self(secret).verify(code, factor, look_ahead)

    def verify_step(self, secret: str | bytes, code: str, factor: int | None = None, look_ahead: int = 1) -> int | None:
        """As `verify`, but gives the step (TOTP) or the counter (HOTP) that the code belongs to, or `None`."""
        return self(secret).verify_step(code, factor, look_ahead)

    def uri(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives the `otpauth://` text that authenticator apps read."""
        otp = self(secret)
        if isinstance(otp, HOTP):
            return otp.provisioning_uri(name, issuer, 0 if counter is None else counter)
        return otp.provisioning_uri(name, issuer)

    def qr_svg(self, secret: str | bytes, name: str, issuer: str, counter: int | None = None) -> str:
        """Gives `uri` as a QR code: a document of SVG."""
        otp = self(secret)
        if isinstance(otp, HOTP):
            return otp.qr_svg(name, issuer, 0 if counter is None else counter)
        return otp.qr_svg(name, issuer)

    def __repr__(self) -> str:
        return (
            f"<jam.otp.ConfiguredOTP type={self.type!r} digits={self.digits}"
            f" digest={self.digest!r} interval={self.interval}>"
        )


# The name under which the facades find what makes a part.
create_instance = ConfiguredOTP
