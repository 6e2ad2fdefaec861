//! Keys: they carry their version and purpose, and come in several written forms.

use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use super::{Primitive, Purpose, Version, v4};
use crate::crypto::key_encoding::KeyMaterial;
use crate::encoding::base64url_decode;
use crate::secret::Secret;
use crate::{PasetoError, Reason, Result};

/// A key for one version and one purpose. It cannot be used for another: a token of another version or
/// purpose is refused before any cryptography.
#[derive(Clone)]
pub struct Key {
    version: Version,
    purpose: Purpose,
    primitive: Arc<dyn Primitive>,
}

impl Key {
    /// Reads the shared key (local), or the private key, the public key, or both (public).
    ///
    /// # Errors
    /// [`PasetoError::InvalidSymmetricKey`] or [`PasetoError::InvalidEd25519Key`] when a key is missing, has an
    /// unknown form or length, or is of another version or purpose; when a private and a public key are given
    /// that do not belong together.
    pub fn read(
        version: Version,
        purpose: Purpose,
        key: Option<&KeySource>,
        public_key: Option<&KeySource>,
    ) -> Result<Self> {
        let primitive = match version {
            Version::V4 => v4::read(purpose, key, public_key)?,
        };
        Ok(Self { version, purpose, primitive })
    }

    /// A new random key.
    pub fn generate(version: Version, purpose: Purpose) -> Self {
        let primitive = match version {
            Version::V4 => v4::generate(purpose),
        };
        Self { version, purpose, primitive }
    }

    /// The version of the key's tokens.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The purpose of the key's tokens.
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    pub(super) fn header(&self) -> String {
        format!("{}.{}.", self.version, self.purpose)
    }

    pub(super) fn primitive(&self) -> &dyn Primitive {
        self.primitive.as_ref()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({}[redacted])", self.header())
    }
}

/// A key as it is written in a configuration, in one of these forms, tried in this order:
///
/// 1. PEM: text with `-----BEGIN`. A private key (PKCS#8, not encrypted) or a public key (SubjectPublicKeyInfo).
/// 2. PASERK: text that begins with `k`, the version's digit and a dot: `k4.local.`, `k4.secret.`, `k4.public.`.
/// 3. Hexadecimal: text of hexadecimal digits alone, exactly as long as the key asks for.
/// 4. Base64url, with or without padding: every other text.
///
/// White space around the text is skipped. Bytes that are exactly as long as the key are the key; other bytes
/// are read as the text that they spell. In a form without a name (hexadecimal, base64url, bytes) a v4.local
/// key has 32 bytes, a v4 private key 64 (the seed and the public key), and a v4 public key 32. So a private key is never given
/// as 32 such bytes: they could as well be the public key, and signing with that as a seed would be a key that everybody knows.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum KeySource {
    /// Text in one of the forms above.
    Text(Secret<String>),
    /// The key itself, or text as bytes.
    Bytes(Secret<Vec<u8>>),
}

impl From<&str> for KeySource {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for KeySource {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&[u8]> for KeySource {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for KeySource {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

/// What a [`KeySource`] turned out to be. A version decides whether it can use it.
pub(super) enum Material {
    /// The key of a PEM text, of whatever kind.
    Pem(KeyMaterial),
    /// A PASERK: `name` is `k4.local` and so on.
    Paserk { name: String, bytes: Zeroizing<Vec<u8>> },
    /// Bytes without a name.
    Raw(Zeroizing<Vec<u8>>),
}

impl KeySource {
    /// Reads the key's form. `lengths` are those that a key without a name may have.
    pub(super) fn material(
        &self,
        lengths: &[usize],
        error: impl Fn(Reason) -> PasetoError,
    ) -> Result<Material, PasetoError> {
        let text = match self {
            Self::Bytes(bytes) if lengths.contains(&bytes.expose().len()) => {
                return Ok(Material::Raw(Zeroizing::new(bytes.expose().clone())));
            }
            Self::Bytes(bytes) => std::str::from_utf8(bytes.expose())
                .map_err(|_| error("the key's bytes do not have the length of a key".into()))?,
            Self::Text(text) => text.expose(),
        };
        let text = text.trim();
        if text.contains("-----BEGIN") {
            return KeyMaterial::from_pem(text, None)
                .map(Material::Pem)
                .map_err(|refusal| error(refusal.to_string().into()));
        }
        if is_paserk(text) {
            return paserk(text).ok_or_else(|| error("the key's PASERK is not base64url".into()));
        }
        let is_hexadecimal = lengths.iter().any(|length| text.len() == 2 * length)
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bytes = if is_hexadecimal {
            HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()
        } else {
            base64url_decode(without_padding(text))
        };
        let bytes =
            bytes.ok_or_else(|| error("the key is neither PEM, PASERK, hexadecimal nor base64url".into()))?;
        Ok(Material::Raw(Zeroizing::new(bytes)))
    }
}

fn is_paserk(text: &str) -> bool {
    matches!(text.as_bytes(), [b'k', digit, b'.', ..] if digit.is_ascii_digit())
}

fn paserk(text: &str) -> Option<Material> {
    let (name, data) = text.rsplit_once('.')?;
    Some(Material::Paserk { name: name.to_owned(), bytes: Zeroizing::new(base64url_decode(data)?) })
}

/// Padding is dropped where it fills the last group of four, as in a Fernet key.
fn without_padding(text: &str) -> &str {
    let bare = text.trim_end_matches('=');
    if text.len().is_multiple_of(4) && text.len() - bare.len() <= 2 { bare } else { text }
}
