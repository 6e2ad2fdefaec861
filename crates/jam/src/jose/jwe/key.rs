//! Keys that are ready for use. Every check happens here, once; what is kept is the prepared primitive.

use std::fmt;
use std::num::NonZeroU32;

use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::agreement::{Agreed, AgreementKey, Parties, Purpose, agree_with, agreed_key};
use super::algorithm::{ContentEncryption, KeyManagement, Management};
use super::content::{Fresh, OpeningKey, SealingKey};
use super::header::{Header, malformed};
use super::password::{
    DEFAULT_ITERATIONS_LIMIT, FEWEST_ITERATIONS, MOST_ITERATIONS, Password, new_salt, salt_and_iterations,
};
use crate::crypto::aes_gcm::{self, AesGcmKey};
use crate::crypto::aes_key_wrap::KeyWrapKey;
use crate::crypto::key_encoding::KeyMaterial;
use crate::crypto::{ecdh, random_bytes, rsa_oaep};
use crate::encoding::base64url_encode;
use crate::jose::Jwk;
use crate::jose::jwk::Material;
use crate::jose::key_use::check_use;
use crate::secret::Secret;
use crate::{Error, JweError, KeyError, Result};

/// A key that encrypts with exactly one algorithm.
///
/// ```
/// use jam::jose::jwe::{ContentEncryption, EncryptionKey, KeyManagement};
/// use jam::jose::Jwk;
///
/// let secret = Jwk::from_secret(vec![7; 32]);
/// assert!(EncryptionKey::new(KeyManagement::A256Kw, ContentEncryption::A256Gcm, &secret).is_ok());
/// assert!(EncryptionKey::new(KeyManagement::A128Kw, ContentEncryption::A256Gcm, &secret).is_err()); // 16 bytes
/// assert!(EncryptionKey::new(KeyManagement::EcdhEs, ContentEncryption::A256Gcm, &secret).is_err()); // another kind
/// ```
pub struct EncryptionKey {
    key_management: KeyManagement,
    content_encryption: ContentEncryption,
    key_id: Option<String>,
    primitive: Encrypter,
    /// The encoded header of every token that has no parameters of its own.
    pub(super) plain_header: String,
}

/// A key that decrypts exactly one algorithm, and one content encryption unless it is told to accept more.
///
/// ```
/// use jam::jose::jwe::{ContentEncryption, DecryptionKey, KeyManagement};
/// use jam::jose::Jwk;
///
/// let key = Jwk::from_secret(vec![7; 32]);
/// let key = DecryptionKey::new(KeyManagement::A256Kw, ContentEncryption::A256Gcm, &key)?
///     .accepting(&[ContentEncryption::A256CbcHs512])?;
/// assert_eq!(key.key_management(), KeyManagement::A256Kw);
/// # Ok::<(), jam::Error>(())
/// ```
pub struct DecryptionKey {
    key_management: KeyManagement,
    content_encryptions: Vec<ContentEncryption>,
    key_id: Option<String>,
    primitive: Decrypter,
}

enum Encrypter {
    Direct(SealingKey),
    KeyWrap(Box<KeyWrapKey>),
    GcmKeyWrap(AesGcmKey),
    RsaOaep(rsa_oaep::EncryptionKey),
    Agreement(ecdh::PublicKey, Option<usize>),
    Password(Password, NonZeroU32),
}

enum Decrypter {
    Direct(OpeningKey),
    KeyWrap(Box<KeyWrapKey>),
    GcmKeyWrap(AesGcmKey),
    RsaOaep(rsa_oaep::DecryptionKey),
    Agreement(ecdh::PrivateKey, Option<usize>),
    Password(Password, u32),
}

/// The way of a content encryption key to one reader.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// What the reader's header must hold for it.
    pub(super) parameters: Map<String, Value>,
    /// The key itself, encrypted; empty where the reader has it already.
    pub(super) encrypted_key: Vec<u8>,
}

/// A key for content: the one that was prepared when the key was made, or one for this message.
pub(super) enum ContentKey<'a, K> {
    Kept(&'a K),
    Made(K),
}

impl<K> AsRef<K> for ContentKey<'_, K> {
    fn as_ref(&self) -> &K {
        match self {
            Self::Kept(key) => key,
            Self::Made(key) => key,
        }
    }
}

