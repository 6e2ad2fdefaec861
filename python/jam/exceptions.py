"""What Jam raises: one tree under `JamError`, one class for each code of an error.

Catch a family (`JamJWTValidationError`, `JamStoreError`, `JamOAuth2Error`, ...) or one cause. No message, `repr`
or `details` holds a secret, a token, a key or a session id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "JamConfigurationError",
    "JamConfigurationFileError",
    "JamConfigurationMissingSection",
    "JamError",
    "JamJWEDecryptionError",
    "JamJWEError",
    "JamJWEMalformed",
    "JamJWEUnsupportedAlgorithm",
    "JamJWTEmptyPrivateKey",
    "JamJWTEmptySecretKey",
    "JamJWTError",
    "JamJWTExpired",
    "JamJWTInBlackList",
    "JamJWTInvalidClaim",
    "JamJWTInvalidSignature",
    "JamJWTMalformed",
    "JamJWTNotInWhiteList",
    "JamJWTNotYetValid",
    "JamJWTUnsupportedAlgorithm",
    "JamJWTValidationError",
    "JamKeyError",
    "JamKeyMalformed",
    "JamKeyNotFound",
    "JamKeyWeak",
    "JamKeyWrongKind",
    "JamOAuth2EmptyRaw",
    "JamOAuth2Error",
    "JamOAuth2InvalidCallback",
    "JamOAuth2InvalidIdToken",
    "JamOAuth2InvalidResponse",
    "JamOAuth2ProviderNotConfigured",
    "JamOAuth2Refused",
    "JamOAuth2Unreachable",
    "JamPASETOError",
    "JamPASETOExpired",
    "JamPASETOInvalidClaim",
    "JamPASETOInvalidED25519Key",
    "JamPASETOInvalidPASERK",
    "JamPASETOInvalidPurpose",
    "JamPASETOInvalidRSAKey",
    "JamPASETOInvalidSecp384r1Key",
    "JamPASETOInvalidSymmetricKey",
    "JamPASETOInvalidTokenFormat",
    "JamPASETOKeyVerificationError",
    "JamPASETONotYetValid",
    "JamRefreshTokenInvalid",
    "JamRefreshTokenReused",
    "JamSessionConflict",
    "JamSessionEmptyAESKey",
    "JamSessionError",
    "JamSessionNotFound",
    "JamStoreClosed",
    "JamStoreError",
    "JamStoreRefused",
    "JamStoreTimedOut",
    "JamStoreUnavailable",
    "JamTokensError",
    "JamValidationError",
]


class JamError(Exception):
    """Anything that Jam refuses.

    Attributes:
        code: The class's own code, the default of `error_code`.
        message: A sentence for people about what was wrong and what would be right.
        error_code: A stable text for programs, the same as `Error::code()` of the Rust crate.
        details: What else a program may want to know, for instance `{"claim": "aud"}`. A `path` is that of the key that
            is wrong, a `file` the one that it stands in; the message begins with them.
    """

    code: ClassVar[str] = "internal"

    message: str
    error_code: str
    details: dict[str, Any]

    def __init__(
        self,
        message: str | None = None,
        *,
        error_code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Makes the error.

        Args:
            message: The sentence to show, without the path; the class's own one when absent.
            error_code: A code other than the class's.
            details: What else a program may want to know.
        """
        self._reason = message if message is not None else (type(self).__doc__ or "").partition("\n")[0]
        self.error_code = error_code if error_code is not None else type(self).code
        self.details = dict(details or {})
        self._tell()

    def _tell(self) -> None:
        places = [str(self.details[place]) for place in ("file", "path") if self.details.get(place)]
        self.message = ": ".join([*places, self._reason])
        self.args = (self.message,)

    def at(self, path: str, file: str | None = None) -> JamError:
        """The same error, as that of a key of the configuration or of a key below it.

        Whoever knows where a part stands puts this before what the part knows. An argument that cannot be used is a
        mistake of the configuration then, and another object.

        Args:
            path: The dotted path; empty for the top.
            file: The file that it is a path of.
        """
        below = self.details.get("path") or ""
        path += f".{below}" if path and below and not below.startswith("[") else below
        if path:
            self.details["path"] = path
        if file is not None:
            self.details["file"] = file
        self._tell()
        return self


# Configuration and arguments


class JamConfigurationError(JamError):
    """The configuration cannot be used."""

    code = "configuration.invalid"


