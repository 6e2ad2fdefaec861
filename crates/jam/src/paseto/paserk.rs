//! PASERK, the written forms of keys: plain, wrapped with another key, wrapped with a password, and sealed to a public key.
//!
//! | type | what it is | made by | read by |
//! |---|---|---|---|
//! | `local`, `secret`, `public` | the key itself | [`Key::to_paserk`] | [`Key::from_paserk`] |
//! | `lid`, `sid`, `pid` | its id, a hash | [`Key::id`], [`Key::kid`] | |
//! | `local-wrap.pie`, `secret-wrap.pie` | the key, encrypted with a local key | [`wrap`] | [`unwrap`] |
//! | `local-pw`, `secret-pw` | the key, encrypted with a password | [`wrap_with_password`] | [`unwrap_with_password`] |
//! | `seal` | a local key, encrypted to a public key | [`seal`] | [`unseal`] |
//!
//! Every form is of one version, which is that of all keys concerned.
//!
//! ```
//! use jam::paseto::{Key, Purpose, Version, paserk};
//!
//! let (key, wrapping_key) =
//!     (Key::generate(Version::V4, Purpose::Public), Key::generate(Version::V4, Purpose::Local));
//! let wrapped = paserk::wrap(&key, &wrapping_key)?;
//! assert!(wrapped.starts_with("k4.secret-wrap.pie."));
//! assert_eq!(paserk::unwrap(&wrapped, &wrapping_key)?.id(), key.id());
//! # Ok::<(), jam::Error>(())
//! ```

use std::fmt;
use std::num::NonZeroU32;

use zeroize::Zeroizing;

use super::key::{self, Half};
use super::suite::{MessageKeys, Suite};
use super::{Key, KeySource, KeyType, Purpose, Seal, Unseal, Version};
use crate::crypto::{Hash, argon2, pbkdf2, random_bytes};
use crate::encoding::{base64url_decode, base64url_encode};
use crate::secret::Secret;
use crate::{PasetoError, Reason, Result};

/// The longest PASERK in bytes that is read; an RSA private key has 1 600.
pub const MAX_PASERK: usize = 8 * 1024;

const WRAPPING_NONCE: usize = 32;
const LOCAL_KEY: usize = 32;

impl Key {
    /// The key in plain text: `k4.local.`, `k4.secret.` or `k4.public.` and so on. All but the last one are as secret as the
    /// key.
    ///
    /// ```
    /// use jam::paseto::{Key, Purpose, Version};
    ///
    /// let text = Key::generate(Version::V4, Purpose::Local).to_paserk();
    /// assert!(text.expose().starts_with("k4.local."));
    /// ```
    pub fn to_paserk(&self) -> Secret<String> {
        Secret::new(key::paserk(self.version(), self.key_type(), self.data()))
    }

    /// Reads a key in plain text, which says its version and purpose itself.
    ///
    /// ```
    /// use jam::paseto::{Key, Purpose, Version};
    ///
    /// let key = Key::from_paserk("k4.local.cHFyc3R1dnd4eXp7fH1-f4CBgoOEhYaHiImKi4yNjo8")?;
    /// assert_eq!((key.version(), key.purpose()), (Version::V4, Purpose::Local));
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`PasetoError::InvalidPaserk`] when the text is none of these; [`PasetoError::InvalidSymmetricKey`] and its like
    /// when what it holds is no key of its version.
    pub fn from_paserk(paserk: &str) -> Result<Self> {
        let parsed = Parsed::read(paserk)?;
        let key_type = match parsed.kind {
            "local" => KeyType::Local,
            "secret" => KeyType::Secret,
            "public" => KeyType::Public,
            "lid" | "sid" | "pid" => return Err(invalid("this is the id of a key and not the key")),
            "seal" => {
                return Err(invalid("the key is sealed; it is opened with the private key it is sealed to"));
            }
            "local-pw" | "secret-pw" => {
                return Err(invalid("the key is wrapped with a password, which opens it"));
            }
            _ if parsed.kind.contains("-wrap.") => {
                return Err(invalid("the key is wrapped with another key, which opens it"));
            }
            _ => return Err(unknown_type("local, secret or public")),
        };
        Ok(Self::from_data(parsed.version, key_type, &parsed.data)?)
    }
}

