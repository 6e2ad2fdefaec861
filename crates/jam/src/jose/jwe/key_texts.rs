//! The keys of a codec as they stand in a configuration.

use super::algorithm::{ContentEncryption, KeyManagement};
use crate::encoding::base64url_decode;
use crate::jose::Jwk;
use crate::jose::key_ring::each;
use crate::secret::Secret;
use crate::{ConfigurationError, Error, KeyError, Result};

/// The keys of a [`Jwe`](super::Jwe) as they stand in a configuration: `secret` for the algorithms with a shared key or a
/// password, `private_key` and `public_key` for the others.
///
/// ```
/// use jam::jose::jwe::{ContentEncryption, Jwe, JweKeyTexts, JweOptions, KeyManagement};
///
/// let keys = JweKeyTexts {
///     secret: vec![b"AAECAwQFBgcICQoLDA0ODw".as_slice().into()],
///     ..JweKeyTexts::default()
/// };
/// let (key_management, content_encryption) = (KeyManagement::A128Kw, ContentEncryption::A128Gcm);
/// let options = JweOptions { key_management, content_encryption, ..JweOptions::default() };
/// let jwe = Jwe::new(&keys.read(key_management, content_encryption)?, options)?;
/// # let _ = jwe;
/// # Ok::<(), jam::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct JweKeyTexts {
    /// Shared keys, the newest first: exactly as many bytes as the algorithm asks for, these in base64url, or the JSON text
    /// of an `oct` JWK. With PBES2, passwords.
    pub secret: Vec<Secret<Vec<u8>>>,
    /// Private keys as PEM or JWK text, the newest first; never a path. All decrypt, and without a public key the newest
    /// encrypts, too.
    pub private_key: Vec<Secret<String>>,
    /// The public key to encrypt to, as PEM or JWK text; never a path. It need not belong to a private key.
    pub public_key: Option<Secret<String>>,
    /// What opens private keys that are encrypted.
    pub password: Option<Secret<String>>,
}

impl JweKeyTexts {
    /// The keys in the order that [`Jwe::new`](super::Jwe::new) takes.
    ///
    /// # Errors
    /// [`KeyError`] for what is no key, and for no key at all; [`ConfigurationError::Key`] for keys that the algorithm has no
    /// use for.
    pub fn read(&self, algorithm: KeyManagement, encryption: ContentEncryption) -> Result<Vec<Jwk>> {
        let keys = if algorithm.is_symmetric() {
            if !self.private_key.is_empty() || self.public_key.is_some() || self.password.is_some() {
                return Err(unused(algorithm, "secret", "private_key, public_key and password"));
            }
            each("secret", &self.secret, |secret| secret_key(secret, algorithm, encryption))?
        } else {
            if !self.secret.is_empty() {
                return Err(unused(algorithm, "private_key and public_key", "secret"));
            }
            self.pairs()?
        };
        if keys.is_empty() {
            let (name, wanted) = match algorithm.is_symmetric() {
                true => ("secret", "secret"),
                false => ("private_key", "private_key, or public_key to encrypt only"),
            };
            let reason = format!("{algorithm} needs {wanted}; none is configured");
            return Err(Error::from(KeyError::NotFound(reason.into())).at(name));
        }
        Ok(keys)
    }

    fn pairs(&self) -> Result<Vec<Jwk>> {
        let password = self.password.as_ref().map(|password| password.expose().as_str());
        // Of several keys only some may be encrypted.
        let is_encrypted = |text: &Secret<String>| text.expose().contains("BEGIN ENCRYPTED PRIVATE KEY");
        if password.is_some() && !self.private_key.iter().any(is_encrypted) {
            let reason = "a password is given, but no key is encrypted";
            return Err(Error::from(KeyError::Malformed(reason.into())).at("password"));
        }
        let mut keys =
            each("public_key", self.public_key.as_slice(), |text| Jwk::from_text(text.expose(), None))?;
        keys.extend(each("private_key", &self.private_key, |text| {
            Jwk::from_text(text.expose(), password.filter(|_| is_encrypted(text)))
        })?);
        Ok(keys)
    }
}

fn secret_key(
    secret: &Secret<Vec<u8>>,
    algorithm: KeyManagement,
    encryption: ContentEncryption,
) -> Result<Jwk> {
    let bytes = secret.expose();
    let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
    if text.starts_with('{') {
        return Jwk::from_json(text);
    }
    let Some(length) = algorithm.key_length(encryption).filter(|length| *length != bytes.len()) else {
        return Ok(Jwk::from_secret(secret.clone()));
    };
    let decoded = base64url_decode(text.trim_end_matches('=')).map(Secret::new);
    let decoded = decoded.filter(|decoded| decoded.expose().len() == length);
    decoded.map(Jwk::from_secret).ok_or_else(|| {
        KeyError::WrongKind(
            format!("{algorithm} needs a secret of exactly {length} bytes, as they are or in base64url")
                .into(),
        )
        .into()
    })
}

fn unused(algorithm: KeyManagement, used: &str, unused: &str) -> crate::Error {
    ConfigurationError::key("alg", format!("{algorithm} works with {used}; it has no use for {unused}"))
        .into()
}