class JamConfigurationFileError(JamConfigurationError):
    """The configuration file cannot be read or parsed."""

    code = "configuration.file"

    def at(self, path: str, file: str | None = None) -> JamError:
        """As of every error; at a key, the file of a store is no file of the configuration."""
        return JamConfigurationError(self._reason, details=self.details).at(path, file) if path else self


class JamConfigurationMissingSection(JamConfigurationError):
    """A method was called whose part the configuration has no section for."""

    code = "configuration.missing_section"


class JamValidationError(JamError, ValueError):
    """An argument cannot be used."""

    code = "validation.invalid"

    def at(self, path: str, file: str | None = None) -> JamError:
        """As of every error; at a key of the configuration it is a mistake of the configuration."""
        return JamConfigurationError(self._reason, details=self.details).at(path, file)


# Keys


class JamKeyError(JamError):
    """A key cannot be used."""

    code = "key.error"


class JamKeyMalformed(JamKeyError):
    """The key is of no known form, or the password does not open it."""

    code = "key.malformed"


class JamKeyWrongKind(JamKeyError):
    """The key is of another kind than its use asks for."""

    code = "key.wrong_kind"


class JamKeyWeak(JamKeyError):
    """The key is too small or otherwise unsafe."""

    code = "key.weak"


class JamKeyNotFound(JamKeyError):
    """Among several keys none is the one that is asked for, or more than one could be."""

    code = "key.not_found"


# JSON Web Tokens


class JamJWTError(JamError):
    """A JSON Web Token, or its configuration, was refused."""

    code = "jwt.error"


class JamJWTValidationError(JamJWTError):
    """A JSON Web Token was refused. Every reason to refuse one is a class below this."""

    code = "jwt.validation_error"


class JamJWTExpired(JamJWTValidationError):
    """The token has expired."""

    code = "jwt.token_expired"


class JamJWTNotYetValid(JamJWTValidationError):
    """The token is not valid yet."""

    code = "jwt.token_not_yet_valid"


class JamJWTInBlackList(JamJWTValidationError):
    """The token is on the black list."""

    code = "jwt.blacklist"


class JamJWTNotInWhiteList(JamJWTValidationError):
    """The token is not on the white list."""

    code = "jwt.whitelist"


class JamJWTMalformed(JamJWTValidationError):
    """The text is no token of the expected form."""

    code = "jwt.malformed"


class JamJWTInvalidSignature(JamJWTValidationError):
    """The signature does not match the token and the key."""

    code = "jwt.invalid_signature"


class JamJWTInvalidClaim(JamJWTValidationError):
    """A claim has the wrong type or value; `details["claim"]` names it."""

    code = "jwt.invalid_claim"


class JamJWTUnsupportedAlgorithm(JamJWTValidationError):
    """The algorithm is unknown, or the token names another than the key's."""

    code = "jwt.unsupported_algorithm"


class JamJWTEmptySecretKey(JamJWTError, JamConfigurationError):
    """An HMAC algorithm has no secret."""

    code = "jwt.empty_secret_key"


class JamJWTEmptyPrivateKey(JamJWTError, JamConfigurationError):
    """An asymmetric algorithm has no private key to sign with."""

    code = "jwt.empty_private_key"


# JSON Web Encryption


class JamJWEError(JamError):
    """A JWE was refused."""

    code = "jwe.error"


class JamJWEMalformed(JamJWEError):
    """The text is no JWE of the expected form, or is larger than allowed."""

    code = "jwe.malformed"


class JamJWEDecryptionError(JamJWEError):
    """The token was not encrypted to this key, or was changed."""

    code = "jwe.decryption_failed"


class JamJWEUnsupportedAlgorithm(JamJWEError):
    """The algorithm is unknown, or the token names another than the key's."""

    code = "jwe.unsupported_algorithm"


# PASETO


class JamPASETOError(JamError):
    """A PASETO, or its key, was refused."""

    code = "paseto.error"


class JamPASETOInvalidSymmetricKey(JamPASETOError):
    """The key of a local token is missing or has the wrong form."""

    code = "paseto.invalid_symmetric_key"


class JamPASETOInvalidRSAKey(JamPASETOError):
    """The RSA key of a v1.public token cannot be used."""

    code = "paseto.invalid_rsa_key"


class JamPASETOInvalidED25519Key(JamPASETOError):
    """The Ed25519 key of a v2.public or v4.public token cannot be used."""

    code = "paseto.invalid_ed25519_key"


