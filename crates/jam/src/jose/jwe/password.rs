//! PBES2: the key that is derived from a password wraps the content's (RFC 7518 section 4.8).

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::algorithm::{KeyManagement, Management};
use super::header::{Header, malformed};
use super::key::wrong_kind;
use crate::crypto::{Hash, pbkdf2, random_bytes};
use crate::jose::Jwk;
use crate::jose::jwk::Material;
use crate::jose::key_text::is_key_text;
use crate::secret::Secret;
use crate::{JweError, KeyError, Result};

/// The fewest iterations of PBKDF2 that are made or read (RFC 7518 section 4.8.1.2).
pub const FEWEST_ITERATIONS: u32 = 1_000;
/// The most iterations of PBKDF2 that are read unless another limit is given; they take a good part of a second.
pub const DEFAULT_ITERATIONS_LIMIT: u32 = 1_000_000;
/// The most iterations of PBKDF2 that are made, and that a limit may admit; they take several seconds.
pub const MOST_ITERATIONS: u32 = 10_000_000;
/// The length of the salts of PBKDF2 that are made (RFC 7518 section 4.8.1.1 asks for 8 at least) and those that are read.
const SALT_LENGTH: usize = 16;
const SALT_LENGTHS: RangeInclusive<usize> = 8..=256;

/// A password and what becomes of it.
pub(super) struct Password {
    password: Secret<Vec<u8>>,
    key_management: KeyManagement,
    hash: Hash,
    wrap: usize,
    iterations: u32,
}

impl Password {
    /// Checks a password.
    pub(super) fn new(key_management: KeyManagement, key: &Jwk) -> Result<Self> {
        let Management::Password { hash, wrap, iterations } = key_management.management() else {
            return Err(KeyError::WrongKind(
                format!("{key_management} has no password; its key is made by `new`").into(),
            )
            .into());
        };
        let Material::Symmetric(password) = key.material() else {
            return Err(wrong_kind(key_management).into());
        };
        if password.expose().is_empty() {
            return Err(KeyError::Weak(
                format!("{key_management} needs a password that is not empty").into(),
            )
            .into());
        }
        if is_key_text(password.expose()) {
            return Err(KeyError::WrongKind(
                format!("{key_management} needs a password; this is the text of a key of another kind")
                    .into(),
            )
            .into());
        }
        Ok(Self { password: password.clone(), key_management, hash, wrap, iterations })
    }

    /// How often the password is iterated when nothing else is asked for.
    pub(super) fn usual_iterations(&self) -> u32 {
        self.iterations
    }

    /// The key that wraps the content's; the salt begins with the algorithm's name (RFC 7518 section 4.8.1.1).
    pub(super) fn derive(&self, salt: &[u8], iterations: NonZeroU32) -> Zeroizing<Vec<u8>> {
        let salt = [self.key_management.name().as_bytes(), &[0], salt].concat();
        pbkdf2::derive(self.hash, self.password.expose(), &salt, iterations, self.wrap)
    }
}

/// A new salt.
pub(super) fn new_salt() -> [u8; SALT_LENGTH] {
    *random_bytes()
}

/// `p2s` and `p2c`, within their limits.
pub(super) fn salt_and_iterations(header: &Header, limit: u32) -> Result<(Vec<u8>, NonZeroU32), JweError> {
    let salt = header.required_bytes("p2s")?;
    if !SALT_LENGTHS.contains(&salt.len()) {
        let (shortest, longest) = (SALT_LENGTHS.start(), SALT_LENGTHS.end());
        return Err(malformed(format!(
            "the token's header: \"p2s\" must have from {shortest} to {longest} bytes"
        )));
    }
    let count = header.members().get("p2c").ok_or_else(|| header.missing("p2c"))?;
    let count = count.as_u64().and_then(|count| u32::try_from(count).ok());
    let count = count.filter(|count| (FEWEST_ITERATIONS..=limit).contains(count)).and_then(NonZeroU32::new);
    count.map(|count| (salt, count)).ok_or_else(|| {
        malformed(format!(
            "the token's header: \"p2c\" must be a whole number from {FEWEST_ITERATIONS} to {limit}"
        ))
    })
}
