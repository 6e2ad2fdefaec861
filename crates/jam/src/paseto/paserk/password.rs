//! Keys wrapped with a password.

use std::num::NonZeroU32;

use zeroize::Zeroizing;

use super::{Parsed, header, invalid, open, secret_type, unknown_type};
use crate::Result;
use crate::crypto::{Hash, argon2, pbkdf2, random_bytes};
use crate::encoding::base64url_encode;
use crate::paseto::suite::Suite;
use crate::paseto::{Key, KeySource, KeyType, Purpose, Version};

/// How much work it is to make a key of a password. Whoever guesses passwords has it once for each guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Versions 2 and 4 (Argon2id): the memory in bytes, in whole KiB; at least 8 KiB for each lane.
    pub memory: u64,
    /// Versions 2 and 4: how often the memory is gone through; at least 1.
    pub passes: u32,
    /// Versions 2 and 4: into how many lanes the memory is divided; at least 1. Other programs may compute them side by side.
    pub lanes: u32,
    /// Versions 1 and 3 (PBKDF2): how often the password is hashed; at least 1.
    pub iterations: u32,
}

impl PasswordCost {
    /// The most that [`unwrap_with_password`] commonly does for a text, which is to be read before anything in it can be
    /// trusted: 256 MiB, 4 passes, 4 lanes; 1 000 000 iterations.
    pub const LIMIT: Self = Self { memory: 256 << 20, passes: 4, lanes: 4, iterations: 1_000_000 };
}

/// 64 MiB, 2 passes, 1 lane; 250 000 iterations.
impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory: 64 << 20, passes: 2, lanes: 1, iterations: 250_000 }
    }
}

impl PasswordCost {
    fn check(&self, suite: Suite, limit: &Self) -> Result<()> {
        let Self { memory, passes, lanes, iterations } = *self;
        let bounded = match suite {
            Suite::Nist => iterations <= limit.iterations,
            Suite::Sodium => memory <= limit.memory && passes <= limit.passes && lanes <= limit.lanes,
        };
        if bounded {
            Ok(())
        } else {
            let limit = match suite {
                Suite::Nist => format!("{} iterations", limit.iterations),
                Suite::Sodium => {
                    format!(
                        "{} bytes of memory, {} passes and {} lanes",
                        limit.memory, limit.passes, limit.lanes
                    )
                }
            };
            Err(invalid(format!("a PASERK may ask for this much work with the password: {limit}")))
        }
    }

    /// The form in which it stands within a PASERK.
    fn write(&self, suite: Suite) -> Vec<u8> {
        match suite {
            Suite::Nist => self.iterations.to_be_bytes().to_vec(),
            Suite::Sodium => {
                [&self.memory.to_be_bytes()[..], &self.passes.to_be_bytes(), &self.lanes.to_be_bytes()]
                    .concat()
            }
        }
    }

    pub(in crate::paseto) fn read(suite: Suite, bytes: &[u8]) -> Option<Self> {
        let mut cost = Self { memory: 0, passes: 0, lanes: 0, iterations: 0 };
        match suite {
            Suite::Nist => cost.iterations = u32::from_be_bytes(bytes.try_into().ok()?),
            Suite::Sodium => {
                let (memory, rest) = bytes.split_first_chunk()?;
                let (passes, lanes) = rest.split_first_chunk()?;
                cost.memory = u64::from_be_bytes(*memory);
                cost.passes = u32::from_be_bytes(*passes);
                cost.lanes = u32::from_be_bytes(lanes.try_into().ok()?);
            }
        }
        Some(cost)
    }

    /// Makes a key of a password.
    fn stretch(&self, suite: Suite, password: &[u8], salt: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        let derived = match suite {
            Suite::Nist => NonZeroU32::new(self.iterations).map(|iterations| {
                let derived = pbkdf2::derive(Hash::Sha384, password, salt, iterations, 32);
                let mut key = Zeroizing::new([0; 32]);
                key.copy_from_slice(&derived);
                key
            }),
            Suite::Sodium => u32::try_from(self.memory / 1024).ok().zip(salt.try_into().ok()).and_then(
                |(memory_kib, salt)| argon2::derive(password, salt, memory_kib, self.passes, self.lanes),
            ),
        };
        derived.ok_or_else(|| {
            invalid("no key can be made of a password with so much or so little work, or memory is short")
        })
    }
}