impl EncryptionKey {
    /// Prepares a key for an algorithm and a content encryption. A private key serves with its public half.
    ///
    /// # Errors
    /// [`KeyError::WrongKind`] when the type, the curve, the length, `alg`, `use` or `key_ops` of the key do not allow
    /// this algorithm; [`KeyError::Weak`] for an RSA key under 2048 bits; [`KeyError::Malformed`] for numbers that are
    /// no key; [`Error::Validation`] for PBES2, whose keys are made by [`EncryptionKey::from_password`].
    pub fn new(
        key_management: KeyManagement,
        content_encryption: ContentEncryption,
        key: &Jwk,
    ) -> Result<Self> {
        check_use(key, &usable(key_management, content_encryption), key_management.operations()[0])?;
        let shared = |secret| shared_key(key_management, content_encryption, secret);
        let refused = || wrong_length(key_management, content_encryption);
        let primitive = match (key_management.management(), key.material()) {
            (Management::Direct, Material::Symmetric(secret)) => {
                let key = SealingKey::new(content_encryption, shared(secret)?);
                Encrypter::Direct(key.ok_or_else(refused)?)
            }
            (Management::AesKeyWrap(_), Material::Symmetric(secret)) => {
                Encrypter::KeyWrap(Box::new(KeyWrapKey::new(shared(secret)?).ok_or_else(refused)?))
            }
            (Management::AesGcmKeyWrap(_), Material::Symmetric(secret)) => {
                Encrypter::GcmKeyWrap(AesGcmKey::new(shared(secret)?).ok_or_else(refused)?)
            }
            (Management::RsaOaep(hash), Material::Asymmetric(KeyMaterial::Rsa { public, .. })) => {
                Encrypter::RsaOaep(rsa_oaep::EncryptionKey::new(hash, public)?)
            }
            (Management::Agreement(wrap), Material::Asymmetric(material)) => {
                let key = AgreementKey::new(material).ok_or_else(|| wrong_kind(key_management))?;
                Encrypter::Agreement(key.public()?, wrap)
            }
            (Management::Password { .. }, _) => return Err(needs_opt_in(key_management)),
            _ => return Err(wrong_kind(key_management).into()),
        };
        Ok(Self::finish(key_management, content_encryption, key, primitive))
    }

    /// Prepares a password for PBES2. A password can be guessed from a token: how fast is a matter of `iterations`, of
    /// PBKDF2, and of the password. `None` iterates 600 000 times with SHA-256 and 210 000 times with SHA-384 and
    /// SHA-512.
    ///
    /// # Errors
    /// As [`EncryptionKey::new`]; [`KeyError::WrongKind`] for an algorithm without a password, and when the password is
    /// the text of a key; [`KeyError::Weak`] for an empty one; [`Error::Validation`] for fewer than
    /// [`FEWEST_ITERATIONS`](super::FEWEST_ITERATIONS) or more than [`MOST_ITERATIONS`](super::MOST_ITERATIONS).
    ///
    /// ```
    /// use jam::jose::Jwk;
    /// use jam::jose::jwe::{ContentEncryption, DecryptionKey, EncryptionKey, KeyManagement, Undecrypted, encrypt};
    ///
    /// let (algorithm, encryption) = (KeyManagement::Pbes2Hs256A128Kw, ContentEncryption::A128Gcm);
    /// let password = Jwk::from_secret(b"correct horse battery staple".as_slice());
    /// let key = EncryptionKey::from_password(algorithm, encryption, &password, Some(1_000))?;
    /// let token = encrypt(b"hello", &Default::default(), &key)?;
    ///
    /// let key = DecryptionKey::from_password(algorithm, encryption, &password, None)?;
    /// assert_eq!(Undecrypted::parse(&token)?.decrypt(&key)?.plaintext(), b"hello");
    /// # Ok::<(), jam::Error>(())
    /// ```
    pub fn from_password(
        key_management: KeyManagement,
        content_encryption: ContentEncryption,
        password: &Jwk,
        iterations: Option<u32>,
    ) -> Result<Self> {
        check_use(password, &[key_management.name()], key_management.operations()[0])?;
        let prepared = Password::new(key_management, password)?;
        let iterations = iterations.unwrap_or(prepared.usual_iterations());
        let iterations = NonZeroU32::new(check_iterations(iterations)?).ok_or_else(bad_iterations)?;
        let primitive = Encrypter::Password(prepared, iterations);
        Ok(Self::finish(key_management, content_encryption, password, primitive))
    }

