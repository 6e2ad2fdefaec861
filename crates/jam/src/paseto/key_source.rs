//! The forms in which a key is written.

use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use crate::crypto::key_encoding::KeyMaterial;
use crate::encoding::base64url_decode;
use crate::secret::Secret;
use crate::{PasetoError, Reason, Result};

/// A key as it is written in a configuration, in one of these forms, tried in this order:
///
/// 1. PEM: text with `-----BEGIN`. A private key (PKCS#8, not encrypted) or a public key (SubjectPublicKeyInfo).
/// 2. PASERK: text that begins with `k`, the version's digit and a dot: `k4.local.`, `k4.secret.`, `k4.public.`.
/// 3. Hexadecimal: an even number of hexadecimal digits and nothing else.
/// 4. Base64url, with or without padding: every other text.
///
/// White space around the text is skipped. Bytes that are exactly as long as the key, or no text at all, are the key; other
/// bytes are read as the text that they spell. In a form without a name (hexadecimal, base64url, bytes) a local key has 32
/// bytes; a key pair is what its PASERK holds:
///
/// | version | private key | public key |
/// |---|---|---|
/// | 1 | DER, PKCS#1 | DER, SubjectPublicKeyInfo |
/// | 2, 4 | 64 bytes: the seed and the public key | 32 bytes |
/// | 3 | 48 bytes | 49 bytes, a compressed point |
///
/// So an Ed25519 private key is never given as 32 such bytes: they could as well be the public key, and signing with that as
/// a seed would be a key that everybody knows.
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

impl From<Secret<String>> for KeySource {
    fn from(text: Secret<String>) -> Self {
        Self::Text(text)
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
            Self::Bytes(bytes) => match std::str::from_utf8(bytes.expose()) {
                Ok(text) if !lengths.contains(&text.len()) => text,
                _ => return Ok(Material::Raw(Zeroizing::new(bytes.expose().clone()))),
            },
            Self::Text(text) => text.expose(),
        };
        let text = text.trim();
        if text.contains("-----BEGIN") {
            return KeyMaterial::from_pem(text, None)
                .map(Material::Pem)
                .map_err(|refusal| error(refusal.to_string().into()));
        }
        if is_paserk(text) {
            return paserk_material(text).ok_or_else(|| error("the key's PASERK is not base64url".into()));
        }
        // Otherwise a hexadecimal key of another version could be taken for the base64url of a longer one.
        let is_hexadecimal =
            text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
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

fn paserk_material(text: &str) -> Option<Material> {
    let (name, data) = text.rsplit_once('.')?;
    Some(Material::Paserk { name: name.to_owned(), bytes: Zeroizing::new(base64url_decode(data)?) })
}

/// Padding is dropped where it fills the last group of four, as in a Fernet key.
fn without_padding(text: &str) -> &str {
    let bare = text.trim_end_matches('=');
    if text.len().is_multiple_of(4) && text.len() - bare.len() <= 2 { bare } else { text }
}