/// The lengths of a salt and of the cost that stands behind it.
pub(in crate::paseto) const fn password_lengths(suite: Suite) -> (usize, usize) {
    match suite {
        Suite::Nist => (32, 4),
        Suite::Sodium => (16, 16),
    }
}

/// Wraps a local or private key with a password: type `local-pw` or `secret-pw`.
///
/// ```
/// use jam::paseto::paserk::{self, PasswordCost};
/// use jam::paseto::{Key, Purpose, Version};
///
/// let key = Key::generate(Version::V4, Purpose::Local);
/// let wrapped = paserk::wrap_with_password(&key, b"correct horse", &PasswordCost::default())?;
/// let opened = paserk::unwrap_with_password(&wrapped, b"correct horse", &PasswordCost::LIMIT)?;
/// assert_eq!(opened.id(), key.id());
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`PasetoError::InvalidPaserk`](crate::PasetoError::InvalidPaserk) for a public key, which is no secret; for an
/// empty password; and for a cost that cannot be, that is above [`PasswordCost::LIMIT`], since others would refuse to read
/// the text, or that there is not enough memory for.
pub fn wrap_with_password(key: &Key, password: &[u8], cost: &PasswordCost) -> Result<String> {
    cost.check(key.version().suite(), &PasswordCost::LIMIT)?;
    let (salt, nonce) = (random_bytes::<32>(), random_bytes::<32>());
    wrap_with_salt(key, password, cost, salt.as_slice(), nonce.as_slice())
}

/// Salt and nonce may be longer than needed.
pub(in crate::paseto) fn wrap_with_salt(
    key: &Key,
    password: &[u8],
    cost: &PasswordCost,
    salt: &[u8],
    nonce: &[u8],
) -> Result<String> {
    if password.is_empty() {
        return Err(invalid("an empty password protects no key"));
    }
    let header = header(key.version(), &format!("{}-pw", secret_type(key)?.name()));
    let suite = key.version().suite();
    let (salt, nonce) = (&salt[..password_lengths(suite).0], &nonce[..suite.nonce_length()]);
    let keys = suite.password_keys(&*cost.stretch(suite, password, salt)?, nonce);
    let ciphertext = keys.applied(key.data());
    let start = [salt, &cost.write(suite), nonce].concat();
    let tag = keys.tag(&[header.as_bytes(), &start, &ciphertext]);
    Ok(header + &base64url_encode([&start, &ciphertext, tag.as_ref()].concat()))
}