    fn finish(
        key_management: KeyManagement,
        content_encryption: ContentEncryption,
        key: &Jwk,
        primitive: Encrypter,
    ) -> Self {
        let key_id = key.key_id().map(str::to_owned);
        let mut made =
            Self { key_management, content_encryption, key_id, primitive, plain_header: String::new() };
        made.plain_header = base64url_encode(Value::Object(made.own_parameters()).to_string());
        made
    }

    /// The one key management algorithm of the key.
    pub fn key_management(&self) -> KeyManagement {
        self.key_management
    }

    /// The one content encryption of the key.
    pub fn content_encryption(&self) -> ContentEncryption {
        self.content_encryption
    }

    /// The name of the key, which goes into the header as `kid`.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// What every header of a token for this key holds: `alg`, `enc` and `kid`.
    pub(super) fn own_parameters(&self) -> Map<String, Value> {
        let mut parameters = self.recipient_parameters();
        parameters.insert("enc".to_owned(), self.content_encryption.name().into());
        parameters
    }

    /// What belongs to the reader rather than to the message: `alg` and `kid`.
    pub(super) fn recipient_parameters(&self) -> Map<String, Value> {
        let mut parameters = Map::new();
        parameters.insert("alg".to_owned(), self.key_management.name().into());
        if let Some(key_id) = &self.key_id {
            parameters.insert("kid".to_owned(), key_id.as_str().into());
        }
        parameters
    }

    /// Whether the content's key is not sent, but known to the reader or agreed on: then there is one reader only.
    pub(super) fn is_direct(&self) -> bool {
        matches!(self.primitive, Encrypter::Direct(_) | Encrypter::Agreement(_, None))
    }

    /// The key for one message to this reader, and its way there.
    pub(super) fn content_key(
        &self,
        fresh: &Fresh,
        parties: Parties<'_>,
    ) -> Result<(ContentKey<'_, SealingKey>, Delivery)> {
        let encryption = self.content_encryption;
        let (key, delivery) = match &self.primitive {
            Encrypter::Direct(key) => return Ok((ContentKey::Kept(key), Delivery::default())),
            Encrypter::Agreement(public, None) => {
                let purpose =
                    Purpose { algorithm: encryption.name(), length: encryption.key_length(), parties };
                let Agreed { key, parameters } = agree_with(public, purpose)?;
                let delivery = Delivery { parameters, encrypted_key: Vec::new() };
                (SealingKey::new(encryption, &key), delivery)
            }
            _ => {
                let key = fresh.key(encryption);
                (SealingKey::new(encryption, key), self.deliver(key, parties)?)
            }
        };
        let key = key.ok_or_else(|| cannot_encrypt(self.key_management))?;
        Ok((ContentKey::Made(key), delivery))
    }

    /// The way of a message's key to this reader.
    pub(super) fn deliver(&self, content_key: &[u8], parties: Parties<'_>) -> Result<Delivery> {
        let refused = || cannot_encrypt(self.key_management);
        let wrapped = |key: &[u8], parameters| {
            let encrypted_key = KeyWrapKey::new(key).and_then(|key| key.wrap(content_key));
            Ok(Delivery { parameters, encrypted_key: encrypted_key.ok_or_else(refused)? })
        };
        match &self.primitive {
            Encrypter::KeyWrap(key) => {
                let encrypted_key = key.wrap(content_key).ok_or_else(refused)?;
                Ok(Delivery { parameters: Map::new(), encrypted_key })
            }
            Encrypter::GcmKeyWrap(key) => {
                let nonce = *random_bytes::<{ aes_gcm::NONCE_LENGTH }>();
                let mut encrypted_key = content_key.to_vec();
                let tag = key.seal(&nonce, b"", &mut encrypted_key);
                let parameters = Map::from_iter([
                    ("iv".to_owned(), base64url_encode(nonce).into()),
                    ("tag".to_owned(), base64url_encode(tag).into()),
                ]);
                Ok(Delivery { parameters, encrypted_key })
            }
            Encrypter::RsaOaep(key) => {
                let encrypted_key = key.encrypt(content_key).ok_or_else(refused)?;
                Ok(Delivery { parameters: Map::new(), encrypted_key })
            }
            Encrypter::Agreement(public, Some(length)) => {
                let purpose = Purpose { algorithm: self.key_management.name(), length: *length, parties };
                let Agreed { key, parameters } = agree_with(public, purpose)?;
                wrapped(&key, parameters)
            }
            Encrypter::Password(password, iterations) => {
                let salt = new_salt();
                let key = password.derive(&salt, *iterations);
                let parameters = Map::from_iter([
                    ("p2s".to_owned(), base64url_encode(salt).into()),
                    ("p2c".to_owned(), iterations.get().into()),
                ]);
                wrapped(&key, parameters)
            }
            // There is only one way for these, that of `content_key`.
            Encrypter::Direct(_) | Encrypter::Agreement(_, None) => Err(refused()),
        }
    }
}

