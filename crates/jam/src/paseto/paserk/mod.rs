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

mod password;
mod sealing;
mod wrapping;

use zeroize::Zeroizing;

pub use self::password::{PasswordCost, unwrap_with_password, wrap_with_password};
#[cfg(test)]
pub(super) use self::password::{password_lengths, wrap_with_salt};
pub use self::sealing::{SealingKey, UnsealingKey, seal, unseal};
#[cfg(test)]
pub(super) use self::wrapping::wrap_with_nonce;
pub use self::wrapping::{unwrap, wrap};
use super::suite::MessageKeys;
use super::{Key, KeyType, Version, key};
use crate::encoding::base64url_decode;
use crate::secret::Secret;
use crate::{Error, PasetoError, Reason, Result};

/// The longest PASERK in bytes that is read; an RSA private key has 1 600.
pub const MAX_PASERK: usize = 8 * 1024;

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

    fn too_short(&self) -> Error {
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

fn does_not_open() -> Error {
    invalid("the key or password does not open the PASERK")
}

fn unknown_type(known: &str) -> Error {
    invalid(format!("the PASERK is of another type than {known}"))
}

fn invalid(reason: impl Into<Reason>) -> Error {
    PasetoError::InvalidPaserk(reason.into()).into()
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use super::*;
    use crate::crypto::key_encoding::KeyMaterial;
    use crate::encoding::base64url_encode;
    use crate::paseto::Purpose;
    use crate::paseto::testing::{SECRET, key, kinds, read};

    /// The least work there is: the tests are about other things.
    pub(super) const CHEAP: PasswordCost =
        PasswordCost { memory: 8 << 10, passes: 1, lanes: 1, iterations: 1 };

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

    pub(super) fn secrets() -> impl Iterator<Item = Key> {
        kinds().map(|(version, purpose)| key(version, purpose))
    }

    pub(super) fn wrapping(version: Version) -> Key {
        Key::from_data(version, KeyType::Local, &[9; 32]).unwrap()
    }

    pub(super) fn refused<T: fmt::Debug>(result: Result<T>) -> bool {
        result.is_err_and(|error| error.code() == "paseto.invalid_paserk")
    }

    /// Every way to change one bit or to cut the text.
    pub(super) fn changes(paserk: &str) -> Vec<String> {
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
}