class JamPASETOInvalidSecp384r1Key(JamPASETOError):
    """The P-384 key of a v3.public token cannot be used."""

    code = "paseto.invalid_secp384r1_key"


class JamPASETOInvalidPurpose(JamPASETOError):
    """The purpose is neither local nor public, or is not the key's."""

    code = "paseto.invalid_purpose"


class JamPASETOInvalidTokenFormat(JamPASETOError):
    """The text is no PASETO of the key's version and purpose."""

    code = "paseto.invalid_token_format"


class JamPASETOInvalidPASERK(JamPASETOError):
    """The text is no PASERK of the expected type, or the key or password does not open it."""

    code = "paseto.invalid_paserk"


class JamPASETOKeyVerificationError(JamPASETOError):
    """The token was not made with this key, footer and implicit assertion."""

    code = "paseto.key_verification"


class JamPASETOExpired(JamPASETOError):
    """The token has expired."""

    code = "paseto.token_expired"


class JamPASETONotYetValid(JamPASETOError):
    """The token is not valid yet."""

    code = "paseto.token_not_yet_valid"


class JamPASETOInvalidClaim(JamPASETOError):
    """A claim has the wrong type or value; `details["claim"]` names it."""

    code = "paseto.invalid_claim"


# Sessions and stores


class JamSessionError(JamError):
    """A session operation was refused."""

    code = "sessions.error"


class JamSessionNotFound(JamSessionError):
    """No live session has this id."""

    code = "sessions.not_found"


class JamSessionConflict(JamSessionError):
    """The session was changed since the version that a write was meant for; nothing was written."""

    code = "sessions.conflict"


class JamSessionEmptyAESKey(JamSessionError, JamConfigurationError):
    """Encryption at rest is asked for without a key."""

    code = "sessions.empty_aes_key"


class JamTokensError(JamError):
    """A refresh token was refused."""

    code = "tokens.error"


class JamRefreshTokenInvalid(JamTokensError):
    """The text is no refresh token of a live login: it is forged, expired or revoked."""

    code = "tokens.invalid"


class JamRefreshTokenReused(JamTokensError):
    """The refresh token had been used before, so somebody else may have it; all tokens of its login are revoked."""

    code = "tokens.reused"


class JamStoreError(JamError):
    """The store behind sessions or lists failed."""

    code = "store.error"


class JamStoreUnavailable(JamStoreError):
    """The store cannot be reached, or broke off; nothing is known about the operation's outcome."""

    code = "store.unavailable"


class JamStoreTimedOut(JamStoreError):
    """The store did not answer in the configured time."""

    code = "store.timed_out"


class JamStoreRefused(JamStoreError):
    """The store answered with an error, or holds what Jam did not write."""

    code = "store.refused"


class JamStoreClosed(JamStoreError):
    """The store was closed."""

    code = "store.closed"


# OAuth 2.0


class JamOAuth2Error(JamError):
    """An OAuth 2.0 call failed."""

    code = "oauth2.runtime_error"


class JamOAuth2ProviderNotConfigured(JamOAuth2Error, JamConfigurationError):
    """The provider has no configuration."""

    code = "oauth2.configuration.provider_not_configured"


class JamOAuth2EmptyRaw(JamOAuth2Error):
    """The provider's answer is empty."""

    code = "oauth2.empty_response"


class JamOAuth2Refused(JamOAuth2Error):
    """The provider answered with an error; `details["error"]` is its code."""

    code = "oauth2.refused"


class JamOAuth2Unreachable(JamOAuth2Error):
    """The provider cannot be reached, or did not answer in time."""

    code = "oauth2.unreachable"


class JamOAuth2InvalidResponse(JamOAuth2Error):
    """The provider's answer is not what the protocol asks for."""

    code = "oauth2.invalid_response"


class JamOAuth2InvalidCallback(JamOAuth2Error):
    """What the browser brought back does not complete a login."""

    code = "oauth2.invalid_callback"


class JamOAuth2InvalidIdToken(JamOAuth2Error):
    """The ID token is not one of the provider's for this login."""

    code = "oauth2.invalid_id_token"


CLASSES_BY_CODE: dict[str, type[JamError]] = {
    value.code: value for value in list(globals().values()) if isinstance(value, type) and issubclass(value, JamError)
}
"""The class for each code; the Rust core's errors are raised through it."""