impl DecryptionKey {
    /// Prepares a key for an algorithm and a content encryption.
    ///
    /// # Errors
    /// As [`EncryptionKey::new`], and [`KeyError::WrongKind`] for a public key; [`Error::Validation`] for PBES2, whose
    /// keys are made by [`DecryptionKey::from_password`].
    pub fn new(
        key_management: KeyManagement,
        content_encryption: ContentEncryption,
        key: &Jwk,
    ) -> Result<Self> {
        check_use(key, &usable(key_management, content_encryption), key_management.operations()[1])?;
        let missing = || {
            KeyError::WrongKind(
                format!("{key_management} decrypts with a private key; this one is public").into(),
            )
        };
        let shared = |secret| shared_key(key_management, content_encryption, secret);
        let refused = || wrong_length(key_management, content_encryption);
        let primitive = match (key_management.management(), key.material()) {
            (Management::Direct, Material::Symmetric(secret)) => {
                let key = OpeningKey::new(content_encryption, shared(secret)?);
                Decrypter::Direct(key.ok_or_else(refused)?)
            }
            (Management::AesKeyWrap(_), Material::Symmetric(secret)) => {
                Decrypter::KeyWrap(Box::new(KeyWrapKey::new(shared(secret)?).ok_or_else(refused)?))
            }
            (Management::AesGcmKeyWrap(_), Material::Symmetric(secret)) => {
                Decrypter::GcmKeyWrap(AesGcmKey::new(shared(secret)?).ok_or_else(refused)?)
            }
            (Management::RsaOaep(hash), Material::Asymmetric(KeyMaterial::Rsa { public, private })) => {
                let private = private.as_ref().ok_or_else(missing)?;
                Decrypter::RsaOaep(rsa_oaep::DecryptionKey::new(hash, public, private)?)
            }
            (Management::Agreement(wrap), Material::Asymmetric(material)) => {
                let key = AgreementKey::new(material).ok_or_else(|| wrong_kind(key_management))?;
                Decrypter::Agreement(key.private()?.ok_or_else(missing)?, wrap)
            }
            (Management::Password { .. }, _) => return Err(needs_opt_in(key_management)),
            _ => return Err(wrong_kind(key_management).into()),
        };
        Ok(Self {
            key_management,
            content_encryptions: vec![content_encryption],
            key_id: key.key_id().map(str::to_owned),
            primitive,
        })
    }

    /// Prepares a password for PBES2. The token says how often it is iterated: from [`FEWEST_ITERATIONS`](super::FEWEST_ITERATIONS) to
    /// `iterations_limit` times, [`DEFAULT_ITERATIONS_LIMIT`](super::DEFAULT_ITERATIONS_LIMIT) if it is `None`. Anybody who can send a token can make
    /// its reader work that long.
    ///
    /// # Errors
    /// As [`EncryptionKey::from_password`].
    pub fn from_password(
        key_management: KeyManagement,
        content_encryption: ContentEncryption,
        password: &Jwk,
        iterations_limit: Option<u32>,
    ) -> Result<Self> {
        check_use(password, &[key_management.name()], key_management.operations()[1])?;
        let limit = check_iterations(iterations_limit.unwrap_or(DEFAULT_ITERATIONS_LIMIT))?;
        let primitive = Decrypter::Password(Password::new(key_management, password)?, limit);
        let content_encryptions = vec![content_encryption];
        let key_id = password.key_id().map(str::to_owned);
        Ok(Self { key_management, content_encryptions, key_id, primitive })
    }

