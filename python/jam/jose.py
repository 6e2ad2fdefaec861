"""JSON Object Signing and Encryption (RFC 7515 to 7519). It does no I/O, so this module serves asyncio as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

from jam import _jam
from jam._jam import JWK, DecryptedJWE, JWKSet, SkippedKey, VerifiedJWS
from jam.exceptions import JamKeyError

__all__ = [
    "JWE",
    "JWK",
    "JWS",
    "JWT",
    "BaseJWE",
    "BaseJWS",
    "DecryptedJWE",
    "JWKSet",
    "SkippedKey",
    "VerifiedJWS",
    "create_jwe",
    "create_jws",
]


def __dir__() -> list[str]:
    return __all__


Key: TypeAlias = JWK | str | bytes | Mapping[str, Any]


class BaseJWS(ABC):
    """Signatures of the user's own, named by `Jam.MODULES["jose.jws"]` or by `custom_module`.

    The keys of the section are given to the class as keywords.
    """

    @abstractmethod
    def sign(self, payload: bytes | str, header: dict[str, Any] | None = None) -> str:
        """Signs into a compact token.

        Args:
            payload: Any bytes, or a str for its UTF-8.
            header: Further header parameters.
        """
        raise NotImplementedError

    @abstractmethod
    def verify(self, token: str) -> VerifiedJWS:
        """Verifies a compact token, and gives what has at least its `header` and its `payload`.

        Args:
            token: The token.
        """
        raise NotImplementedError


class JWS(_jam.JWS, BaseJWS):
    """Signs and verifies any bytes with one algorithm and one key, which are prepared once (RFC 7515).

    Args:
        alg: `HS256` `HS384` `HS512` `RS256` `RS384` `RS512` `PS256` `PS384` `PS512` `ES256` `ES384` `ES512` `ES256K`
            `EdDSA` or `Ed25519`.
        key: A `JWK`, its members, PEM or JWK text, or the bytes of a secret. A public key verifies only. A list of
            keys, the newest first: that one signs, all verify. A `JWKSet` verifies with those of its keys that fit, and
            never signs.
        allow_short_secret: Whether a secret may be shorter than the hash. It can be guessed from one token, and is
            logged as a warning.

    Raises:
        JamJWTUnsupportedAlgorithm: There is no such algorithm.
        JamKeyError: The key is not of the algorithm's kind, or too weak, or its `use`, `key_ops` or `alg` do not
            allow it.
        JamValidationError: Two keys have the same name.
    """


class JWT(_jam.JoseJWT):
    """Makes and reads JSON Web Tokens with one algorithm and one key, which are prepared once (RFC 7519).

    Tokens are signed, or with `enc` encrypted, or with `encryption` both.

    Args:
        alg: As of `JWS`; with `enc` as of `JWE`.
        key: A `JWK`, its members, PEM or JWK text, or the bytes of a secret. A public key verifies only, or encrypts
            only. A list of keys, the newest first: that one makes tokens, all read them. A `JWKSet` reads with those
            of its keys that fit.
        enc: How claims are encrypted, as of `JWE`; if left out, they are signed.
        encryption: The `JWE` that encrypts signed tokens (RFC 7519 section 5.2). Then only such tokens are read.
        issuer: The `iss` that is asked for.
        audience: The `aud`, or several of which one is asked for.
        subject: The `sub` that is asked for.
        leeway: Seconds by which clocks may differ; at most a day.
        required: The claims without which a token is refused.
        typ: The type that is written into the header and asked for, such as `at+jwt`; if left out, `JWT` is written
            and every type accepted.
        allow_short_secret: Whether a secret may be shorter than the hash. It can be guessed from one token, and is
            logged as a warning.

    Raises:
        JamJWTUnsupportedAlgorithm: There is no such algorithm.
        JamKeyError: The key is not of the algorithm's kind, or too weak, or its `use`, `key_ops` or `alg` do not
            allow it.
        JamValidationError: Two keys have the same name, or a rule cannot be used.
    """


class BaseJWE(ABC):
    """Encryption of the user's own, named by `Jam.MODULES["jose.jwe"]` or by `custom_module`.

    The keys of the section are given to the class as keywords.
    """

    @abstractmethod
    def encrypt(self, plaintext: bytes, header: dict[str, Any] | None = None) -> str:
        """Encrypts into a compact token.

        Args:
            plaintext: The content.
            header: Further header parameters.
        """
        raise NotImplementedError

    @abstractmethod
    def decrypt(self, token: str) -> DecryptedJWE:
        """Decrypts a compact token, and gives what has at least its `header` and its `plaintext`.

        Args:
            token: The token.
        """
        raise NotImplementedError


class JWE(_jam.JWE, BaseJWE):
    """Encrypts and decrypts with one algorithm and one key, which are prepared once (RFC 7516).

    Args:
        alg: How the content's key reaches the reader: `dir`, `A128KW` `A192KW` `A256KW`, `A128GCMKW` `A192GCMKW`
            `A256GCMKW`, `RSA-OAEP` `RSA-OAEP-256` `RSA-OAEP-384` `RSA-OAEP-512`, `ECDH-ES` `ECDH-ES+A128KW`
            `ECDH-ES+A192KW` `ECDH-ES+A256KW`, or where it is allowed `PBES2-HS256+A128KW` `PBES2-HS384+A192KW`
            `PBES2-HS512+A256KW`.
        enc: How the content is encrypted: `A128GCM` `A192GCM` `A256GCM` `A128CBC-HS256` `A192CBC-HS384`
            `A256CBC-HS512`.
        key: A `JWK`, its members, PEM or JWK text, or bytes: a shared key, or a password for PBES2. A public key
            encrypts only. A list of keys, the newest first: that one encrypts, all decrypt. A `JWKSet` decrypts with
            those of its keys that fit, and never encrypts.
        compress: Whether plaintexts are compressed (`zip`). How much shorter they get shows something of what is in
            them: leave this off where somebody else has a say in a part of them.
        max_plaintext: The most bytes that a compressed plaintext may expand to. If left out, compressed tokens are
            refused, or with `compress` expand to 1 MiB at most.
        allow_pbes2: Whether `alg` may be one that works with a password, which can be guessed from a token, and which
            whoever can send a token can have iterated.
        p2c: How often a password is iterated; 600 000 times with SHA-256 and 210 000 with the others if left out; at
            most `max_p2c`.
        max_p2c: How often a token may have passwords iterated, all in all; 1 000 000 times if left out, 10 000 000 at
            most.
        apu: Who makes the tokens (ECDH-ES).
        apv: Whom they are for (ECDH-ES).
        accept_enc: Further content encryptions that are decrypted.
        max_length: The longest token that is read; 256 KiB if left out.

    Raises:
        JamJWEUnsupportedAlgorithm: There is no such algorithm.
        JamKeyError: The key is not of the algorithm's kind or length, or its `use`, `key_ops` or `alg` do not allow it.
        JamValidationError: A password that is not allowed, or an option that the algorithm does not have.
    """


def create_jwe(
    alg: str,
    enc: str,
    *,
    secret: Key | Sequence[Key] | None = None,
    private_key: Key | Sequence[Key] | None = None,
    public_key: Key | None = None,
    password: str | bytes | None = None,
    **options: Any,
) -> BaseJWE:
    """Makes what a section `jose.jwe` asks for; its other keys are the keywords of `JWE`.

    Args:
        alg: How the content's key reaches the reader.
        enc: How the content is encrypted.
        secret: The shared key, or several, the newest first: as many bytes as the algorithm asks for, these in
            base64url, or a JWK. With PBES2, the password.
        private_key: The private key as PEM or JWK text, or several, the newest first.
        public_key: The public key to encrypt to; that of the newest private key if left out.
        password: Opens an encrypted private key.
        **options: Keywords of `JWE`.
    """
    keys = _jam.jwe_keys(alg, enc, secret=secret, private_key=private_key, public_key=public_key, password=password)
    with _named("secret" if secret else "public_key" if public_key else "private_key"):
        return JWE(alg, enc, keys, **options)


def create_jws(
    alg: str,
    *,
    secret: Key | Sequence[Key] | None = None,
    private_key: Key | Sequence[Key] | None = None,
    public_key: Key | Sequence[Key] | None = None,
    password: str | bytes | None = None,
    allow_short_secret: bool = False,
) -> BaseJWS:
    """Makes what a section `jose.jws` asks for.

    Args:
        alg: As of `JWS`.
        secret: The secret of an `HS` algorithm as text, bytes or a JWK, or several, the newest first.
        private_key: The private key of any other algorithm as PEM text or a JWK, or several, the newest first.
        public_key: The public key, or several; taken from the private key if left out.
        password: Opens private keys that are encrypted.
        allow_short_secret: Whether a secret may be shorter than the hash.
    """
    keys = _jam.jws_keys(alg, secret=secret, private_key=private_key, public_key=public_key, password=password)
    with _named("secret" if secret else "private_key" if private_key else "public_key"):
        return JWS(alg, keys, allow_short_secret=allow_short_secret)


@contextmanager
def _named(key: str) -> Generator[None, None, None]:
    """Has the errors about keys that come from within name the key of the section that they are of."""
    try:
        yield
    except JamKeyError as error:
        error.at(key)
        raise
