"""Keys, passwords and other helpers."""

from jam._jam import (
    basic_auth_decode,
    basic_auth_encode,
    check_password,
    generate_aes_key,
    generate_ecdsa_p384_keypair,
    generate_ed25519_keypair,
    generate_otp_key,
    generate_rsa_key_pair,
    generate_symmetric_key,
    hash_password,
    password_needs_rehash,
)

__all__ = [
    "basic_auth_decode",
    "basic_auth_encode",
    "check_password",
    "generate_aes_key",
    "generate_ecdsa_p384_keypair",
    "generate_ed25519_keypair",
    "generate_otp_key",
    "generate_rsa_key_pair",
    "generate_symmetric_key",
    "hash_password",
    "password_needs_rehash",
]