    /// The same key, which decrypts content that is encrypted in one of these ways, too.
    ///
    /// # Errors
    /// [`Error::Validation`] for `dir`, where the key is the content's and so good for one content encryption.
    pub fn accepting(mut self, content_encryptions: &[ContentEncryption]) -> Result<Self> {
        for encryption in content_encryptions {
            if self.content_encryptions.contains(encryption) {
                continue;
            }
            if matches!(self.primitive, Decrypter::Direct(_)) {
                return Err(Error::validation(
                    "with \"dir\" the key is the content's, and good for one content encryption",
                ));
            }
            self.content_encryptions.push(*encryption);
        }
        Ok(self)
    }

    /// The one key management algorithm of the key.
    pub fn key_management(&self) -> KeyManagement {
        self.key_management
    }

    /// The content encryptions that the key decrypts.
    pub fn content_encryptions(&self) -> &[ContentEncryption] {
        &self.content_encryptions
    }

    /// The name of the key. A token that names another one in `kid` is not for it.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The content encryption of a token, if the header names the algorithm of this key and one that it accepts.
    pub(super) fn accepts(&self, header: &Header) -> Result<ContentEncryption, JweError> {
        if header.algorithm() != self.key_management.name() {
            return Err(JweError::UnsupportedAlgorithm(
                format!(
                    "the token's \"alg\" is not {}, the only one that the key decrypts",
                    self.key_management
                )
                .into(),
            ));
        }
        let accepted = &self.content_encryptions;
        let found = accepted.iter().find(|encryption| encryption.name() == header.content_encryption());
        found.copied().ok_or_else(|| {
            let names: Vec<_> = accepted.iter().map(|encryption| encryption.name()).collect();
            JweError::UnsupportedAlgorithm(
                format!("the token's \"enc\" must be {} for this key", names.join(" or ")).into(),
            )
        })
    }

    /// Whether a token with this `kid` may be for this key.
    pub(super) fn may_be(&self, key_id: Option<&str>) -> bool {
        match (key_id, self.key_id()) {
            (Some(named), Some(own)) => named == own,
            _ => true,
        }
    }

    /// The key of a token's content. Where an encrypted key is none of this one's, it is a random key, so that neither
    /// the error nor the time tells at which step a decryption failed (RFC 7516 section 11.5).
    ///
    /// `iterations_done` counts how often the tokens of one call have had passwords iterated, whichever they were: a token
    /// that does not say which of several it is of costs no more than one that does.
    pub(super) fn content_key(
        &self,
        encryption: ContentEncryption,
        header: &Header,
        encrypted_key: &[u8],
        iterations_done: &mut u32,
    ) -> Result<ContentKey<'_, OpeningKey>, JweError> {
        let is_direct = matches!(self.primitive, Decrypter::Direct(_) | Decrypter::Agreement(_, None));
        // RFC 7516 section 5.2, steps 8 and 10.
        if is_direct && !encrypted_key.is_empty() {
            return Err(malformed("the token has an encrypted key, which its algorithm does not know"));
        }
        if let Decrypter::Direct(key) = &self.primitive {
            return Ok(ContentKey::Kept(key));
        }
        // Made before it is known whether it is needed.
        let substitute = Fresh::new();
        let key = match &self.primitive {
            Decrypter::Direct(_) => None,
            Decrypter::KeyWrap(key) => key.unwrap(encrypted_key),
            Decrypter::GcmKeyWrap(key) => {
                let nonce = header.required_bytes("iv")?;
                let tag = header.required_bytes("tag")?;
                unwrap_gcm(key, &nonce, &tag, encrypted_key)
            }
            Decrypter::RsaOaep(key) => key.decrypt(encrypted_key),
            Decrypter::Agreement(private, None) => {
                let (algorithm, length) = (encryption.name(), encryption.key_length());
                Some(agreed_key(private, header, algorithm, length)?)
            }
            Decrypter::Agreement(private, Some(length)) => {
                let key = agreed_key(private, header, self.key_management.name(), *length)?;
                KeyWrapKey::new(&key).and_then(|key| key.unwrap(encrypted_key))
            }
            Decrypter::Password(password, limit) => {
                let (salt, iterations) = salt_and_iterations(header, *limit)?;
                let done = iterations_done.saturating_add(iterations.get());
                if done > *limit {
                    return Err(malformed(
                        "to try all passwords that the token may be of takes more iterations (\"p2c\") than the limit allows for \
                         all together; a \"kid\" would say which one it is",
                    ));
                }
                *iterations_done = done;
                let key = password.derive(&salt, iterations);
                KeyWrapKey::new(&key).and_then(|key| key.unwrap(encrypted_key))
            }
        };
        let key = key.as_deref().filter(|key| key.len() == encryption.key_length());
        let key = OpeningKey::new(encryption, key.map_or(substitute.key(encryption), Vec::as_slice));
        key.map(ContentKey::Made).ok_or(JweError::DecryptionFailed)
    }
}