/// Opens what [`wrap_with_password`] makes, with the same password. The text says how much work that is; beyond `limit`,
/// commonly [`PasswordCost::LIMIT`], it is refused before any is done.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`](crate::PasetoError::InvalidPaserk) when the text is no key that is wrapped like
/// that, asks for too much work, or was not made with this password.
pub fn unwrap_with_password(paserk: &str, password: &[u8], limit: &PasswordCost) -> Result<Key> {
    let parsed = Parsed::read(paserk)?;
    let key_type = match parsed.kind {
        "local-pw" => KeyType::Local,
        "secret-pw" => KeyType::Secret,
        _ => return Err(unknown_type("local-pw or secret-pw")),
    };
    let suite = parsed.version.suite();
    let (salt_length, cost_length) = password_lengths(suite);
    let (start, rest) = parsed.split_at(&parsed.data, salt_length + cost_length + suite.nonce_length())?;
    let ciphertext_length = rest.len().checked_sub(suite.tag_length()).ok_or_else(|| parsed.too_short())?;
    let (ciphertext, tag) = rest.split_at(ciphertext_length);
    let (salt, cost_and_nonce) = start.split_at(salt_length);
    let (cost, nonce) = cost_and_nonce.split_at(cost_length);
    let cost = PasswordCost::read(suite, cost).ok_or_else(|| parsed.too_short())?;
    cost.check(suite, limit)?;
    let keys = suite.password_keys(&*cost.stretch(suite, password, salt)?, nonce);
    let key = open(&keys, &[parsed.header.as_bytes(), start], ciphertext, tag)?;
    if parsed.version == Version::V1 && key.starts_with(b"-----BEGIN") {
        // The first implementation wraps the PEM text of an RSA key, and the published vectors have it so.
        let pem = KeySource::from(key.as_slice());
        return Key::read(parsed.version, Purpose::Public, Some(&pem), None);
    }
    Ok(Key::from_data(parsed.version, key_type, &key)?)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{CHEAP, changes, refused, secrets, wrapping};
    use super::*;
    use crate::encoding::base64url_decode;

    #[test]
    fn a_key_wrapped_with_a_password_opens_with_it_only() {
        for key in secrets() {
            let wrapped = wrap_with_password(&key, b"password", &CHEAP).unwrap();
            assert_ne!(wrapped, wrap_with_password(&key, b"password", &CHEAP).unwrap()); // attack 44
            let open = |text: &str, password: &[u8]| unwrap_with_password(text, password, &CHEAP);
            let opened = open(&wrapped, b"password").unwrap();
            assert_eq!((opened.id(), opened.key_type()), (key.id(), key.key_type()));
            for password in [&b"Password"[..], b"", b"passwor", b"\xff"] {
                assert!(refused(open(&wrapped, password)));
            }
            let renamed = match key.key_type() {
                KeyType::Local => wrapped.replacen("local-", "secret-", 1),
                _ => wrapped.replacen("secret-", "local-", 1),
            };
            assert!(refused(open(&renamed, b"password")), "{renamed}");
            for changed in changes(&wrapped) {
                assert!(refused(open(&changed, b"password")), "{changed}");
            }
            assert!(refused(wrap_with_password(&key, b"", &CHEAP)));
            if let Ok(public) = key.public() {
                assert!(refused(wrap_with_password(&public, b"password", &CHEAP)));
            }
        }
    }

    #[test]
    fn the_work_that_a_text_asks_for_is_limited_before_it_is_done() {
        // attack 38: each of these would take hours or all memory
        let limits = [PasswordCost::LIMIT, PasswordCost::default(), CHEAP];
        for version in Version::ALL {
            let wrapped = wrap_with_password(&wrapping(version), b"password", &CHEAP).unwrap();
            let (header, data) = wrapped.rsplit_once('.').unwrap();
            let data = base64url_decode(data).unwrap();
            let suite = version.suite();
            let (start, length) = password_lengths(suite);
            let cost = |memory, passes, lanes, iterations| PasswordCost { memory, passes, lanes, iterations };
            let high = PasswordCost::LIMIT;
            let costs = match suite {
                Suite::Nist => {
                    vec![cost(0, 0, 0, u32::MAX), cost(0, 0, 0, high.iterations + 1), cost(0, 0, 0, 1 << 31)]
                }
                Suite::Sodium => vec![
                    cost(u64::MAX, 1, 1, 0),
                    cost(1 << 63, 1, 1, 0),
                    cost(high.memory + 1, 1, 1, 0),
                    cost(8 << 10, u32::MAX, 1, 0),
                    cost(8 << 10, high.passes + 1, 1, 0),
                    cost(u64::from(u32::MAX) << 10, 1, u32::MAX, 0),
                    cost(8 << 20, 1, high.lanes + 1, 0),
                ],
            };
            // What Argon2 and PBKDF2 do not know at all.
            let impossible =
                [cost(0, 1, 1, 0), cost(8 << 10, 0, 1, 0), cost(8 << 10, 1, 0, 0), cost(8 << 10, 1, 4, 0)];
            for cost in costs.into_iter().chain(impossible) {
                let mut changed = data.clone();
                changed[start..start + length].copy_from_slice(&cost.write(suite));
                let text = format!("{header}.{}", base64url_encode(changed));
                for limit in limits {
                    assert!(refused(unwrap_with_password(&text, b"password", &limit)), "{cost:?}");
                }
            }
            // Nor is written what others would not read.
            let too_dear = PasswordCost {
                memory: high.memory + 1,
                passes: 5,
                lanes: 5,
                iterations: high.iterations + 1,
            };
            assert!(refused(wrap_with_password(&wrapping(version), b"password", &too_dear)));
            let dear = PasswordCost { passes: 2, iterations: 2, ..CHEAP };
            let wrapped = wrap_with_password(&wrapping(version), b"password", &dear).unwrap();
            assert!(refused(unwrap_with_password(&wrapped, b"password", &CHEAP)));
            assert!(unwrap_with_password(&wrapped, b"password", &dear).is_ok());
            for cost in impossible {
                assert!(refused(wrap_with_password(&wrapping(version), b"password", &cost)), "{cost:?}");
            }
        }
    }
}
