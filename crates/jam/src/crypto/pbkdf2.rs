//! PBKDF2 with HMAC-SHA-256 (RFC 8018 section 5.2).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, verify};

/// Whether `derived` comes from the password; compared in constant time. False for an empty `derived`.
pub(crate) fn verify_sha256(password: &[u8], salt: &[u8], iterations: NonZeroU32, derived: &[u8]) -> bool {
    verify(PBKDF2_HMAC_SHA256, iterations, salt, password, derived).is_ok()
}