impl Version {
    /// The version of a PASERK, of whatever type.
    ///
    /// ```
    /// use jam::paseto::Version;
    ///
    /// assert_eq!(Version::of_paserk("k3.seal.AAAA")?, Version::V3);
    /// # Ok::<(), jam::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`PasetoError::InvalidPaserk`] when the text begins with none.
    pub fn of_paserk(paserk: &str) -> Result<Self> {
        version_named(paserk.split('.').next().unwrap_or_default())
    }
}

/// Wraps a local or private key with a local key of the same version: type `local-wrap.pie` or `secret-wrap.pie`.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`] for a public key, which is no secret; when the wrapping key is not local, or of
/// another version.
pub fn wrap(key: &Key, wrapping_key: &Key) -> Result<String> {
    wrap_with_nonce(key, wrapping_key, &random_bytes::<WRAPPING_NONCE>())
}

pub(super) fn wrap_with_nonce(key: &Key, wrapping_key: &Key, nonce: &[u8; WRAPPING_NONCE]) -> Result<String> {
    let header = header(key.version(), &format!("{}-wrap.pie", secret_type(key)?.name()));
    let keys = wrapping_keys(key.version(), wrapping_key, nonce)?;
    let ciphertext = keys.applied(key.data());
    let tag = keys.tag(&[header.as_bytes(), nonce, &ciphertext]);
    Ok(header + &base64url_encode([tag.as_ref(), nonce, &ciphertext].concat()))
}

/// Opens what [`wrap`] makes, with the same wrapping key.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`] when the text is no key that is wrapped like that, is of another version than the wrapping
/// key, or was not made with it.
pub fn unwrap(paserk: &str, wrapping_key: &Key) -> Result<Key> {
    let parsed = Parsed::read(paserk)?;
    let key_type = match parsed.kind {
        "local-wrap.pie" => KeyType::Local,
        "secret-wrap.pie" => KeyType::Secret,
        _ => return Err(unknown_type("local-wrap.pie or secret-wrap.pie")),
    };
    let suite = parsed.version.suite();
    let (tag, rest) = parsed.split_at(&parsed.data, suite.tag_length())?;
    let (nonce, ciphertext) = parsed.split_at(rest, WRAPPING_NONCE)?;
    let keys = wrapping_keys(parsed.version, wrapping_key, nonce)?;
    let key = open(&keys, &[parsed.header.as_bytes(), nonce], ciphertext, tag)?;
    Ok(Key::from_data(parsed.version, key_type, &key)?)
}