/// One key is a list of one, wherever a list of keys decrypts.
impl IntoIterator for &DecryptionKey {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EncryptionKey")
            .field("key_management", &self.key_management)
            .field("content_encryption", &self.content_encryption)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DecryptionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("DecryptionKey")
            .field("key_management", &self.key_management)
            .field("content_encryptions", &self.content_encryptions)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn unwrap_gcm(key: &AesGcmKey, nonce: &[u8], tag: &[u8], encrypted_key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut data = Zeroizing::new(encrypted_key.to_vec());
    key.open(nonce.try_into().ok()?, b"", &mut data, tag.try_into().ok()?)?;
    Some(data)
}

/// What `alg` of a key may be. One that encrypts the content itself may be named by that: RFC 7520 section 5.6 does.
fn usable(key_management: KeyManagement, content_encryption: ContentEncryption) -> Vec<&'static str> {
    match key_management {
        KeyManagement::Direct => vec![key_management.name(), content_encryption.name()],
        _ => vec![key_management.name()],
    }
}

/// The bytes of a shared key, which must be as long as the algorithm asks for.
fn shared_key(
    key_management: KeyManagement,
    encryption: ContentEncryption,
    secret: &Secret<Vec<u8>>,
) -> Result<&[u8], KeyError> {
    let bytes = secret.expose();
    match key_management.key_length(encryption) {
        Some(length) if length == bytes.len() => Ok(bytes),
        _ => Err(wrong_length(key_management, encryption)),
    }
}

fn wrong_length(key_management: KeyManagement, encryption: ContentEncryption) -> KeyError {
    let length = key_management.key_length(encryption).unwrap_or_default();
    KeyError::WrongKind(match key_management {
        KeyManagement::Direct => {
            format!("{key_management} with {encryption} needs a key of exactly {length} bytes").into()
        }
        _ => format!("{key_management} needs a key of exactly {length} bytes").into(),
    })
}

pub(super) fn wrong_kind(key_management: KeyManagement) -> KeyError {
    KeyError::WrongKind(
        match key_management.management() {
            Management::RsaOaep(_) => format!("{key_management} needs an RSA key"),
            Management::Agreement(_) => {
                format!("{key_management} needs an EC key on P-256, P-384 or P-521, or an X25519 key")
            }
            Management::Password { .. } => format!("{key_management} needs a password (kty \"oct\")"),
            _ => format!("{key_management} needs a symmetric key (kty \"oct\")"),
        }
        .into(),
    )
}

fn check_iterations(iterations: u32) -> Result<u32> {
    let is_possible = (FEWEST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations);
    if is_possible { Ok(iterations) } else { Err(bad_iterations()) }
}

fn bad_iterations() -> Error {
    Error::validation(format!(
        "a password is iterated from {FEWEST_ITERATIONS} to {MOST_ITERATIONS} times, and so is the limit"
    ))
}

fn needs_opt_in(key_management: KeyManagement) -> Error {
    Error::validation(format!(
        "{key_management} works with a password, which can be guessed from a token; if that is meant, say so by `from_password`"
    ))
}

fn cannot_encrypt(key_management: KeyManagement) -> Error {
    KeyError::WrongKind(format!("{key_management} cannot encrypt a key of this length").into()).into()
}
