//! Argon2 (RFC 9106): password hashes as PHC strings, and keys from passwords.

use ::argon2::password_hash::phc::PasswordHash;
use ::argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use ::argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

/// Memory for a new hash in KiB.
pub(crate) const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory for a new hash.
pub(crate) const PASSES: u32 = 2;
/// Lanes for a new hash.
pub(crate) const LANES: u32 = 1;

/// A stored hash may ask for this much memory (1 GiB), and for this much work in KiB times passes. Beyond it
/// the hash is taken as damaged: it would stop the process rather than check a password.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_WORK: u64 = 1 << 26;
const MOST_LANES: u32 = 64;

/// A hash in PHC form, read and found to be within the limits.
pub(crate) struct Stored {
    hash: PasswordHash,
    params: Params,
}

/// The Argon2id hash of a password with this salt, as a PHC string. `None` when memory is short.
pub(crate) fn hash(password: &[u8], salt: &[u8; 16]) -> Option<String> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Some(argon2.hash_password_with_salt(password, salt).ok()?.to_string())
}

/// The Argon2id key of a password: 32 bytes. It takes as much memory and time as is asked for: where that comes from
/// outside, limit it first. `None` when Argon2 knows no such parameters or memory is short.
pub(crate) fn derive(
    password: &[u8],
    salt: &[u8; 16],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    let params = Params::new(memory_kib, passes, lanes, Some(key.len())).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password, salt, key.as_mut_slice()).ok()?;
    Some(key)
}

impl Stored {
    /// Reads a PHC string of Argon2id, Argon2i or Argon2d. `None` for every other text, and for a hash that
    /// asks for more than the limits.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let hash = PasswordHash::new(text).ok()?;
        Algorithm::try_from(hash.algorithm.as_str()).ok()?;
        hash.salt.as_ref()?;
        hash.hash.as_ref()?;
        let params = Params::try_from(&hash).ok()?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        let bounded =
            params.m_cost() <= MOST_MEMORY_KIB && work <= MOST_WORK && params.p_cost() <= MOST_LANES;
        bounded.then_some(Self { hash, params })
    }

    /// Whether this is the hash of `password`. `None` when memory is short.
    pub(crate) fn verify(&self, password: &[u8]) -> Option<bool> {
        match Argon2::default().verify_password(password, &self.hash) {
            Ok(()) => Some(true),
            Err(Error::PasswordInvalid) => Some(false),
            Err(_) => None,
        }
    }

    /// Whether a new hash would be made in another way or with more work.
    pub(crate) fn is_outdated(&self) -> bool {
        self.hash.algorithm.as_str() != Algorithm::Argon2id.as_str()
            || self.hash.version != Some(Version::V0x13.into())
            || self.params.m_cost() < MEMORY_KIB
            || self.params.t_cost() < PASSES
    }
}