fn wrapping_keys(version: Version, wrapping_key: &Key, nonce: &[u8]) -> Result<MessageKeys> {
    if wrapping_key.version() != version {
        return Err(invalid("the wrapping key is of another version"));
    }
    let bytes = wrapping_key.local_bytes().ok_or_else(|| invalid("a key is wrapped with a local key"))?;
    Ok(version.suite().wrapping_keys(bytes, nonce))
}

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
            Err(invalid("the PASERK asks for more work with the password than the limit allows"))
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

    pub(super) fn read(suite: Suite, bytes: &[u8]) -> Option<Self> {
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
pub(super) const fn password_lengths(suite: Suite) -> (usize, usize) {
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
/// [`PasetoError::InvalidPaserk`] for a public key, which is no secret; for an empty password; and for a cost that
/// cannot be, or that there is not enough memory for.
pub fn wrap_with_password(key: &Key, password: &[u8], cost: &PasswordCost) -> Result<String> {
    let (salt, nonce) = (random_bytes::<32>(), random_bytes::<32>());
    wrap_with_salt(key, password, cost, salt.as_slice(), nonce.as_slice())
}

/// Salt and nonce may be longer than needed.
pub(super) fn wrap_with_salt(
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
/// [`PasetoError::InvalidPaserk`] when the text is no key that is wrapped like that, asks for too much work, or was not made
/// with this password.
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

/// A public key to which local keys are sealed: RSA of 4096 bits for version 1, P-384 for version 3, Ed25519 or X25519 for
/// versions 2 and 4.
///
/// A key pair that seals should not sign tokens, too. For version 1 it cannot: keys that sign have 2048 bits.
pub struct SealingKey {
    version: Version,
    key: Box<dyn Seal>,
}

/// The private key of a [`SealingKey`].
pub struct UnsealingKey {
    version: Version,
    key: Box<dyn Unseal>,
}

impl SealingKey {
    /// Reads a public key in one of the forms of [`KeySource`].
    ///
    /// # Errors
    /// [`PasetoError::InvalidRsaKey`], [`PasetoError::InvalidP384Key`] or [`PasetoError::InvalidEd25519Key`] when it is
    /// no public key of the version's kind and size.
    pub fn read(version: Version, key: &KeySource) -> Result<Self> {
        let asymmetric = version.asymmetric();
        let material = key::read_material(version, key, Half::Public)?;
        let key = asymmetric.sealing(&material);
        let key = key.map_err(|error| asymmetric.refuse(error.to_string().into()))?;
        Ok(Self { version, key })
    }
}

impl UnsealingKey {
    /// Reads a private key in one of the forms of [`KeySource`].
    ///
    /// # Errors
    /// [`PasetoError::InvalidRsaKey`], [`PasetoError::InvalidP384Key`] or [`PasetoError::InvalidEd25519Key`] when it is
    /// no private key of the version's kind and size.
    pub fn read(version: Version, key: &KeySource) -> Result<Self> {
        let asymmetric = version.asymmetric();
        let material = key::read_material(version, key, Half::Private)?;
        let key = asymmetric.unsealing(&material);
        let key = key.map_err(|error| asymmetric.refuse(error.to_string().into()))?;
        Ok(Self { version, key })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SealingKey({}.seal)", self.version.paserk())
    }
}

impl fmt::Debug for UnsealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UnsealingKey({}.seal.[redacted])", self.version.paserk())
    }
}

/// Seals a local key to a public key of the same version: type `seal`. Only the holder of the private key can open it.
///
/// ```
/// use jam::paseto::paserk::{self, SealingKey, UnsealingKey};
/// use jam::paseto::{Key, Purpose, Version};
///
/// let pair = jam::keygen::generate_ed25519_keypair()?;
/// let key = Key::generate(Version::V4, Purpose::Local);
/// let sealed = paserk::seal(&key, &SealingKey::read(Version::V4, &pair.public.as_str().into())?)?;
/// assert!(sealed.starts_with("k4.seal."));
///
/// let opened = paserk::unseal(&sealed, &UnsealingKey::read(Version::V4, &pair.private.into())?)?;
/// assert_eq!(opened.id(), key.id());
/// # Ok::<(), jam::Error>(())
/// ```
///
/// # Errors
/// [`PasetoError::InvalidPaserk`] when the key is not local, or the two are of different versions.
pub fn seal(key: &Key, sealing_key: &SealingKey) -> Result<String> {
    if sealing_key.version != key.version() {
        return Err(invalid("the sealing key is of another version"));
    }
    let bytes =
        key.local_bytes().ok_or_else(|| invalid("only a local key is sealed; a private one is wrapped"))?;
    let header = header(key.version(), "seal");
    let (encapsulated, keys) = sealing_key
        .key
        .encapsulate(header.as_bytes())
        .ok_or_else(|| invalid("the operating system gives no randomness to seal with"))?;
    let ciphertext = keys.applied(bytes);
    let tag = keys.tag(&[header.as_bytes(), &encapsulated, &ciphertext]);
    let data = match key.version() {
        Version::V1 => [tag.as_ref(), &ciphertext, &encapsulated].concat(),
        _ => [tag.as_ref(), &encapsulated, &ciphertext].concat(),
    };
    Ok(header + &base64url_encode(data))
}

/// Opens what [`seal`] makes, with the private key it was sealed to.
///
/// # Errors
/// [`PasetoError::InvalidPaserk`] when the text is no sealed key, is of another version, or was sealed to another key.
pub fn unseal(paserk: &str, unsealing_key: &UnsealingKey) -> Result<Key> {
    let parsed = Parsed::read(paserk)?;
    if parsed.kind != "seal" {
        return Err(unknown_type("seal"));
    }
    if unsealing_key.version != parsed.version {
        return Err(invalid("the private key is of another version than the sealed key"));
    }
    let (tag, rest) = parsed.split_at(&parsed.data, parsed.version.suite().tag_length())?;
    let (encapsulated, ciphertext) = match parsed.version {
        Version::V1 => {
            let (ciphertext, encapsulated) = parsed.split_at(rest, LOCAL_KEY)?;
            (encapsulated, ciphertext)
        }
        _ => parsed.split_at(rest, rest.len().saturating_sub(LOCAL_KEY))?,
    };
    let keys =
        unsealing_key.key.decapsulate(parsed.header.as_bytes(), encapsulated).ok_or_else(does_not_open)?;
    let key = open(&keys, &[parsed.header.as_bytes(), encapsulated], ciphertext, tag)?;
    Ok(Key::from_data(parsed.version, KeyType::Local, &key)?)
}

/// A PASERK in its parts.
struct Parsed<'a> {
    version: Version,
    /// `local`, `local-wrap.pie` and so on.
    kind: &'a str,
    /// Version and kind with all dots.
    header: &'a str,
    data: Zeroizing<Vec<u8>>,
}

