"""JSON Object Signing and Encryption (RFC 7515 to 7519). It does no I/O, so this module serves asyncio as well."""

from jam._jam import JWE, JWK, DecryptedJWE, JWKSet, SkippedKey

__all__ = ["JWE", "JWK", "DecryptedJWE", "JWKSet", "SkippedKey"]
