//! Password hashes: Argon2id (RFC 9106), with its parameters and its salt inside of the hash.
//!
//! Hashing takes some ten milliseconds and 19 MiB by design; a server does it on a thread of its own.

use std::num::NonZeroU32;

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::crypto::{argon2, pbkdf2, random_bytes};
use crate::{Error, Result};

/// The iterations of a `salt$hash` text where the caller names no others.
pub const PBKDF2_ITERATIONS: u32 = 100_000;

/// The most iterations that [`verify_pbkdf2`] works through.
const MOST_PBKDF2_ITERATIONS: u32 = 100_000_000;

/// Hashes a password with Argon2id: 19 MiB of memory, 2 passes, 1 lane, a random salt of 16 bytes (the
/// parameters that OWASP recommends). The result is a PHC string, `$argon2id$v=19$...`, that holds all of them.
///
/// ```
/// use jam::password;
///
/// let stored = password::hash("correct horse")?;
/// assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
/// assert!(password::verify("correct horse", &stored)?);
/// assert!(!password::verify("battery staple", &stored)?);
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`Error::Validation`] when the system has no memory left.
pub fn hash(password: &str) -> Result<String> {
    argon2::hash(password.as_bytes(), &random_bytes()).ok_or_else(out_of_memory)
}

/// Whether `stored` is the hash of `password`, compared in constant time.
///
/// `stored` is an Argon2 PHC string, or the older text `salt$hash`: both in hexadecimal, PBKDF2 with
/// HMAC-SHA-256 and [`PBKDF2_ITERATIONS`] rounds.
///
/// # Errors
/// [`Error::Validation`] when `stored` has neither form, or asks for more than 1 GiB of memory.
pub fn verify(password: &str, stored: &str) -> Result<bool> {
    if let Some(stored) = argon2::Stored::parse(stored) {
        return stored.verify(password.as_bytes()).ok_or_else(out_of_memory);
    }
    let (salt, hash) = stored.split_once('$').ok_or_else(unknown_form)?;
    verify_pbkdf2(password, salt, hash, PBKDF2_ITERATIONS)
}

/// Whether the hexadecimal `hash` is PBKDF2 with HMAC-SHA-256 of the password, the hexadecimal salt and this
/// number of iterations (1 to 100 million); compared in constant time.
///
/// # Errors
/// [`Error::Validation`] when a text is no hexadecimal, the hash is shorter than 16 bytes, or `iterations` is
/// out of range.
pub fn verify_pbkdf2(password: &str, salt: &str, hash: &str, iterations: u32) -> Result<bool> {
    let decode = |text: &str| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| unknown_form());
    let (salt, hash) = (decode(salt)?, decode(hash)?);
    // A shorter hash would be met by chance; a longer one than 64 bytes only multiplies the work.
    if salt.is_empty() || !(16..=64).contains(&hash.len()) {
        return Err(unknown_form());
    }
    let iterations = NonZeroU32::new(iterations)
        .filter(|count| count.get() <= MOST_PBKDF2_ITERATIONS)
        .ok_or_else(|| Error::validation("the iterations of PBKDF2 are from 1 to 100000000"))?;
    Ok(pbkdf2::verify_sha256(password.as_bytes(), &salt, iterations, &hash))
}

/// Whether a login that has just verified should store [`hash`] of the password anew: `stored` was made in
/// another way, or with less work than today's.
///
/// ```
/// use jam::password;
///
/// assert!(password::needs_rehash("00112233445566778899aabbccddeeff$0011"));
/// assert!(!password::needs_rehash(&password::hash("correct horse")?));
/// # Ok::<(), jam::Error>(())
/// ```
pub fn needs_rehash(stored: &str) -> bool {
    argon2::Stored::parse(stored).is_none_or(|stored| stored.is_outdated())
}

fn out_of_memory() -> Error {
    Error::validation("there is not enough memory to compute the password hash")
}

fn unknown_form() -> Error {
    Error::validation(
        "the stored hash has no known form, or asks for more work than a check may take; it is either an Argon2 PHC string ($argon2id$...) or salt$hash in hexadecimal",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_factor_is_stored_in_the_hash() {
        // fault 17
        let (one, two) = (hash("password").unwrap(), hash("password").unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        assert_ne!(one, two);
        assert!(verify("password", &one).unwrap());
        assert!(!verify("passwore", &one).unwrap());
        assert!(!needs_rehash(&one));
    }

    #[test]
    fn hashes_of_other_parameters_verify_and_ask_for_a_rehash() {
        // From the test suite of the reference implementation: 64 MiB, one pass.
        let stored = "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg";
        assert!(verify("password", stored).unwrap());
        assert!(!verify("passwore", stored).unwrap());
        assert!(needs_rehash(stored));
    }

    #[test]
    fn the_older_form_verifies() {
        // PBKDF2-HMAC-SHA256 of "my_password", salt 00..0f, 100000 rounds (Python's hashlib.pbkdf2_hmac).
        let stored = "000102030405060708090a0b0c0d0e0f$cc778a6e8caefe7d800b8fa88d4e434614a1a94c727679debc071bfb0db8e6c3";
        assert!(verify("my_password", stored).unwrap());
        assert!(verify("my_password", &stored.to_uppercase()).unwrap());
        assert!(!verify("my_passwore", stored).unwrap());
        assert!(needs_rehash(stored));
    }

    #[test]
    fn damaged_hashes_are_errors_and_never_true() {
        let huge = "$argon2id$v=19$m=4294967295,t=4294967295,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg";
        for bad in [
            "",
            "$",
            "00$",
            "$00",
            "00$0011",
            "zz$00112233445566778899aabbccddeeff",
            "plain",
            huge,
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ",
            "$2b$12$abcdefghijklmnopqrstuv",
            "00$00$00",
        ] {
            assert!(verify("", bad).is_err(), "{bad}");
        }
        assert!(verify_pbkdf2("", "00", "00112233445566778899aabbccddeeff", 0).is_err());
    }
}