impl<'a> Parsed<'a> {
    fn read(paserk: &'a str) -> Result<Self> {
        if paserk.len() > MAX_PASERK {
            return Err(invalid(format!("a PASERK has at most {MAX_PASERK} bytes")));
        }
        let parts = paserk.rfind('.').and_then(|dot| {
            let (header, data) = paserk.split_at(dot + 1);
            let (version, kind) = header[..dot].split_once('.')?;
            Some((header, version, kind, data))
        });
        let (header, version, kind, data) =
            parts.ok_or_else(|| invalid("a PASERK has three parts or more, with dots between them"))?;
        let version = version_named(version)?;
        let data = base64url_decode(data).map(Zeroizing::new);
        let data = data.ok_or_else(|| invalid("the last part of the PASERK is not base64url"))?;
        Ok(Self { version, kind, header, data })
    }

    fn split_at<'b>(&self, bytes: &'b [u8], middle: usize) -> Result<(&'b [u8], &'b [u8])> {
        bytes.split_at_checked(middle).ok_or_else(|| self.too_short())
    }

    fn too_short(&self) -> crate::Error {
        invalid(format!("the PASERK is too short for the type {}", self.kind))
    }
}

fn version_named(name: &str) -> Result<Version> {
    let version = Version::ALL.into_iter().find(|known| known.paserk() == name);
    version.ok_or_else(|| invalid("a PASERK begins with k1, k2, k3 or k4, and a dot"))
}

/// Decrypts, once it is clear that the tag is that of the pieces and the ciphertext.
fn open(
    keys: &MessageKeys,
    before: &[&[u8]; 2],
    ciphertext: &[u8],
    tag: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    if !keys.verify(&[before[0], before[1], ciphertext], tag) {
        return Err(does_not_open());
    }
    Ok(Zeroizing::new(keys.applied(ciphertext)))
}

fn header(version: Version, kind: &str) -> String {
    format!("{}.{kind}.", version.paserk())
}

/// The type of a key that has something to hide.
fn secret_type(key: &Key) -> Result<KeyType> {
    match key.key_type() {
        KeyType::Public => Err(invalid("a public key is no secret, and is not wrapped")),
        other => Ok(other),
    }
}

fn does_not_open() -> crate::Error {
    invalid("the key or password does not open the PASERK")
}

fn unknown_type(known: &str) -> crate::Error {
    invalid(format!("the PASERK is of another type than {known}"))
}

fn invalid(reason: impl Into<Reason>) -> crate::Error {
    PasetoError::InvalidPaserk(reason.into()).into()
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::crypto::key_encoding::KeyMaterial;

    /// The least work there is: the tests are about other things.
    const CHEAP: PasswordCost = PasswordCost { memory: 8 << 10, passes: 1, lanes: 1, iterations: 1 };

    #[test]
    fn a_key_has_one_text() {
        // attack 27
        for key in secrets().chain(secrets().filter_map(|key| key.public().ok())) {
            let text = key.to_paserk();
            assert_eq!(Key::from_paserk(text.expose()).unwrap().to_paserk(), text);
        }
        let key = key(Version::V1, Purpose::Public);
        let material = KeyMaterial::from_der(key.data(), None).unwrap();
        let pkcs8 = material.to_private_der(None).unwrap().unwrap();
        let mut parameters = key.public().unwrap().data().to_vec();
        let null = parameters.windows(2).position(|bytes| bytes == [5, 0]).unwrap();
        parameters[null] = 0x15;
        for (kind, data) in [("secret", pkcs8.expose()), ("public", &parameters)] {
            let text = format!("k1.{kind}.{}", base64url_encode(data));
            assert_eq!(Key::from_paserk(&text).unwrap_err().code(), "paseto.invalid_rsa_key", "{kind}");
            let key = read(Version::V1, Purpose::Public, text.as_str());
            assert_eq!(key.unwrap_err().code(), "paseto.invalid_rsa_key", "{kind}");
        }
    }

    fn secrets() -> impl Iterator<Item = Key> {
        kinds().map(|(version, purpose)| key(version, purpose))
    }

    fn wrapping(version: Version) -> Key {
        Key::from_data(version, KeyType::Local, &[9; 32]).unwrap()
    }

    fn refused<T: fmt::Debug>(result: Result<T>) -> bool {
        result.is_err_and(|error| error.code() == "paseto.invalid_paserk")
    }

    /// One key pair to seal with for each version, as PEM.
    fn sealing_pair(version: Version) -> crate::keygen::KeyPair {
        match version {
            Version::V1 => crate::keygen::generate_rsa_key_pair(4096),
            Version::V2 | Version::V4 => crate::keygen::generate_ed25519_keypair(),
            Version::V3 => crate::keygen::generate_ecdsa_p384_keypair(),
        }
        .unwrap()
    }

    fn sealing_keys(version: Version) -> (SealingKey, UnsealingKey) {
        let pair = sealing_pair(version);
        let public = SealingKey::read(version, &pair.public.into()).unwrap();
        (public, UnsealingKey::read(version, &pair.private.into()).unwrap())
    }

    /// Every way to change one bit or to cut the text.
    fn changes(paserk: &str) -> Vec<String> {
        let (header, data) = paserk.rsplit_once('.').unwrap();
        let data = base64url_decode(data).unwrap();
        let write = |data: &[u8]| format!("{header}.{}", base64url_encode(data));
        let mut changed: Vec<String> = (0..data.len().min(700))
            .map(|index| {
                let mut data = data.clone();
                data[index] ^= 1 << (index % 8);
                write(&data)
            })
            .collect();
        changed.extend((0..data.len().min(200)).map(|length| write(&data[..length])));
        changed.push(write(&[&data[..], &[0]].concat()));
        changed
    }

    #[test]
    fn plain_texts_give_the_same_key_back() {
        for key in secrets() {
            let mut keys = vec![key.clone()];
            keys.extend(key.public());
            for key in keys {
                let text = key.to_paserk();
                let again = Key::from_paserk(text.expose()).unwrap();
                assert_eq!(
                    (again.id(), again.kid(), again.key_type(), again.version()),
                    (key.id(), key.kid(), key.key_type(), key.version())
                );
                assert_eq!(again.to_paserk(), text);
            }
        }
    }

    #[test]
    fn an_id_names_the_version_and_the_kind_of_its_key() {
        let mut seen = std::collections::BTreeSet::new();
        for key in secrets() {
            let header = |name: &str| format!("{}.{name}.", key.version().paserk());
            match key.purpose() {
                Purpose::Local => {
                    assert!(key.id().starts_with(&header("lid")) && key.kid() == key.id());
                }
                Purpose::Public => {
                    assert!(key.id().starts_with(&header("sid")) && key.kid().starts_with(&header("pid")));
                    assert_eq!(key.public().unwrap().id(), key.kid());
                    assert!(seen.insert(key.kid().to_owned()));
                }
            }
            assert_eq!(key.id().rsplit_once('.').unwrap().1.len(), 44);
            assert!(seen.insert(key.id().to_owned()));
        }
    }

    #[test]
    fn a_text_has_one_spelling_and_one_version() {
        // attacks 27, 28 and 47
        let text = wrapping(Version::V4).to_paserk();
        let text = text.expose();
        for bad in [
            String::new(),
            ".".repeat(1_000_000),
            "k4".to_owned(),
            "k4.local".to_owned(),
            "k4..".to_owned(),
            format!("{text}="),
            format!("{text} "),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{text}."),
            text.replace("k4.", "k0."),
            text.replace("k4.", "k5."),
            text.replace("k4.", "K4."),
            text.replace("k4.", "v4."),
            text.replace("k4.", "k44."),
            text.replace("local", "LOCAL"),
            text.replace("local", "public-wrap.pie"),
            text.replace("local", "local."),
            text.replace("local", "lid"),
            text.replace("local", "local-wrap.pie"),
            text.replace("local", "local-wrap.aws-kms"),
            text.replace("local", "local-pw"),
            text.replace("local", "seal"),
            format!("k4.local.{}", "A".repeat(9_000)),
            format!("k4.local.{}é", "A".repeat(41)),
        ] {
            let key = wrapping(Version::V4);
            assert!(refused(Key::from_paserk(&bad)), "{bad}");
            assert!(refused(unwrap(&bad, &key)), "{bad}");
            assert!(refused(unwrap_with_password(&bad, b"x", &CHEAP)), "{bad}");
            let unsealing = UnsealingKey::read(Version::V4, &SECRET.into()).unwrap();
            assert!(refused(unseal(&bad, &unsealing)), "{bad}");
        }
        assert_eq!(Key::from_paserk("k4.local.AAAA").unwrap_err().code(), "paseto.invalid_symmetric_key");
    }

    #[test]
    fn a_wrapped_key_opens_with_its_wrapping_key_only() {
        // attack 47
        for key in secrets() {
            let (version, wrapping_key) = (key.version(), wrapping(key.version()));
            let wrapped = wrap(&key, &wrapping_key).unwrap();
            assert_ne!(wrapped, wrap(&key, &wrapping_key).unwrap()); // attack 44
            let opened = unwrap(&wrapped, &wrapping_key).unwrap();
            assert_eq!((opened.id(), opened.key_type()), (key.id(), key.key_type()));
            assert!(refused(unwrap(&wrapped, &Key::generate(version, Purpose::Local))));
            for other in Version::ALL.into_iter().filter(|other| *other != version) {
                assert!(refused(wrap(&key, &wrapping(other))));
                assert!(refused(unwrap(&wrapped, &wrapping(other))));
                let renamed = wrapped.replacen(version.paserk(), other.paserk(), 1);
                assert!(refused(unwrap(&renamed, &wrapping(other))), "{renamed}");
            }
            let renamed = match key.key_type() {
                KeyType::Local => wrapped.replacen("local-", "secret-", 1),
                _ => wrapped.replacen("secret-", "local-", 1),
            };
            assert!(refused(unwrap(&renamed, &wrapping_key)), "{renamed}");
            for changed in changes(&wrapped) {
                assert!(refused(unwrap(&changed, &wrapping_key)), "{changed}");
            }
            assert!(refused(wrap(&key, &super::super::testing::key(version, Purpose::Public))));
        }
    }

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
            let dear = PasswordCost { passes: 2, iterations: 2, ..CHEAP };
            let wrapped = wrap_with_password(&wrapping(version), b"password", &dear).unwrap();
            assert!(refused(unwrap_with_password(&wrapped, b"password", &CHEAP)));
            assert!(unwrap_with_password(&wrapped, b"password", &dear).is_ok());
            for cost in impossible {
                assert!(refused(wrap_with_password(&wrapping(version), b"password", &cost)), "{cost:?}");
            }
        }
    }

    #[test]
    fn a_sealed_key_opens_with_its_private_key_only() {
        // attack 47
        let keys: Vec<_> = Version::ALL.map(|version| (version, sealing_keys(version))).into();
        for (version, (sealing, unsealing)) in &keys {
            let key = wrapping(*version);
            let sealed = seal(&key, sealing).unwrap();
            assert!(sealed.starts_with(&format!("{}.seal.", version.paserk())));
            assert_ne!(sealed, seal(&key, sealing).unwrap()); // attack 44
            assert_eq!(unseal(&sealed, unsealing).unwrap().id(), key.id());
            for changed in changes(&sealed).iter().step_by(if *version == Version::V1 { 40 } else { 1 }) {
                assert!(refused(unseal(changed, unsealing)), "{changed}");
            }
            for (other, (other_sealing, other_unsealing)) in &keys {
                if other != version {
                    assert!(refused(seal(&key, other_sealing)));
                    assert!(refused(unseal(&sealed, other_unsealing)));
                    let renamed = sealed.replacen(version.paserk(), other.paserk(), 1);
                    assert!(refused(unseal(&renamed, other_unsealing)), "{renamed}");
                }
            }
            assert!(refused(seal(&super::super::testing::key(*version, Purpose::Public), sealing)));
        }
        for version in [Version::V2, Version::V3, Version::V4] {
            let sealed = seal(&wrapping(version), &sealing_keys(version).0).unwrap();
            assert!(refused(unseal(&sealed, &sealing_keys(version).1)));
        }
    }

    #[test]
    fn a_sealed_key_whose_shared_secret_everybody_knows_does_not_open() {
        // attack 40: a point of small order makes zeros of every private key
        let unsealing = UnsealingKey::read(Version::V4, &SECRET.into()).unwrap();
        for ephemeral in [[0; 32], {
            let mut one = [0; 32];
            one[0] = 1;
            one
        }] {
            assert!(unsealing.key.decapsulate(b"k4.seal.", &ephemeral).is_none());
        }
        let text = format!("k4.seal.{}", base64url_encode([0; 96]));
        assert!(refused(unseal(&text, &unsealing)));
        let unsealing = UnsealingKey::read(Version::V3, &P384_SECRET.into()).unwrap();
        for ephemeral in [[0; 49], [2; 49], [4; 49], [0xff; 49]] {
            assert!(unsealing.key.decapsulate(b"k3.seal.", &ephemeral).is_none());
        }
    }

    #[test]
    fn keys_that_seal_are_of_the_kind_and_half_that_is_asked_for() {
        // attack 47
        let pairs: Vec<_> = Version::ALL.map(|version| (version, sealing_pair(version))).into();
        let small = (RSA_PUBLIC, RSA);
        for version in Version::ALL {
            let expected = match version {
                Version::V1 => "paseto.invalid_rsa_key",
                Version::V2 | Version::V4 => "paseto.invalid_ed25519_key",
                Version::V3 => "paseto.invalid_secp384r1_key",
            };
            let sealing = |key: &str| SealingKey::read(version, &key.into()).map_err(|error| error.code());
            let unsealing =
                |key: &str| UnsealingKey::read(version, &key.into()).map_err(|error| error.code());
            for (other, pair) in &pairs {
                let fits =
                    *other == version || (other.suite() == Suite::Sodium && version.suite() == Suite::Sodium);
                assert_eq!(sealing(&pair.public).is_ok(), fits, "{version} {other}");
                assert_eq!(unsealing(pair.private.expose()).is_ok(), fits, "{version} {other}");
                assert_eq!(sealing(pair.private.expose()).unwrap_err(), expected);
                assert_eq!(unsealing(&pair.public).unwrap_err(), expected);
            }
            for key in [small.0, SHARED, "", "secret", &wrapping(version).to_paserk().expose().clone()] {
                if key != SHARED || version.suite() == Suite::Nist {
                    assert_eq!(sealing(key).unwrap_err(), expected, "{version} {key}");
                }
            }
            assert_eq!(unsealing(small.1).unwrap_err(), expected);
        }
    }

    #[test]
    fn an_ed25519_key_and_its_x25519_key_are_one_to_seal_with() {
        use crate::crypto::ed25519;
        use crate::crypto::key_encoding::KeyMaterial;
        let seed = hex(&SECRET[..64]);
        let private = ed25519::to_x25519_private_key(&seed).to_vec();
        let public = crate::crypto::x25519::public_key(&private).unwrap().to_vec();
        let x25519 = KeyMaterial::X25519 { public, private: Some(private.into()) };
        for version in [Version::V2, Version::V4] {
            let key = wrapping(version);
            let private = x25519.to_private_pem(None).unwrap().unwrap();
            let of_x25519 = UnsealingKey::read(version, &private.into()).unwrap();
            let of_ed25519 = UnsealingKey::read(version, &SECRET.into()).unwrap();
            let to_x25519 = SealingKey::read(version, &x25519.to_public_pem().unwrap().into()).unwrap();
            let to_ed25519 = SealingKey::read(version, &PUBLIC.into()).unwrap();
            assert_eq!(unseal(&seal(&key, &to_ed25519).unwrap(), &of_x25519).unwrap().id(), key.id());
            assert_eq!(unseal(&seal(&key, &to_x25519).unwrap(), &of_ed25519).unwrap().id(), key.id());
        }
    }

    #[test]
    fn a_public_key_is_not_wrapped_as_if_it_were_secret() {
        for version in Version::ALL {
            let public = key(version, Purpose::Public).public().unwrap();
            assert!(refused(wrap(&public, &wrapping(version))));
            assert!(refused(wrap_with_password(&public, b"password", &CHEAP)));
            assert!(refused(wrap(&wrapping(version), &public)));
        }
    }

    #[test]
    fn debug_shows_no_key() {
        // attack 74
        let (sealing, unsealing) = sealing_keys(Version::V4);
        assert_eq!(
            format!("{sealing:?} {unsealing:?}"),
            "SealingKey(k4.seal) UnsealingKey(k4.seal.[redacted])"
        );
    }
}
